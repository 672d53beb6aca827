"""The kit does what it says, since others build their tests on it."""

from __future__ import annotations

import socket

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.rigs import KIB, MIB, BalancerTestCase, Peers, told
from tinylb import BackendSet, ClientUnserved, PairOpened
from tinylb.testing import (
    Behaviour,
    ManualProvider,
    MemoryBackend,
    MemoryBalancer,
    MemoryEndpoint,
    MemoryPeer,
    Recorder,
    join,
)


class BackendTests(SynchronousTestCase):
    """See L{MemoryBackend}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.factory = Peers()

    def test_connects(self) -> None:
        """It connects within a turn of the clock, and not before; its side of the connection is at hand."""
        backend = MemoryBackend(self.clock, "a")
        connecting = backend.connect(self.factory)
        self.assertNoResult(connecting)
        self.assertEqual((backend.attempts, backend.pending), (1, 1))
        self.clock.advance(0)
        self.assertIs(self.successResultOf(connecting), self.factory.built[0])
        (server,) = backend.connections
        server.send(b"hello")
        self.clock.advance(0)
        self.assertEqual((self.factory.built[0].received, backend.pending), (b"hello", 0))

    def test_refuses(self) -> None:
        """It refuses, if told so."""
        backend = MemoryBackend(self.clock, "a", Behaviour.REFUSES)
        connecting = backend.connect(self.factory)
        self.clock.advance(0)
        self.failureResultOf(connecting, ConnectionRefusedError)
        self.assertEqual(self.factory.built, [])

    def test_hangs(self) -> None:
        """It hangs, if told so, until it is told to answer; it answers as it is told then."""
        for behaviour in (Behaviour.CONNECTS, Behaviour.REFUSES):
            backend = MemoryBackend(self.clock, "a", Behaviour.HANGS)
            connecting = [backend.connect(self.factory), backend.connect(self.factory)]
            self.clock.advance(1000)
            self.assertEqual(backend.pending, 2)
            backend.behaviour = behaviour
            backend.answer()
            for each in connecting:
                if behaviour is Behaviour.CONNECTS:
                    self.successResultOf(each)
                else:
                    self.failureResultOf(each, ConnectionRefusedError)
            self.assertEqual(backend.pending, 0)

    def test_stillHangs(self) -> None:
        """Told to answer while it is told to hang, it hangs."""
        backend = MemoryBackend(self.clock, "a", Behaviour.HANGS)
        connecting = backend.connect(self.factory)
        backend.answer()
        self.assertNoResult(connecting)

    def test_vanishes(self) -> None:
        """It resets what is open, and refuses what comes."""
        backend = MemoryBackend(self.clock, "a")
        backend.connect(self.factory)
        self.clock.advance(0)
        backend.vanish()
        backend.vanish()
        late = backend.connect(self.factory)
        self.clock.advance(0)
        self.assertEqual(self.factory.built[0].ending, "reset")
        self.failureResultOf(late, ConnectionRefusedError)

    def test_cancelled(self) -> None:
        """An attempt can be cancelled, with Twisted's own error."""
        backend = MemoryBackend(self.clock, "a")
        connecting = backend.connect(self.factory)
        connecting.cancel()
        self.failureResultOf(connecting, ConnectingCancelledError)
        self.clock.advance(0)
        self.assertEqual((backend.pending, self.factory.built), (0, []))

    def test_notWanted(self) -> None:
        """A factory that gives no protocol does not want the connection, and gets none."""

        class Nobody(Peers):
            def buildProtocol(self, addr: object) -> MemoryPeer:
                return None  # type: ignore[return-value]

        backend = MemoryBackend(self.clock, "a")
        connecting = backend.connect(Nobody())
        self.clock.advance(0)
        self.failureResultOf(connecting)
        self.assertEqual(backend.connections, [])

    def test_properties(self) -> None:
        """It is a member of sets like any other."""
        backend = MemoryBackend(self.clock, "192.0.2.1:80", tier=1, weight=3, draining=True)
        (member,) = BackendSet({"a": backend}).members
        self.assertEqual((member.target, member.tier, member.weight, member.draining), ("192.0.2.1:80", 1, 3, True))


class EndpointTests(SynchronousTestCase):
    """See L{MemoryEndpoint}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.factory = Peers()

    def test_connects(self) -> None:
        """A client that connects meets what listens, and each knows the other's address."""
        endpoint = MemoryEndpoint(self.clock, 8080)
        port = self.successResultOf(endpoint.listen(self.factory))
        self.assertEqual(port.getHost(), IPv4Address("TCP", "127.0.0.1", 8080))
        client = endpoint.connect()
        client.send(b"hello")
        self.clock.advance(0)
        server = self.factory.built[0]
        self.assertEqual(server.received, b"hello")
        self.assertEqual(client.transport.getPeer(), server.transport.getHost())
        self.assertEqual(server.transport.getPeer(), client.transport.getHost())

    def test_nobodyListens(self) -> None:
        """Before it is listened on, and afterwards, clients are refused."""
        endpoint = MemoryEndpoint(self.clock)
        self.assertRaises(ConnectionRefusedError, endpoint.connect)
        port = self.successResultOf(endpoint.listen(self.factory))
        port.stopListening()
        self.assertRaises(ConnectionRefusedError, endpoint.connect)

    def test_fails(self) -> None:
        """It cannot be listened on, if told so."""
        endpoint = MemoryEndpoint(self.clock, failure=OSError("in use"))
        self.failureResultOf(endpoint.listen(self.factory), OSError)


class ConnectionTests(SynchronousTestCase):
    """What L{join} joins, beyond what Twisted's transport does: the network in between, and the peer."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.near, self.far = MemoryPeer(), MemoryPeer()
        join(self.clock, self.near, self.far)

    def test_takesTurns(self) -> None:
        """Nothing arrives before the clock moves, though it need not move far."""
        self.near.send(b"hello")
        self.assertEqual(self.far.received, b"")
        self.clock.advance(0)
        self.assertEqual(self.far.received, b"hello")

    def test_large(self) -> None:
        """Any amount arrives, in one turn of the test."""
        self.near.send(b"x" * 4 * MIB)
        self.clock.advance(0)
        self.assertEqual(len(self.far.received), 4 * MIB)

    def test_pause(self) -> None:
        """A peer that pauses reads nothing, and the other side's buffers fill."""
        self.far.pause()
        self.near.send(b"x" * 100 * KIB)
        self.clock.advance(0)
        self.assertEqual(self.far.received, b"")
        self.far.resume()
        self.clock.advance(0)
        self.assertEqual(len(self.far.received), 100 * KIB)

    def test_finish(self) -> None:
        """A peer that has finished goes on listening."""
        self.near.finish()
        self.clock.advance(0)
        self.far.send(b"reply")
        self.clock.advance(0)
        self.assertEqual((self.far.hasFinished, self.near.received), (True, b"reply"))
        self.assertEqual((self.near.ending, self.far.ending), (None, None))

    def test_close(self) -> None:
        """A close is an orderly end for who closes, and a FIN for the other, who then closes as well."""
        self.near.close()
        self.clock.advance(0)
        self.assertEqual((self.near.ending, self.far.hasFinished, self.far.ending), ("closed", True, None))
        self.far.close()
        self.clock.advance(0)
        self.assertEqual(self.far.ending, "closed")

    def test_reset(self) -> None:
        """A reset is one for both, also while the other reads nothing."""
        self.far.pause()
        self.near.reset()
        self.clock.advance(0)
        self.assertEqual((self.near.ending, self.far.ending), ("reset", "reset"))

    def test_closeWithUnreadInput(self) -> None:
        """As Linux has it: who closes without having read everything resets."""
        self.near.pause()
        self.far.send(b"you should have read this")
        self.clock.advance(0)
        self.near.close()
        self.clock.advance(0)
        self.assertEqual(self.far.ending, "reset")

    def test_sendToNobody(self) -> None:
        """As TCP has it: who sends to a side that is closed is reset."""
        self.near.close()
        self.clock.advance(0)
        self.far.send(b"anybody there?")
        self.clock.advance(0)
        self.assertEqual(self.far.ending, "reset")


class BalancerKitTests(BalancerTestCase):
    """See L{MemoryBalancer}."""

    def test_connects(self) -> None:
        """A client is joined to a backend within the call, and both sides are at hand."""
        kit = self.balancer("a", "b")
        clients = [kit.connect() for _ in range(3)]
        clients[2].send(b"third")
        kit.advance()
        self.assertEqual([len(kit.backends[id].connections) for id in "ab"], [2, 1])
        self.assertEqual([kit.server("a", number).received for number in (0, 1, -1)], [b"", b"third", b"third"])

    def test_sameBackends(self) -> None:
        """A backend that leaves and returns is the same, and remembers."""
        kit = self.balancer("a")
        kit.connect()
        kit.publish()
        kit.publish("a")
        kit.connect()
        self.assertEqual(len(kit.backends["a"].connections), 2)

    def test_events(self) -> None:
        """All that happens is recorded."""
        kit = self.balancer("a")
        kit.connect()
        kit.publish()
        kit.connect()
        self.assertEqual((len(told(kit.events, PairOpened)), len(told(kit.events, ClientUnserved))), (1, 1))

    def test_options(self) -> None:
        """Options are the balancer's; selection begins with the first id unless told otherwise."""
        kit = self.balancer("a", "b", random=lambda: 0.5, maxConnections=1)
        kit.connect()
        kit.connect()
        self.assertEqual([event.backend for event in told(kit.events, PairOpened)], ["b"])

    def test_noSockets(self) -> None:
        """Whatever is done with it, no socket is opened."""

        def refuse(*arguments: object, **keywords: object) -> None:
            raise AssertionError("a socket was opened")

        self.patch(socket.socket, "__init__", refuse)
        kit = MemoryBalancer("a", "b")
        kit.backends["b"].behaviour = Behaviour.REFUSES
        for _ in range(4):
            kit.connect().send(b"x")
        kit.publish("b")
        kit.balancer.drain(1)
        kit.advance(1)
        self.assertEqual(kit.balancer.describe()["connections"], 0)


class ProviderTests(SynchronousTestCase):
    """See L{ManualProvider} and L{Recorder}."""

    def test_publish(self) -> None:
        """What is set is what a watcher gets; what fails, fails for it."""
        provider = ManualProvider()
        watcher = provider.watch()
        getting = watcher.get()
        backends = BackendSet()
        provider.set(backends)
        self.assertIs(self.successResultOf(getting), backends)
        getting = watcher.get()
        provider.fail(OSError("gone"))
        self.failureResultOf(getting, OSError)

    def test_recorder(self) -> None:
        """A recorder keeps what it is told, in order."""
        recorder = Recorder()
        events = [PairOpened(None, "a", "a", 1, 0.0), PairOpened(None, "b", "b", 1, 0.0)]
        for event in events:
            recorder.observe(event)
        self.assertEqual(recorder.events, events)
