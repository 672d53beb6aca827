"""The families of metrics that have something for each backend: their names, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tinylb.events import DialFailure, Verdict
from tinylb.metrics.histogram import marks
from tinylb.metrics.lines import BACKEND, BLANK, NO_VALUE, Labels, Shape
from tinylb.metrics.reading import Presence, Reading
from tinylb.metrics.tally import DURATIONS, ENDS
from tinylb.registry import DIAL_TIMES

Values = Callable[[Reading, Labels], "tuple[object, ...] | None"]


@dataclass(frozen=True)
class BackendFamily:
    """
    One family.

    @ivar values: what is to be filled in for a backend; L{None} if it has no lines.
    """

    shape: Shape
    values: Values


def backendFamilies() -> list[BackendFamily]:
    """All families of this kind."""
    gauge, counter = GaugeMetricFamily, CounterMetricFamily
    ways, ends = ("in", "out"), [end.value for end in ENDS]
    states, kinds = [verdict.value for verdict in Verdict], [kind.value for kind in DialFailure]
    families: list[tuple[Metric, Values]] = [
        (_info(), _present(lambda here, labels: ("yes" if here.isStandby else "no", labels.of(here.target), 1))),
        (
            _blank(gauge, "state", "1 for the state that a backend of the set is in, 0 for the others.", state=states),
            _present(lambda here, _: _STATES[here.verdict]),
        ),
        (_blank(gauge, "tier", "A backend's tier; 0 is used first."), _present(lambda here, _: (here.tier,))),
        (
            _blank(gauge, "weight", "A backend's share of new connections beside the others of its tier."),
            _present(lambda here, _: (here.weight,)),
        ),
        (
            _blank(gauge, "connections", "Open connections to a backend's target."),
            _present(lambda here, _: (here.connections,)),
        ),
        (
            _blank(counter, "picked", "Attempts to connect to a backend that began."),
            lambda reading, _: (reading.picked,),
        ),
        (
            _blank(counter, "dial_failures", "Attempts to connect to a backend that failed.", kind=kinds),
            lambda reading, _: tuple(reading.failures),
        ),
        (
            _histogram("dial_seconds", "How long attempts took that succeeded.", DIAL_TIMES),
            lambda reading, _: tuple(reading.dials),
        ),
        (
            _blank(counter, "connections_opened", "Connections of clients that were joined to a backend."),
            lambda reading, _: (reading.opened,),
        ),
        (
            _blank(counter, "connections_closed", "Connections of clients to a backend that ended.", reason=ends),
            lambda reading, _: tuple(reading.closed),
        ),
        (
            _histogram("connection_duration_seconds", "How long connections lasted that ended.", DURATIONS),
            lambda reading, _: tuple(reading.durations),
        ),
        (
            _blank(counter, "relayed_bytes", "Bytes from clients to a backend (in) and back (out).", direction=ways),
            lambda reading, _: (reading.bytesIn, reading.bytesOut),
        ),
    ]
    return [BackendFamily(Shape(family), values) for family, values in families]


_PREFIX = "tinylb_backend_"
_STATES = {verdict: tuple(int(each is verdict) for each in Verdict) for verdict in Verdict}


def _present(values: Callable[[Presence, Labels], tuple[object, ...]]) -> Values:
    """Give values only for backends that are in the set."""

    def ofReading(reading: Reading, labels: Labels) -> tuple[object, ...] | None:
        return None if reading.presence is None else values(reading.presence, labels)

    return ofReading


def _blank(
    of: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, help: str, **members: Iterable[str]
) -> Metric:
    """
    @param members: a second label, and its values.
    """
    family = of(_PREFIX + name, help, labels=("backend", *members))
    for second in zip(*members.values(), strict=True) if members else ((),):
        family.add_metric((BACKEND, *second), NO_VALUE)
    return family


def _histogram(name: str, help: str, bounds: Sequence[float]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, help, labels=("backend",))
    family.add_metric((BACKEND,), [(mark, NO_VALUE) for mark in marks(bounds)], NO_VALUE)
    return family


def _info() -> Metric:
    help = "1 for a backend of the set: where it leads to, and whether it only stands by."
    family = GaugeMetricFamily(f"{_PREFIX}info", help, labels=("backend", "standby", "target"))
    family.add_metric((BACKEND, BLANK, BLANK), NO_VALUE)
    return family
