"""The families of metrics that have something for each backend: their names, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tinylb.backends import Member
from tinylb.events import DialFailure, Verdict
from tinylb.metrics.histogram import cumulated, marks
from tinylb.metrics.lines import BACKEND, BLANK, NO_VALUE, Labels, Shape
from tinylb.metrics.tally import DURATIONS, ENDS, Tally
from tinylb.registry import DIAL_TIMES
from tinylb.selection import Selection

Values = Callable[[Tally], "tuple[object, ...] | None"]


@dataclass(frozen=True)
class BackendFamily:
    """
    One family.

    @ivar values: what is to be filled in for a backend; L{None} if it has no lines.
    """

    shape: Shape
    values: Values


def backendFamilies(selection: Selection, labels: Labels) -> list[BackendFamily]:
    """All families of this kind, but the one of L{relayedShape}."""
    gauge, counter = GaugeMetricFamily, CounterMetricFamily
    ends = [end.value for end in ENDS]
    states, kinds = [verdict.value for verdict in Verdict], [kind.value for kind in DialFailure]
    families: list[tuple[Metric, Values]] = [
        (_info(), _ofMember(lambda here: ("yes" if here.isStandby else "no", labels.of(here.target), 1))),
        (
            _blank(gauge, "state", "1 for the state that a backend of the set is in, 0 for the others.", state=states),
            _ofMember(lambda here: _STATES[selection.findingOf(here).verdict]),
        ),
        (_blank(gauge, "tier", "A backend's tier; 0 is used first."), _ofMember(lambda here: (here.tier,))),
        (
            _blank(gauge, "weight", "A backend's share of new connections beside the others of its tier."),
            _ofMember(lambda here: (here.weight,)),
        ),
        (_blank(gauge, "connections", "Open connections to a backend's target."), _connections),
        (_blank(counter, "picked", "Attempts to connect to a backend that began."), _picked),
        (
            _blank(counter, "dial_failures", "Attempts to connect to a backend that failed.", kind=kinds),
            lambda tally: tuple(tally.failures.values()),
        ),
        (_histogram("dial_seconds", "How long attempts took that succeeded.", DIAL_TIMES), _dials),
        (_blank(counter, "connections_opened", "Connections of clients that were joined to a backend."), _opened),
        (
            _blank(counter, "connections_closed", "Connections of clients to a backend that ended.", reason=ends),
            lambda tally: tuple(tally.closed[reason] for reason in ENDS),
        ),
        (
            _histogram("connection_duration_seconds", "How long connections lasted that ended.", DURATIONS),
            lambda tally: cumulated(tally.durations.counts, tally.durations.sum),
        ),
    ]
    return [BackendFamily(Shape(family), values) for family, values in families]


def relayedShape() -> Shape:
    """The family of relayed bytes. Its values are not read at once; see L{Relayed <tinylb.metrics.relayed.Relayed>}."""
    help, ways = "Bytes from clients to a backend (in) and back (out).", ("in", "out")
    return Shape(_blank(CounterMetricFamily, "relayed_bytes", help, direction=ways))


_PREFIX = "tinylb_backend_"
_STATES = {verdict: tuple(int(each is verdict) for each in Verdict) for verdict in Verdict}


def _ofMember(values: Callable[[Member], tuple[object, ...]]) -> Values:
    """Give values only for backends that are in the set."""

    def ofTally(tally: Tally) -> tuple[object, ...] | None:
        return None if tally.member is None else values(tally.member)

    return ofTally


def _connections(tally: Tally) -> tuple[int] | None:
    return None if tally.member is None or tally.record is None else (len(tally.record.pairs),)


def _picked(tally: Tally) -> tuple[float]:
    picked, *_ = tally.numbers(0, 0)
    return (picked,)


def _opened(tally: Tally) -> tuple[float]:
    _, opened, *_ = tally.numbers(0, 0)
    return (opened,)


def _dials(tally: Tally) -> tuple[float, ...]:
    _, _, _, _, seconds, *times = tally.numbers(0, 0)
    return cumulated([int(count) for count in times], seconds)


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
