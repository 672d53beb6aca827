"""Counts in buckets, as plain integers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """
    Counts values by size.

    @param bounds: the upper bounds of the buckets; a last bucket has what is beyond them.
    @ivar counts: one for each bound, and one for what is beyond.
    @ivar sum: of all values.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value. One that equals a bound belongs to that bound's bucket."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def cumulated(counts: Sequence[int], total: float) -> tuple[float, ...]:
    """
    The values of a histogram in the order in which Prometheus' text has them: how many there are up to each bound,
    how many there are, and their sum.
    """
    cumulative = tuple(accumulate(counts))
    return (*cumulative, cumulative[-1], total)


def marks(bounds: Sequence[float]) -> list[str]:
    """The values of the label C{le}."""
    return [*(repr(float(bound)) for bound in bounds), "+Inf"]
