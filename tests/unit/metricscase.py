"""What tests of metrics share: a service that is counted, and its metrics as Prometheus parses them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet, LoadBalancerService
from tinylb.metrics import Metrics
from tinylb.testing import Behaviour, ManualProvider, MemoryBackend, MemoryEndpoint, MemoryPeer

Series = tuple[str, frozenset[tuple[str, str]]]

COUNTERS = ("_total", "_count", "_sum", "_bucket")
"""How the names of series end that never fall."""


def parsed(text: str) -> dict[Series, float]:
    """The value of each series. No series may be there twice."""
    values: dict[Series, float] = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            what, _, value = line.rpartition(" ")
            series = _series(what)
            assert series not in values, f"{series} is there twice"
            values[series] = float(value)
    return values


@cache
def _series(what: str) -> Series:
    """The series of a line, as prometheus-client parses it. Cached: it is slow, and the same lines come repeatedly."""
    ((sample,),) = (family.samples for family in text_string_to_metric_families(f"{what} 0\n"))
    return sample.name, frozenset(sample.labels.items())


class Scrape:
    """The metrics of one scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self.parts = list(metrics.expose())
        self.text = b"".join(self.parts).decode()
        self.values = parsed(self.text)

    def __call__(self, name: str, **labels: str) -> float:
        """The value of one series, which must be there."""
        return self.values[f"tinylb_{name}", frozenset(labels.items())]

    def of(self, name: str, **labels: str) -> dict[str, float]:
        """The values of the series of a name that have these labels, by the value of their one other label."""
        given = frozenset(labels.items())
        found: dict[str, float] = {}
        for (each, every), value in self.values.items():
            if each == f"tinylb_{name}" and given < every:
                ((_, rest),) = every - given
                found[rest] = value
        return found

    def backends(self, name: str) -> set[str]:
        """The ids that have a series of this name."""
        return {dict(labels)["backend"] for each, labels in self.values if each == f"tinylb_{name}"}


class MetricsTestCase(SynchronousTestCase):
    """Tests of one service in memory, C{self.service}, counted by C{self.metrics}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.provider = ManualProvider()
        self.endpoint = MemoryEndpoint(self.clock)
        self.backends: dict[str, MemoryBackend] = {}
        self.begin()

    def begin(self, *others: MemoryEndpoint, **options: Any) -> None:
        """Start another service, with these options, that listens on these endpoints as well."""
        self.service = LoadBalancerService(
            [self.endpoint, *others], self.provider, reactor=self.clock, random=lambda: 0.0, drain=0.0, **options
        )
        self.metrics = Metrics(self.service)
        self.metrics.start()
        self.service.startService()
        self.addCleanup(self.end, self.service, self.metrics)

    def end(self, service: LoadBalancerService, metrics: Metrics) -> None:
        """Stop a service, and check that nothing of it is left."""
        metrics.stop()
        stopped = service.stopService()
        self.clock.pump((0.0, 0.0))
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def publish(self, targets: str | Mapping[str, str], **options: Any) -> None:
        """
        Make another set the current one.

        @param targets: targets by id; or letters, each both an id and its target.
        @param options: for the backends that are new.
        """
        byId = {id: id for id in targets} if isinstance(targets, str) else targets
        for target in byId.values():
            if target not in self.backends:
                self.backends[target] = MemoryBackend(self.clock, target, **options)
        self.provider.set(BackendSet({id: self.backends[target] for id, target in byId.items()}))

    def refuse(self, target: str) -> None:
        """From now on this backend refuses connections."""
        self.backends[target].behaviour = Behaviour.REFUSES

    def connect(self, many: int = 1) -> list[MemoryPeer]:
        """Clients connect."""
        return [self.endpoint.connect() for _ in range(many)]

    def scrape(self) -> Scrape:
        """The metrics now."""
        return Scrape(self.metrics)
