"""The targets of tinylb: what its figures should be, most of them relative to other proxies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.results import SUBJECT, Results

_THREE = ("haproxy", "nginx", "envoy")


class Outcome(NamedTuple):
    """
    Whether a target is met.

    @ivar reached: the figure; L{None} when it was not measured.
    """

    target: Target
    reached: float | None

    @property
    def isMet(self) -> bool | None:
        """L{None} when that is not known."""
        return None if self.reached is None else self.reached <= self.target.most


@dataclass(frozen=True)
class Target:
    """
    One of tinylb's figures should be at most C{most}.

    @ivar subject: which variant of tinylb.
    @ivar beside: the peers by whose figures it is divided; the largest ratio counts, which is that to the best peer.
        Without peers the figure itself counts.
    """

    figure: str
    most: float
    beside: tuple[str, ...] = ()
    subject: str = SUBJECT

    def look(self, results: Results) -> Outcome:
        """Whether the target is met. That is unknown if one of the peers was not measured."""
        if not self.beside:
            return Outcome(self, results.middle(self.figure, self.subject))
        ratios = [results.ratio(self.figure, self.subject, peer) for peer in self.beside]
        known = [ratio for ratio in ratios if ratio is not None]
        return Outcome(self, max(known) if len(known) == len(ratios) else None)


def _bulk() -> Iterator[Target]:
    limits = {"haproxy": 0.55, "haproxy-splice": 0.75, "nginx": 0.6, "envoy": 0.6, "go": 1.0}
    for direction in ("", "-reverse"):
        for peer, most in limits.items():
            yield Target(f"bulk-4{direction}", most, (peer,))


TARGETS: tuple[Target, ...] = (
    *_bulk(),
    Target("small", 1.05, _THREE),
    Target("short", 1.0, ("envoy",)),
    Target("short", 1.4, ("haproxy",)),
    Target("short", 1.1, (SUBJECT,), subject="tinylb-attached"),
    Target("latency-p50", 1.0, _THREE),
    Target("memory-2000", 2.5),
    Target("memory-8000", 2.5),
    Target("removal-last", 400.0),
)
