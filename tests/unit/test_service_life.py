"""The balancer as a service: its stop, and another start."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory

from tests.unit.rigs import told
from tests.unit.servicecase import ServiceTestCase, SlowEndpoint
from tinylb import BackendSet, BackendsReplaced, CannotListen, ClientUnserved, CloseReason, PairClosed
from tinylb.testing import Behaviour, MemoryBackend, MemoryEndpoint, MemoryPort


class SlowPort(MemoryPort):
    """A port that takes its time to close."""

    def __init__(self, endpoint: MemoryEndpoint) -> None:
        super().__init__(endpoint)
        self.stopping: Deferred[None] = Deferred()

    def stopListening(self) -> Deferred[None]:
        super().stopListening()
        return self.stopping


class SlowlyClosing(MemoryEndpoint):
    """An endpoint whose port takes its time to close."""

    port_: SlowPort

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        self.port_ = SlowPort(self)
        return super().listen(factory).addCallback(lambda _: self.port_)


class StopTests(ServiceTestCase):
    """What a stop does, and in which order."""

    def test_clean(self) -> None:
        """Row 18: a stop with nothing open is over at once, and logs no error (trial would tell)."""
        service = self.started()
        self.provider.set(self.set)
        self.assertIsNone(self.successResultOf(service.stopService()))
        self.assertEqual([line for line in self.lines if not line.startswith("info:")], [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_order(self) -> None:
        """It follows and listens no more, and cancels dials, at once; pairs are drained while ports close."""
        endpoint = SlowlyClosing(self.clock)
        service = self.started(endpoint)
        self.provider.set(self.set)
        endpoint.connect()
        self.backend.behaviour = Behaviour.HANGS
        endpoint.connect()
        stopped = service.stopService()
        self.assertFalse(self.provider.isWatched)
        self.assertIsNone(endpoint.factory)
        self.assertEqual(self.backend.pending, 0)
        self.clock.advance(5)
        self.assertNoResult(stopped)
        endpoint.port_.stopping.callback(None)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(told(self.recorder.events, PairClosed)[0].reason, CloseReason.STOPPING)
        self.assertEqual(told(self.recorder.events, ClientUnserved)[0].reason, CloseReason.STOPPING)

    def test_drain(self) -> None:
        """Open connections may finish for as long as was said."""
        service = self.started(drain=20)
        self.provider.set(self.set)
        clients = self.endpoint.connect(), self.endpoint.connect()
        stopped = service.stopService()
        self.clock.advance(10)
        clients[0].send(b"last words")
        clients[0].finish()
        self.clock.advance(9.9)
        self.assertEqual(self.backend.connections[0].received, b"last words")
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.assertEqual(clients[1].ending, "reset")
        self.assertIsNone(self.successResultOf(stopped))

    def test_noPatience(self) -> None:
        """Without a drain time connections are ended at once."""
        service = self.started(drain=0)
        self.provider.set(self.set)
        client = self.endpoint.connect()
        stopped = service.stopService()
        self.clock.advance(0)
        self.assertEqual(client.ending, "reset")
        self.assertIsNone(self.successResultOf(stopped))

    def test_laterSetsAreNotTaken(self) -> None:
        """What is published after the stop was asked for changes nothing."""
        service = self.started()
        self.provider.set(self.set)
        client = self.endpoint.connect()
        service.stopService()
        self.provider.set(BackendSet())
        self.clock.advance(0)
        self.assertIsNone(client.ending)

    def test_whileTheProviderRests(self) -> None:
        """A provider that was to be asked again is not."""
        service = self.started()
        self.provider.fail(OSError("cannot reach it"))
        service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_beforeItListens(self) -> None:
        """An endpoint that listens only after the stop is closed again at once."""
        slow = SlowEndpoint(self.clock)
        service = self.started(slow)
        service.stopService()
        slow.succeed()
        self.assertIsNone(slow.factory)
        self.assertEqual(service.hosts, [])

    def test_twice(self) -> None:
        """A second stop waits for the same end, and gives open connections no more time."""
        service = self.started(drain=5)
        self.provider.set(self.set)
        client = self.endpoint.connect()
        first = service.stopService()
        self.clock.advance(4)
        second = service.stopService()
        self.clock.advance(0.9)
        self.assertIsNone(client.ending)
        self.clock.advance(0.1)
        self.assertEqual(client.ending, "reset")
        for each in (first, second, service.stopService()):
            self.assertIsNone(self.successResultOf(each))

    def test_impatient(self) -> None:
        """Who waits no longer for the end is told so, and changes nothing: it comes as it would have come."""
        service = self.started(drain=60)
        self.provider.set(self.set)
        client = self.endpoint.connect()
        impatient = service.stopService().addTimeout(1, self.clock)
        stopped = service.stopService()
        self.clock.advance(1)
        self.failureResultOf(impatient, TimeoutError)
        self.assertNoResult(stopped)
        self.clock.advance(58.9)
        self.assertIsNone(client.ending)
        self.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual((client.ending, self.clock.getDelayedCalls()), ("reset", []))

    def test_neverStarted(self) -> None:
        """A service that never started has nothing to stop."""
        self.assertIsNone(self.successResultOf(self.service().stopService()))


class MovingEndpoint(MemoryEndpoint):
    """Listens at another port each time."""

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        self.port += 1
        return super().listen(factory)


class TakenEndpoint(MemoryEndpoint):
    """An endpoint whose port may be taken by somebody else."""

    isTaken = False

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        if self.isTaken:
            return fail(CannotListenError("", self.port, OSError(98, "Address already in use")))
        return super().listen(factory)


class RestartTests(ServiceTestCase):
    """A service that starts again."""

    def test_serves(self) -> None:
        """It listens, follows and serves as before."""
        service = self.started()
        self.provider.set(self.set)
        self.successResultOf(service.stopService())
        service.startService()
        self.endpoint.connect()
        self.assertEqual(len(self.backend.connections), 1)

    def test_waitsAnew(self) -> None:
        """Who asks during the second start is told of the second."""
        slow = SlowEndpoint(self.clock)
        service = self.started(slow)
        slow.succeed()
        self.successResultOf(service.stopService())
        service.startService()
        listening = service.whenListening()
        self.assertNoResult(listening)
        slow.succeed()
        self.assertIsNone(self.successResultOf(listening))

    def test_setOfMeanwhile(self) -> None:
        """What was published between is in force before it listens again."""
        service = self.started()
        self.provider.set(BackendSet())
        self.successResultOf(service.stopService())
        self.provider.set(self.set)
        service.startService()
        self.assertFalse(self.endpoint.connect().hasFinished)
        self.assertEqual([event.revision for event in told(self.recorder.events, BackendsReplaced)], [1, 2])

    def test_otherAddress(self) -> None:
        """Own addresses are those of now: what they were before is a backend like any other."""
        moving = MovingEndpoint(self.clock, 7000)
        service = self.started(moving)
        targets = {name: MemoryBackend(self.clock, f"127.0.0.1:{port}") for name, port in (("x", 7001), ("y", 7002))}
        self.provider.set(BackendSet(targets))
        self.assertEqual(list(service.balancer.backends), ["y"])
        self.successResultOf(service.stopService())
        service.startService()
        where: list[IAddress] = [IPv4Address("TCP", "127.0.0.1", 7002)]
        self.assertEqual(service.hosts, where)
        self.assertEqual(list(service.balancer.backends), ["x"])

    def test_insteadOfTheEnd(self) -> None:
        """Started again before the stop is over, it keeps the connections that are open."""
        service = self.started(drain=5)
        self.provider.set(self.set)
        client = self.endpoint.connect()
        service.stopService()
        service.startService()
        self.clock.advance(5)
        self.assertIsNone(client.ending)
        self.assertFalse(self.endpoint.connect().hasFinished)

    def test_cannotListen(self) -> None:
        """Started again before the end, in vain, it comes to that end all the same."""
        endpoint = TakenEndpoint(self.clock)
        service = self.started(endpoint, drain=5)
        self.provider.set(self.set)
        client = endpoint.connect()
        stopped = service.stopService()
        self.clock.advance(1)
        endpoint.isTaken = True
        self.assertRaises(CannotListen, service.startService)
        self.clock.advance(4.9)
        self.assertIsNone(client.ending)
        self.clock.advance(0.1)
        self.assertEqual(client.ending, "reset")
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopsAgain(self) -> None:
        """Started and stopped again before the end, open connections have as long to finish as after any stop."""
        service = self.started(drain=5)
        self.provider.set(self.set)
        client = self.endpoint.connect()
        first = service.stopService()
        self.clock.advance(4)
        service.startService()
        second = service.stopService()
        self.clock.advance(4.9)
        self.assertIsNone(client.ending)
        self.clock.advance(0.1)
        self.assertEqual(client.ending, "reset")
        for stopped in (first, second):
            self.assertIsNone(self.successResultOf(stopped))


class QuickRestartTests(ServiceTestCase):
    """A start that does not wait for the stop before it."""

    def test_serves(self) -> None:
        """Clients are served again, although the former port has not closed yet."""
        endpoint = SlowlyClosing(self.clock)
        service = self.started(endpoint)
        self.provider.set(self.set)
        service.stopService()
        former = endpoint.port_
        service.startService()
        former.stopping.callback(None)
        client = endpoint.connect()
        self.clock.advance(0)
        self.assertFalse(client.hasFinished)
        self.assertEqual(service.describe()["connections"], 1)
        endpoint.port_.stopping.callback(None)

    def test_whileItIsAboutToListen(self) -> None:
        """The endpoint of the first start is closed when it listens at last; the second one's stays."""
        slow = SlowEndpoint(self.clock)
        service = self.started(slow)
        service.stopService()
        service.startService()
        first, second = slow.listening
        ports = MemoryPort(MemoryEndpoint(self.clock, 1)), MemoryPort(slow)
        second.callback(ports[1])
        first.callback(ports[0])
        self.assertEqual([host.port for host in service.hosts if isinstance(host, IPv4Address)], [6443])
        self.assertIsNotNone(slow.factory)
