"""The balancer as a service: its start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory

from tests.unit.servicecase import ServiceTestCase, SlowEndpoint, WatchedProvider
from tinylb import BalancedEndpoint, CannotListen, LayeredProvider, LoadBalancerService
from tinylb.events import ClientUnserved, PairClosed, PairOpened
from tinylb.interfaces import ICandidate
from tinylb.testing import MemoryEndpoint


class StartTests(ServiceTestCase):
    """What a start does."""

    def test_serves(self) -> None:
        """It listens, follows the provider, and serves."""
        service = self.started()
        self.provider.set(self.set)
        client = self.endpoint.connect()
        client.send(b"hello")
        self.clock.advance(0)
        self.assertEqual(self.backend.connections[0].received, b"hello")
        self.assertEqual(service.hosts, [IPv4Address("TCP", "127.0.0.1", 6443)])

    def test_nothingBefore(self) -> None:
        """Before its start it neither listens nor watches."""
        self.service()
        self.assertIsNone(self.endpoint.factory)
        self.assertFalse(self.provider.isWatched)

    def test_setIsInForceBeforeListening(self) -> None:
        """A set that is available at start is in force when the first client can come."""
        seen: list[list[str]] = []

        class Curious(MemoryEndpoint):
            def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
                seen.append(list(service.balancer.backends))
                return super().listen(factory)

        self.provider.set(self.set)
        service = self.service(Curious(self.clock))
        service.startService()
        self.assertEqual(seen, [["a"]])

    def test_startsOnce(self) -> None:
        """Privileged start and start, as an application calls them one after the other, are one start."""
        service = self.service()
        service.privilegedStartService()
        self.assertIsNotNone(self.endpoint.factory)
        self.endpoint.factory = None
        service.startService()
        self.assertIsNone(self.endpoint.factory)

    def test_inAnApplication(self) -> None:
        """It starts and stops with its parent."""
        parent = MultiService()
        service: Service = self.service()
        service.setServiceParent(parent)
        parent.startService()
        self.assertIsNotNone(self.endpoint.factory)
        parent.stopService()
        self.assertIsNone(self.endpoint.factory)

    def test_severalEndpoints(self) -> None:
        """All endpoints lead to the same balancer; their addresses are listed in order."""
        others = MemoryEndpoint(self.clock, 7443), MemoryEndpoint(self.clock, 8443)
        self.provider.set(self.set)
        service = self.started(*others)
        for endpoint in others:
            endpoint.connect()
        self.assertEqual(len(self.backend.connections), 2)
        self.assertEqual([str(getattr(host, "port", None)) for host in service.hosts], ["7443", "8443"])
        self.assertIn("info: Listening on 127.0.0.1:7443, 127.0.0.1:8443", self.lines)

    def test_listenersAreNamed(self) -> None:
        """Events say by which listener a client came."""
        others = MemoryEndpoint(self.clock, 7443), MemoryEndpoint(self.clock, 8443)
        self.started(*others)
        others[1].connect()
        self.provider.set(self.set)
        others[0].connect().reset()
        self.clock.advance(0)
        told = [(type(event), event.listener) for event in self.recorder.events if hasattr(event, "listener")]
        expected = [(ClientUnserved, "127.0.0.1:8443"), (PairOpened, "127.0.0.1:7443"), (PairClosed, "127.0.0.1:7443")]
        self.assertEqual(told, expected)

    def test_whenListening(self) -> None:
        """Who asks is told when every endpoint is listened on, before or after."""
        slow = SlowEndpoint(self.clock)
        service = self.started(self.endpoint, slow)
        listening = service.whenListening()
        self.assertNoResult(listening)
        slow.succeed()
        self.assertIsNone(self.successResultOf(listening))
        self.assertIsNone(self.successResultOf(service.whenListening()))

    def test_whenReady(self) -> None:
        """Ready is listening, and a first set in force, in whatever order they come."""
        for setComesFirst in (False, True):
            slow = SlowEndpoint(self.clock)
            self.provider = WatchedProvider()
            service = self.started(slow)
            ready = service.whenReady()
            for isSet in (setComesFirst, not setComesFirst):
                self.assertNoResult(ready)
                if isSet:
                    self.provider.set(self.set)
                else:
                    slow.succeed()
            self.assertIsNone(self.successResultOf(ready))

    def test_neverReady(self) -> None:
        """Whoever waits for a first set is told of a stop before it; another start is a matter of its own."""
        service = self.started()
        ready = service.whenReady()
        service.stopService()
        self.failureResultOf(ready, CannotListen)
        service.startService()
        self.addCleanup(service.stopService)
        ready = service.whenReady()
        self.assertNoResult(ready)
        self.provider.set(self.set)
        self.assertIsNone(self.successResultOf(ready))


class MistakenTests(ServiceTestCase):
    """What an application may take for something else."""

    def test_provider(self) -> None:
        """A set is no provider, whoever is to follow it."""
        wrong: Any = self.set
        makers: tuple[Callable[[], object], ...] = (
            lambda: LoadBalancerService(self.endpoint, wrong, reactor=self.clock),
            lambda: BalancedEndpoint(self.clock, wrong),
            lambda: LayeredProvider(self.clock, wrong),
        )
        for make in makers:
            self.assertEqual(
                str(self.assertRaises(TypeError, make)),
                "the provider is <BackendSet a=a>; expected: something to watch, such as a Value of that",
            )

    def test_mapping(self) -> None:
        """A plain mapping is as good as a set, to the balancer as it is to a provider."""
        balancer = self.service().balancer
        balancer.replaceBackends({"a": self.backend})
        self.assertEqual(balancer.backends, self.set)
        wrong: Any = {"a": "192.0.2.11:6443"}
        self.assertRaises(TypeError, balancer.replaceBackends, wrong)

    def test_policy(self) -> None:
        """Its name on the command line is no policy, and the empty one is none either."""
        for wrong in ("round-robin", ""):
            for error in (
                self.assertRaises(TypeError, self.service, policy=wrong),
                self.assertRaises(TypeError, BalancedEndpoint, self.clock, self.provider, policy=wrong),
            ):
                self.assertEqual(str(error), f"the policy is {wrong!r}; expected: an IPolicy, such as RoundRobin()")

    def test_halfAPolicy(self) -> None:
        """Nor is what can pick, but has no first state."""

        class First:
            """Picks the first one."""

            def pick(self, candidates: Sequence[ICandidate], state: object) -> tuple[ICandidate, object]:
                return candidates[0], state

        self.assertIn("expected: an IPolicy", str(self.assertRaises(TypeError, self.service, policy=First())))


class CannotListenTests(ServiceTestCase):
    """An endpoint that cannot be listened on."""

    def setUp(self) -> None:
        super().setUp()
        error = CannotListenError("127.0.0.1", 7443, OSError(98, "Address already in use"))
        self.failing = MemoryEndpoint(self.clock, 7443, failure=error)

    def test_atOnce(self) -> None:
        """The start raises; the error says which endpoint, and why."""
        service = self.service(self.endpoint, self.failing)
        with self.assertRaises(CannotListen) as raised:
            service.startService()
        self.assertEqual((raised.exception.number, str(raised.exception)), (1, "address already in use"))

    def test_firstOneIsNamed(self) -> None:
        """Of several that fail, the first is named."""
        service = self.service(self.endpoint, self.failing, MemoryEndpoint(self.clock, 1, failure=OSError("no")))
        with self.assertRaises(CannotListen) as raised:
            service.startService()
        self.assertEqual(raised.exception.number, 1)

    def test_nothingStays(self) -> None:
        """Nothing is listened on or watched when one endpoint has failed."""
        service = self.service(self.endpoint, self.failing)
        self.assertRaises(CannotListen, service.startService)
        self.assertIsNone(self.endpoint.factory)
        self.assertFalse(self.provider.isWatched)
        self.assertEqual(service.hosts, [])

    def test_later(self) -> None:
        """When it shows later, whoever waits is told, and nothing is listened on either."""
        slow = SlowEndpoint(self.clock)
        service = self.started(self.endpoint, slow)
        waiting = service.whenListening(), service.whenReady()
        slow.listening[0].errback(CannotListenError("", 6443, OSError(13, "Permission denied")))
        for deferred in waiting:
            self.assertEqual(str(self.failureResultOf(deferred, CannotListen).value), "permission denied")
        self.assertIsNone(self.endpoint.factory)
        self.assertFalse(self.provider.isWatched)

    def test_secondTry(self) -> None:
        """It can be started again when the reason is gone."""
        endpoints = iter((self.failing, self.endpoint))

        class Recovering(MemoryEndpoint):
            def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
                return next(endpoints).listen(factory)

        service = self.service(Recovering(self.clock))
        self.assertRaises(CannotListen, service.startService)
        service.startService()
        self.assertIsNone(self.successResultOf(service.whenListening()))
        self.assertIsNotNone(self.endpoint.factory)
