"""
Lines of Prometheus' text. prometheus-client writes the lines of one backend once, without values; later only the label
and the values are filled in. Having it write a line anew takes 5 µs, and 200 backends have 12,000 lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BACKEND = "\0"
"""Stands for the backend's id as a label's value."""

BLANK = "\1"
"""Stands for the value of another label, to be filled in."""

NO_VALUE = float("nan")
"""Stands for a sample's value, to be filled in."""


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def text(families: Iterable[Metric]) -> bytes:
    """The text of these families, with their headers."""
    return generate_latest(_Collected(families))


class Shape:
    """
    The lines that a family has for each backend.

    @param family: has the samples of one backend; each value is L{NO_VALUE}, each label's C{backend} is L{BACKEND}.
    @ivar header: the lines that come once, before all others.
    """

    def __init__(self, family: Metric) -> None:
        samples, family.samples = family.samples, []
        self.header = text((family,)).decode()
        family.samples = samples
        lines = text((family,)).decode()[len(self.header) :]
        self._lines = lines.replace("%", "%%").replace(" NaN\n", " %s\n").replace(BLANK, "%s")

    def fill(self, label: str, values: tuple[object, ...]) -> str:
        """
        The lines of one backend.

        @param label: its id, by L{Labels}.
        @param values: one for each L{BLANK} and L{NO_VALUE}, as they come: numbers, and what L{Labels} gives.
        """
        return (self._lines % values).replace(BACKEND, label)


class Labels:
    """The values of labels, escaped for the text. Values that are not asked for in a round are forgotten after it."""

    def __init__(self) -> None:
        self._former: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def begin(self) -> None:
        """Begin another round."""
        self._former, self._known = self._known, {}

    def of(self, value: str) -> str:
        """A value, with what needs escaping escaped."""
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._former.get(value) or _escaped(value)
        return known


def _escaped(value: str) -> str:
    family = GaugeMetricFamily("x", "", labels=("x",))
    # JSON may have a lone surrogate, which cannot be encoded and would spoil the text. BACKEND and BLANK are ours.
    value = value.encode("utf-8", "backslashreplace").decode().replace(BACKEND, "\\0").replace(BLANK, "\\1")
    family.add_metric((value,), 0)
    line = text((family,)).decode().split("\n")[-2]
    return line[len('x{x="') : -len('"} 0.0')]
