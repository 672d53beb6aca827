"""A target that leaves the set of a balanced endpoint: its connections end now, however far they are."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from tests.unit.endpointcase import Application, EndpointCase
from tests.unit.rigs import TLSLikeBackend, told
from tinylb import BackendSet, TargetRemoved
from tinylb.failures import NoBackends
from tinylb.interfaces import IStandby
from tinylb.testing import Behaviour, MemoryBackend, MemoryPeer


class Leaver(Protocol):
    """Calls something when its connection is made, or lost."""

    reason: Failure | None = None

    def __init__(self, *, onMade: object = None, onLost: object = None) -> None:
        self.isMade = 0
        self._onMade, self._onLost = onMade, onLost

    def connectionMade(self) -> None:
        """See L{Protocol.connectionMade}."""
        self.isMade += 1
        if callable(self._onMade):
            self._onMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        self.reason = reason
        if callable(self._onLost):
            self._onLost()


class OpenTests(EndpointCase):
    """Connections that are open."""

    def test_reset(self) -> None:
        """Those of the target that is gone are reset on both sides; the others stay."""
        endpoint = self.endpoint("a", "b")
        first, second, third = (self.connected(endpoint) for _ in range(3))
        self.publish("b")
        self.clock.pump([0, 0])
        self.assertEqual([peer.ending for peer in (first, second, third)], ["reset", None, "reset"])
        self.assertEqual({peer.ending for peer in self.backends["a"].connections}, {"reset"})
        self.assertEqual([(event.target, event.pairs) for event in told(self.events, TargetRemoved)], [("a", 2)])
        self.assertEqual(endpoint.describe()["connections"], 1)

    def test_whoeverComesBack(self) -> None:
        """An application that connects again in the moment it learns of the reset gets another backend."""
        endpoint = self.endpoint("a", "b")
        again: list[Deferred[IProtocol]] = []
        endpoint.connect(Application(Leaver(onLost=lambda: again.append(self.connect(endpoint)))))
        self.clock.advance(0)
        self.publish("b")
        self.clock.pump([0, 0])
        self.successResultOf(again[0])
        self.assertEqual(len(self.backends["b"].connections), 1)

    def test_reason(self) -> None:
        """The application learns that its connection was aborted, as if it had done that itself."""
        endpoint = self.endpoint("a")
        peer = Leaver()
        endpoint.connect(Application(peer))
        self.clock.advance(0)
        self.publish()
        self.clock.advance(0)
        assert peer.reason is not None
        self.assertTrue(peer.reason.check(ConnectionAborted), peer.reason)
        self.assertIn("target-removed", peer.reason.getErrorMessage())

    def test_deadReason(self) -> None:
        """Why it was aborted is told apart."""
        endpoint = self.endpoint("a", "b")
        peer = Leaver()
        endpoint.connect(Application(peer))
        self.clock.advance(0)
        endpoint.setVerdict("a", "dead", "it is gone")  # type: ignore[arg-type]
        self.clock.advance(0)
        assert peer.reason is not None
        self.assertIn("target-dead", peer.reason.getErrorMessage())

    def test_ownReason(self) -> None:
        """What ends a connection otherwise is told as it is."""
        endpoint = self.endpoint("a")
        peer = Leaver()
        endpoint.connect(Application(peer))
        self.clock.advance(0)
        self.server("a").reset()
        self.clock.pump([0, 0])
        assert peer.reason is not None
        self.assertIs(peer.reason.type, ConnectionLost)

    def test_anotherTarget(self) -> None:
        """An id that moves to another target ends its connections, too."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.provider.set(BackendSet({"a": MemoryBackend(self.clock, "elsewhere")}))
        self.clock.advance(0)
        self.assertEqual(peer.ending, "reset")

    def test_whatChangesNothing(self) -> None:
        """Another id for the target, or the same set again, ends nothing."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.publish("a")
        self.provider.set(BackendSet({"other": self.backends["a"]}))
        self.clock.advance(0)
        self.assertIsNone(peer.ending)

    def test_standsByOnly(self) -> None:
        """A target that only stands by from now on has left."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        standby = MemoryBackend(self.clock, "a", tier=1)
        alsoProvides(standby, IStandby)
        self.publishOnly(standby)
        self.clock.advance(0)
        self.assertEqual(peer.ending, "reset")

    def test_throughTLS(self) -> None:
        """The same with a transport of another kind between."""
        endpoint = self.endpoint()
        backend = TLSLikeBackend(self.clock, "a")
        self.publishOnly(backend)
        peer = self.connected(endpoint)
        self.publish()
        self.clock.pump([0, 0])
        self.assertEqual((peer.ending, backend.connections[0].ending), ("reset", "reset"))

    def test_stalled(self) -> None:
        """What is not delivered yet does not hold it up."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.server("a").pause()
        peer.send(b"x" * (1 << 20))
        self.publish()
        self.clock.pump([0, 0])
        self.assertEqual((peer.ending, self.server("a").ending), ("reset", "reset"))


class DialTests(EndpointCase):
    """Connections that are not made yet."""

    def test_whileDialling(self) -> None:
        """The attempt ends, and the application gets another backend."""
        endpoint = self.endpoint()
        hanging = self.hand()
        self.publishOnly(hanging)
        connecting = self.connect(endpoint)
        self.publish("b")
        self.assertEqual(hanging.cancelled, 1)
        self.clock.advance(0)
        self.successResultOf(connecting)
        self.assertEqual(len(self.backends["b"].connections), 1)

    def test_nobodyElse(self) -> None:
        """Without another backend connecting fails now, not at its deadline."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        connecting = self.connect(endpoint)
        self.publish()
        self.failureResultOf(connecting, NoBackends)
        self.assertEqual(self.backends["a"].pending, 0)

    def test_betweenConnectionAndProtocol(self) -> None:
        """A backend whose connection is made, but whose protocol has yet to learn of it, is left as well."""
        endpoint = self.endpoint()
        slow = self.hand()
        self.publishOnly(slow)
        connecting = self.connect(endpoint)
        protocol = slow.dials[0][0].buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        self.publish("b")
        self.clock.advance(0)
        self.successResultOf(connecting)
        self.assertEqual(endpoint.describe()["connections"], 1)

    def test_betweenProtocolAndResult(self) -> None:
        """A connection of which the application has not been told is reset, and another takes its place."""
        endpoint = self.endpoint()
        slow = self.hand()
        self.publishOnly(slow)
        first, second = Leaver(), Leaver()
        factory = Sequence(first, second)
        connecting = endpoint.connect(factory)
        slow.make()
        self.publish("b")
        self.clock.pump([0, 0])
        self.assertIs(self.successResultOf(connecting), second)
        self.assertEqual((first.isMade, slow.server.ending), (1, "reset"))
        self.assertIsNotNone(first.reason)
        self.assertEqual(endpoint.describe()["connections"], 1)

    def test_inConnectionMade(self) -> None:
        """An application whose protocol takes the target out of the set as soon as it is connected gets another."""
        endpoint = self.endpoint("a", "b")
        first, second = Leaver(onMade=lambda: self.publish("b")), Leaver()
        connecting = endpoint.connect(Sequence(first, second))
        self.clock.pump([0, 0])
        self.assertIs(self.successResultOf(connecting), second)
        self.assertIsNotNone(first.reason)
        self.assertEqual(self.server("a").ending, "reset")

    def test_lostInConnectionMade(self) -> None:
        """A connection that is lost before the application is told of it is not counted as open for ever."""
        endpoint = self.endpoint()
        backend = self.hand()
        self.publishOnly(backend)
        peer = Leaver()
        connecting = endpoint.connect(Application(peer))
        protocol = backend.make()
        assert protocol is not None
        backend.server.reset()
        self.clock.pump([0, 0])
        self.assertIsNotNone(peer.reason)
        self.assertNoResult(connecting)
        backend.dials[0][1].callback(protocol)
        self.assertIs(self.successResultOf(connecting), peer)
        self.assertIdle(endpoint)


class Sequence(Application):
    """Gives one protocol after the other."""

    def __init__(self, *protocols: IProtocol) -> None:
        super().__init__()
        self._protocols = list(protocols)

    def buildProtocol(self, addr: object) -> IProtocol:
        """See L{IProtocolFactory <twisted.internet.interfaces.IProtocolFactory>}."""
        return self._protocols.pop(0)


class ManyTests(EndpointCase):
    """Many connections."""

    def test_manyAtOnce(self) -> None:
        """Hundreds that wait, dial or are open end together, and none is forgotten."""
        endpoint = self.endpoint()
        waiting = [self.connect(endpoint) for _ in range(300)]
        self.publish("a", "b", "c")
        self.clock.advance(0)
        peers = [self.successResultOf(connecting) for connecting in waiting]
        self.behave(Behaviour.HANGS)
        dialling = [self.connect(endpoint) for _ in range(300)]
        self.assertEqual([endpoint.describe()[each] for each in ("connections", "dialing")], [300, 300])
        self.publish("c")
        self.clock.pump([0, 0])
        endings = [peer.ending for peer in peers if isinstance(peer, MemoryPeer)]
        self.assertEqual((endings.count("reset"), endings.count(None)), (200, 100))
        self.publish()
        self.clock.pump([0, 0])
        for connecting in dialling:
            self.failureResultOf(connecting, NoBackends)
        self.assertIdle(endpoint)
