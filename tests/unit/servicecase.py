"""What tests of the service share."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import BackendSet, LoadBalancerService
from tinylb.testing import ManualProvider, MemoryBackend, MemoryEndpoint, MemoryPort, Recorder


class WatchedProvider(ManualProvider):
    """A provider that knows whether it is watched."""

    def __init__(self, *initial: BackendSet) -> None:
        super().__init__(*initial, onWatched=lambda: self.seen(True), onUnwatched=lambda: self.seen(False))
        self.isWatched = False

    def seen(self, isWatched: bool) -> None:
        self.isWatched = isWatched


class SlowEndpoint(MemoryEndpoint):
    """An endpoint that takes its time to listen; the test decides when that ends, and how."""

    def __init__(self, clock: Clock, port: int = 6443) -> None:
        super().__init__(clock, port)
        self.listening: list[Deferred[IListeningPort]] = []

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{MemoryEndpoint.listen}."""
        self.factory = factory
        self.listening.append(Deferred())
        return self.listening[-1]

    def succeed(self) -> None:
        """Let the endpoint listen."""
        self.listening[-1].callback(MemoryPort(self))


class ServiceTestCase(SynchronousTestCase):
    """Tests of services over one backend, C{a}, of which nothing may be left at the end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines = logLines(self)
        self.backend = MemoryBackend(self.clock, "a")
        self.set = BackendSet({"a": self.backend})
        self.provider = WatchedProvider()
        self.endpoint = MemoryEndpoint(self.clock)

    def service(self, *endpoints: IStreamServerEndpoint, **options: Any) -> LoadBalancerService:
        """A service on these endpoints, or on the usual one."""
        service = LoadBalancerService(
            list(endpoints) or self.endpoint, self.provider, reactor=self.clock, random=lambda: 0.0, **options
        )
        self.recorder = Recorder()
        service.balancer.observers.append(self.recorder)
        self.addCleanup(self.end, service)
        return service

    def started(self, *endpoints: IStreamServerEndpoint, **options: Any) -> LoadBalancerService:
        """A service that has been started."""
        service = self.service(*endpoints, **options)
        service.startService()
        return service

    def end(self, service: LoadBalancerService) -> None:
        stopped = service.stopService()
        for _ in range(2):
            self.clock.advance(60)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.provider.isWatched)
