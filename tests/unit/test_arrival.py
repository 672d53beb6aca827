"""A client that has arrived, and what becomes of it until it has a backend, or is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from zope.interface import implementer

from tests.unit.rigs import (
    MIB,
    BalancerTestCase,
    HandBackend,
    TLSLikeFactory,
    connectTLSLike,
    pattern,
    told,
)
from tinylb import BackendPicked, BackendSet, ClientUnserved, CloseReason, DialFailed, PairClosed, PairOpened
from tinylb.ends import End
from tinylb.interfaces import ICandidate, IPolicy
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer, MemoryPeer, join


class DialingTestCase(BalancerTestCase):
    """Tests around one client and one backend that answers by hand."""

    def setUp(self) -> None:
        self.kit = self.balancer()
        self.backend = HandBackend(self.kit.clock, "a")
        self.kit.balancer.replaceBackends(BackendSet({"a": self.backend}))


class EarlyDataTests(DialingTestCase):
    """What is there before the pair is."""

    def test_clientSpeaksDuringTheDial(self) -> None:
        """What the client sends during the dial waits with it, and arrives first."""
        kit, backend = self.kit, self.backend
        client = kit.connect()
        client.send(b"early, ")
        kit.advance()
        client.send(b"still early, ")
        kit.advance()
        backend.succeed()
        client.send(b"late")
        kit.advance()
        self.assertEqual(backend.server.received, b"early, still early, late")

    def test_clientIsNotReadDuringTheDial(self) -> None:
        """A client that sends without end during its dial is not read from."""
        kit, backend = self.kit, self.backend
        client = kit.connect()
        upload = pattern(MIB)
        client.send(upload)
        client.finish()
        kit.advance()
        self.assertGreater(len(client.transport._outgoing.data), 0)
        backend.succeed()
        self.assertEqual(kit.balancer.describe()["backends"][0]["bytesIn"], 0)
        kit.advance()
        self.assertTrue(backend.server.received == upload)

    def test_dataThatCameWithTheConnection(self) -> None:
        """What a wrapper around us has read already, as behind haproxy: endpoints, is delivered first, too."""
        kit = self.balancer("a")
        client = MemoryPeer()
        end = kit.balancer.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        join(kit.clock, client, end)
        client.send(b"second")
        end.dataReceived(b"first, ")
        kit.advance()
        self.assertEqual(kit.server("a").received, b"first, second")
        self.assertEqual(kit.balancer.describe()["backends"][0]["bytesIn"], len(b"first, second"))

    def test_backendSpeaksFirst(self) -> None:
        """A backend that greets before anybody has asked is heard."""
        kit, backend = self.kit, self.backend
        client = kit.connect()
        protocol = backend.make()
        assert protocol is not None
        backend.server.send(b"220 welcome, ")
        kit.advance()
        backend.dials[0][1].callback(protocol)
        backend.server.send(b"go ahead")
        kit.advance()
        self.assertEqual(client.received, b"220 welcome, go ahead")

    def test_backendSpeaksOnAndOn(self) -> None:
        """A backend that sends without end before the pair is there is not read on; nothing of it is lost."""
        client = self.kit.connect()
        protocol = self.backend.make()
        assert isinstance(protocol, End)
        download = pattern(MIB)
        self.backend.server.send(download)
        self.kit.advance()
        self.assertLess(protocol.count, MIB // 4)
        self.backend.dials[0][1].callback(protocol)
        self.kit.advance()
        self.assertTrue(client.received == download)

    def test_backendClosesFirst(self) -> None:
        """A backend that says its word and closes before the pair is there has said it to the client."""
        kit, backend = self.kit, self.backend
        client = kit.connect()
        protocol = backend.make()
        assert protocol is not None
        backend.server.send(b"come back later")
        backend.server.close()
        kit.advance()
        backend.dials[0][1].callback(protocol)
        kit.advance()
        self.assertEqual((client.received, client.hasFinished), (b"come back later", True))
        client.close()
        kit.advance()
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.BACKEND_CLOSED)

    def test_backendIsLostFirst(self) -> None:
        """A connection that is lost before the pair is there ends the client as one lost later does."""
        kit, backend = self.kit, self.backend
        client = kit.connect()
        protocol = backend.make()
        assert protocol is not None
        backend.server.reset()
        kit.advance()
        backend.dials[0][1].callback(protocol)
        kit.advance()
        self.assertEqual(client.ending, "reset")
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.BACKEND_RESET)


class LeavingTests(DialingTestCase):
    """The client does not wait for the end of its dial."""

    def test_reset(self) -> None:
        """A client that resets has its dial cancelled; nothing it sent goes anywhere."""
        client = self.kit.connect()
        client.send(b"never mind")
        self.kit.advance(0.125)
        client.reset()
        self.kit.advance()
        self.assertEqual(self.backend.cancelled, 1)
        self.assertIsNone(self.backend.make())
        (event,) = told(self.kit.events, ClientUnserved)
        self.assertEqual((event.reason, event.seconds), (CloseReason.CLIENT_RESET, 0.125))
        self.assertEqual(self.kit.balancer.describe()["dialing"], 0)
        self.assertEqual(told(self.kit.events, DialFailed), [])

    def test_finish(self) -> None:
        """A FIN is no good-bye: the dial goes on, what was sent is delivered, and the reply arrives."""
        client = self.kit.connect()
        client.send(b"request")
        client.finish()
        self.kit.advance()
        self.assertEqual(self.backend.cancelled, 0)
        self.backend.succeed()
        self.kit.advance()
        self.assertEqual((self.backend.server.received, self.backend.server.hasFinished), (b"request", True))
        self.backend.server.send(b"reply")
        self.kit.advance()
        self.assertEqual(client.received, b"reply")


class RefusalTests(BalancerTestCase):
    """Who cannot be served is closed at once, and observers are told why."""

    def assertRefused(self, kit: MemoryBalancer, client: MemoryPeer, reason: CloseReason) -> ClientUnserved:
        """The client has been closed, has got nothing, and is counted under this reason."""
        self.assertTrue(client.hasFinished)
        self.assertEqual(client.received, b"")
        event = told(kit.events, ClientUnserved)[-1]
        self.assertEqual(event.reason, reason)
        self.assertEqual(kit.balancer.describe()["unserved"], {reason.value: 1})
        return event

    def test_noBackends(self) -> None:
        """With an empty set the client is closed at once, without an attempt."""
        kit = self.balancer()
        event = self.assertRefused(kit, kit.connect(), CloseReason.NO_BACKENDS)
        self.assertEqual((event.attempts, event.seconds), (0, 0.0))

    def test_dialFailed(self) -> None:
        """When every backend refuses, the client is closed at once; each cause is named."""
        kit = self.balancer("a", "b")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.REFUSES
        event = self.assertRefused(kit, kit.connect(), CloseReason.DIAL_FAILED)
        self.assertEqual((event.attempts, len(event.causes)), (2, 2))

    def test_dialTimeout(self) -> None:
        """When nobody answers in time, the client is closed, and has waited as long as it may and no longer."""
        kit = self.balancer("a", dialTimeout=3)
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = kit.connect()
        kit.clock.pump([0.125] * 23)
        self.assertFalse(client.hasFinished)
        kit.clock.pump([0.125])
        self.assertEqual(self.assertRefused(kit, client, CloseReason.DIAL_TIMEOUT).seconds, 3)
        self.assertEqual(kit.balancer.describe()["dialing"], 0)

    def test_clientLimit(self) -> None:
        """Beyond the limit, clients are closed at once; those who wait for a backend count."""
        kit = self.balancer("a", "b", maxConnections=2)
        kit.backends["b"].behaviour = Behaviour.HANGS
        served, waiting = kit.connect(), kit.connect()
        client = kit.connect()
        self.assertRefused(kit, client, CloseReason.CLIENT_LIMIT)
        self.assertFalse(served.hasFinished or waiting.hasFinished)
        self.assertEqual(len(told(kit.events, BackendPicked)), 2)

    def test_roomAgain(self) -> None:
        """When a client has gone, the next is served."""
        kit = self.balancer("a", maxConnections=1)
        first = kit.connect()
        kit.connect()
        first.reset()
        kit.advance()
        kit.connect()
        self.assertEqual(len(told(kit.events, PairOpened)), 2)

    def test_stopping(self) -> None:
        """Once a stop was asked for, nobody is let in."""
        kit = self.balancer("a")
        kit.connect()
        kit.balancer.drain(5)
        self.assertRefused(kit, kit.connect(), CloseReason.STOPPING)

    def test_stopDuringTheDial(self) -> None:
        """A stop ends the wait of whoever is dialled for."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = kit.connect()
        kit.balancer.drain(5)
        kit.advance()
        self.assertRefused(kit, client, CloseReason.STOPPING)
        self.assertEqual(kit.backends["a"].pending, 0)

    def test_withoutHalfClose(self) -> None:
        """Where the client's transport knows no half-close it is reset: an orderly end would wait for its answer."""
        client = connectTLSLike(self.balancer())
        self.assertEqual(client.ending, "reset")

    def test_whoItWas(self) -> None:
        """Events tell of the client by its address."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.connect()
        events = [event for event in kit.events if isinstance(event, (BackendPicked, DialFailed, ClientUnserved))]
        self.assertEqual([event.client for event in events], [IPv4Address("TCP", "127.0.0.1", 50000)] * 3)


class UnexpectedTests(BalancerTestCase):
    """Others' mistakes are logged, and leave nobody hanging."""

    def test_protocolOfItsOwn(self) -> None:
        """An endpoint that hands out another protocol than it was given ends the client, and says so in the log."""

        class Wrapping(MemoryBackend):
            def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
                return super().connect(TLSLikeFactory(factory))

        kit = self.balancer()
        backend = Wrapping(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = kit.connect()
        self.assertEqual(client.ending, "reset")
        self.assertEqual(backend.connections[0].ending, "reset")
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_policyRaises(self) -> None:
        """A policy that fails ends the client, and says so in the log."""

        @implementer(IPolicy)
        class Broken:
            def start(self, random: Callable[[], float]) -> None:
                pass

            def pick(self, candidates: Sequence[ICandidate], state: None) -> tuple[ICandidate, None]:
                raise RuntimeError("no idea")

        kit = self.balancer("a", policy=Broken())
        client = kit.connect()
        kit.clock.pump([0.25] * 41)
        self.assertEqual(client.ending, "reset")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
