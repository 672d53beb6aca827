"""An application's own factory and protocol, as a balanced endpoint treats them: as every other endpoint does."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, NoProtocol
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.unit.endpointcase import Application, EndpointCase
from tinylb.testing import MemoryPeer


class FactoryTests(EndpointCase):
    """The application's factory."""

    def test_life(self) -> None:
        """It is started when it is used, and stopped when its connection is lost, once each."""
        endpoint = self.endpoint("a")
        factory = Application(peer := MemoryPeer())
        connecting = endpoint.connect(factory)
        self.assertEqual(factory.life, (1, 0))
        self.clock.advance(0)
        self.successResultOf(connecting)
        self.assertEqual(factory.life, (1, 0))
        peer.close()
        self.clock.advance(0)
        self.assertEqual(factory.life, (1, 1))

    def test_lifeOfAFailure(self) -> None:
        """Where nothing comes of it, it is stopped at once, however many backends were tried."""
        endpoint = self.endpoint()
        backends = self.hand("a"), self.hand("b")
        self.publishOnly(*backends)
        factory = Application(MemoryPeer())
        connecting = endpoint.connect(factory)
        for backend in backends:
            self.assertEqual(factory.life, (1, 0))
            backend.fail(ConnectionDone())
        self.assertEqual((factory.life, factory.addresses), ((1, 1), []))
        self.failureResultOf(connecting)

    def test_twice(self) -> None:
        """One factory may be used for any number of connections."""
        endpoint = self.endpoint("a")
        factory = Factory.forProtocol(MemoryPeer)
        factory.noisy = False
        peers = [endpoint.connect(factory) for _ in range(2)]
        self.clock.advance(0)
        self.assertEqual(factory.numPorts, 2)
        for peer in peers:
            protocol = self.successResultOf(peer)
            assert isinstance(protocol, MemoryPeer)
            self.assertIs(protocol.factory, factory)
            protocol.close()
        self.clock.advance(0)
        self.assertEqual(factory.numPorts, 0)

    def test_noProtocol(self) -> None:
        """One that gives no protocol fails connecting, and nothing is held against the backend."""
        endpoint = self.endpoint("a", "b")
        factory = Application()
        connecting = endpoint.connect(factory)
        self.clock.advance(0)
        self.failureResultOf(connecting, NoProtocol)
        self.assertRefusedByTheApplication(factory)

    def test_raises(self) -> None:
        """One that raises fails connecting with that."""
        endpoint = self.endpoint("a", "b")
        factory = Raising()
        connecting = endpoint.connect(factory)
        self.clock.advance(0)
        self.failureResultOf(connecting, ZeroDivisionError)
        self.assertRefusedByTheApplication(factory)
        self.assertIdle(endpoint)

    def test_startRaises(self) -> None:
        """The same for one that cannot even be started."""
        endpoint = self.endpoint("a")
        connecting = endpoint.connect(Unstartable())
        self.failureResultOf(connecting, ZeroDivisionError)
        self.assertIdle(endpoint)

    def assertRefusedByTheApplication(self, factory: Application) -> None:
        """The backend was reached, is reset, and as good as ever; nobody else was tried."""
        self.assertEqual((len(factory.addresses), factory.life), (1, (1, 1)))
        self.clock.advance(0)
        self.assertEqual(self.server("a").ending, "reset")
        self.assertEqual(self.backends["b"].attempts, 0)


class ProtocolTests(EndpointCase):
    """The application's protocol."""

    def test_transport(self) -> None:
        """It has the transport itself, as from any endpoint, when its connection is made."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.assertIs(peer.transport._far.protocol, self.server("a"))

    def test_halfClose(self) -> None:
        """One that can be half-closed is: what comes after its FIN arrives, and so does the server's."""
        peer = self.connected(self.endpoint("a"))
        peer.finish()
        self.clock.advance(0)
        self.assertTrue(self.server("a").hasFinished)
        self.server("a").send(b"reply")
        self.server("a").finish()
        self.clock.pump([0, 0])
        self.assertEqual((peer.received, peer.hasFinished, peer.ending), (b"reply", True, None))

    def test_noHalfClose(self) -> None:
        """To one that cannot, the server's FIN is the end."""
        endpoint = self.endpoint("a")
        protocol = Protocol()
        lost: list[Failure] = []
        protocol.connectionLost = lost.append  # type: ignore[method-assign,assignment]
        endpoint.connect(Application(protocol))
        self.clock.advance(0)
        self.server("a").finish()
        self.clock.pump([0, 0])
        (reason,) = lost
        self.assertTrue(reason.check(ConnectionDone))

    def test_ownDataReceived(self) -> None:
        """One that replaces its own methods while it is connected, as some do to change their state, is heeded."""
        peer = self.connected(self.endpoint("a"))
        heard: list[bytes] = []
        peer.dataReceived = heard.append  # type: ignore[method-assign,assignment]
        self.server("a").send(b"for the new one")
        self.clock.advance(0)
        self.assertEqual((heard, peer.received), ([b"for the new one"], b""))

    def test_producer(self) -> None:
        """It may be a producer, as far as the transport has room."""
        peer = self.connected(self.endpoint("a"))
        producer = Producer()
        peer.transport.registerProducer(producer, True)
        self.server("a").pause()
        for _ in range(3):
            peer.send(b"x" * 65536)
            self.clock.advance(0)
        self.assertEqual(producer.told, ["pause"])
        self.server("a").resume()
        self.clock.pump([0, 0])
        self.assertEqual(producer.told, ["pause", "resume"])
        peer.transport.unregisterProducer()

    def test_lines(self) -> None:
        """A protocol of Twisted's own, that pauses its transport."""
        endpoint = self.endpoint("a")
        protocol = Lines()
        endpoint.connect(Application(protocol))
        self.clock.advance(0)
        self.server("a").send(b"one\r\ntwo\r\n")
        self.clock.advance(0)
        self.assertEqual(protocol.lines, [b"one"])
        protocol.resumeProducing()
        self.clock.advance(0)
        self.assertEqual(protocol.lines, [b"one", b"two"])

    def test_closesInConnectionMade(self) -> None:
        """One that closes as soon as it is connected has been connected."""
        endpoint = self.endpoint("a")
        protocol = Acting(lambda protocol: protocol.transport.loseConnection())
        connecting = endpoint.connect(Application(protocol))
        self.clock.advance(0)
        self.assertIs(self.successResultOf(connecting), protocol)
        self.assertEqual(protocol.lost, 1)
        self.assertIdle(endpoint)

    def test_raisesInConnectionMade(self) -> None:
        """One that raises there fails connecting with that, now, is told of the loss, and the backend is not blamed."""
        endpoint = self.endpoint("a", "b")
        protocol = Acting(lambda _: 1 / 0)
        connecting = endpoint.connect(Application(protocol))
        self.clock.advance(0)
        self.failureResultOf(connecting, ZeroDivisionError)
        self.clock.advance(0)
        self.assertEqual((self.server("a").ending, protocol.lost, self.backends["b"].attempts), ("reset", 1, 0))
        self.assertIdle(endpoint)

    def test_raisesInConnectionLost(self) -> None:
        """One that raises when it is lost is lost all the same."""
        endpoint = self.endpoint("a")
        factory = Application(Protocol())
        connecting = endpoint.connect(factory)
        self.clock.advance(0)
        protocol = self.successResultOf(connecting)
        assert isinstance(protocol, Protocol)
        protocol.connectionLost = lambda _: 1 / 0  # type: ignore[method-assign,assignment,misc]
        assert protocol.transport is not None
        protocol.transport.loseConnection()
        self.assertRaises(ZeroDivisionError, self.clock.advance, 0)
        self.assertEqual(factory.life, (1, 1))
        self.assertIdle(endpoint)


class Raising(Application):
    """Builds nothing."""

    def buildProtocol(self, addr: object) -> IProtocol:
        """See L{IProtocolFactory}."""
        self.addresses.append(None)
        raise ZeroDivisionError


class Unstartable(Application):
    """Does not start."""

    def doStart(self) -> None:
        """See L{IProtocolFactory}."""
        raise ZeroDivisionError


class Acting(Protocol):
    """Does something as soon as it is connected."""

    def __init__(self, act: object) -> None:
        self.lost = 0
        self._act = act

    def connectionMade(self) -> None:
        """See L{Protocol.connectionMade}."""
        assert callable(self._act)
        self._act(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        self.lost += 1


class Lines(LineReceiver):
    """Wants one line at a time."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        """See L{LineReceiver.lineReceived}."""
        self.lines.append(line)
        self.pauseProducing()


@implementer(IPushProducer)
class Producer:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """See L{IPushProducer}."""
        self.told.append("stop")
