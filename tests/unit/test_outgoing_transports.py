"""Between an application's protocol and its transport, of whatever kind that is."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IHandshakeListener,
    ILoggingContext,
    IProtocol,
    ITransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.unit.endpointcase import Application, EndpointCase
from tinylb import BalancedEndpoint
from tinylb.events import CloseReason
from tinylb.outgoing import Outgoing
from tinylb.testing import MemoryPeer


class OtherTransportTests(EndpointCase):
    """Endpoints may give transports that are not TCP's."""

    def dial(self, transport: Closable | None = None) -> tuple[BalancedEndpoint, Deferred[IProtocol]]:
        """An application connects; the connection is made, over this transport, and C{connect} is yet to say so."""
        endpoint = self.endpoint()
        self.backend = self.hand()
        self.publishOnly(self.backend)
        connecting = endpoint.connect(Application(MemoryPeer()))
        if transport is not None:
            protocol = self.backend.dials[0][0].buildProtocol(None)  # type: ignore[arg-type]
            assert protocol is not None
            protocol.makeConnection(transport)  # type: ignore[arg-type]
            transport.protocol = protocol
        return endpoint, connecting

    def open(self, transport: Closable) -> None:
        """The same, and it has said so. The connection is lost with the test."""
        _, connecting = self.dial(transport)
        assert transport.protocol is not None
        self.addCleanup(transport.protocol.connectionLost, Failure(ConnectionDone()))
        self.backend.dials[0][1].callback(transport.protocol)
        self.successResultOf(connecting)

    def test_cannotBeReset(self) -> None:
        """One that cannot be reset is closed, once, when its target is gone."""
        transport = Closable()
        self.open(transport)
        for _ in range(2):
            self.publishOnly()
            self.publishOnly(self.backend)
        self.assertEqual(transport.told, ["loseConnection"])

    def test_canBeReset(self) -> None:
        """One that can be reset is, also where it does not say that it is TCP's."""
        transport = Abortable()
        self.open(transport)
        self.publishOnly()
        self.assertEqual(transport.told, ["abortConnection"])

    def test_cannotBeResetWhileDialling(self) -> None:
        """One of which the application has not been told yet is closed likewise, and the set is in force."""
        transport = Closable()
        endpoint, connecting = self.dial(transport)
        self.publishOnly()
        self.failureResultOf(connecting)
        self.assertEqual(transport.told, ["loseConnection"])
        self.assertIsNone(endpoint.describe()["provider"]["error"])

    def test_nobodysProtocol(self) -> None:
        """A backend that connects something of its own making fails connecting, and what it gave is reset."""
        _, connecting = self.dial()
        self.backend.make()
        stranger = Protocol()
        stranger.transport = transport = Abortable()  # type: ignore[assignment]
        self.backend.dials[0][1].callback(stranger)
        self.failureResultOf(connecting, TypeError)
        self.assertEqual(transport.told, ["abortConnection"])


class PassedOnTests(EndpointCase):
    """What stands between a transport and the application's protocol passes on whatever that can do."""

    def test_interfaces(self) -> None:
        """It provides, of what a transport may ask for, what the protocol provides; and no more."""
        optional = (IHalfCloseableProtocol, IFileDescriptorReceiver, IHandshakeListener)
        self.assertEqual([each.providedBy(Outgoing(Protocol(), None)) for each in optional], [False] * 3)
        self.assertEqual([each.providedBy(Outgoing(Everything(), None)) for each in optional], [True] * 3)
        self.assertTrue(IProtocol.providedBy(Outgoing(Everything(), None)))

    def test_calls(self) -> None:
        """And the protocol is told."""
        protocol = Everything()
        outgoing = Outgoing(protocol, None)
        outgoing.readConnectionLost()
        outgoing.writeConnectionLost()
        outgoing.fileDescriptorReceived(3)
        outgoing.handshakeCompleted()
        self.assertEqual(protocol.told, ["read", "write", "3", "handshake"])

    def test_nothingElse(self) -> None:
        """It has no methods that only the protocol has."""
        with self.assertRaises(AttributeError):
            _ = Outgoing(Everything(), None).told

    def test_logPrefix(self) -> None:
        """In the log it goes by the protocol's name."""
        self.assertEqual(Outgoing(Everything(), None).logPrefix(), "everything")
        self.assertEqual(Outgoing(MemoryPeer(), None).logPrefix(), "MemoryPeer")
        self.assertEqual(Outgoing(Bare(), None).logPrefix(), "Bare")
        self.assertTrue(ILoggingContext.providedBy(Outgoing(Bare(), None)))

    def test_abortedOnce(self) -> None:
        """It is aborted once, and only that once counts."""
        outgoing = Outgoing(Protocol(), None)
        self.assertFalse(outgoing.abort(CloseReason.TARGET_REMOVED))
        transport = Abortable()
        outgoing.makeConnection(transport)  # type: ignore[arg-type]
        aborted = [outgoing.abort(CloseReason.TARGET_REMOVED) for _ in range(2)]
        self.assertEqual((aborted, transport.told), ([True, False], ["abortConnection"]))


class Closable:
    """A transport that can only be closed, as a process's."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.protocol: IProtocol | None = None

    def loseConnection(self) -> None:
        """See L{ITransport.loseConnection}."""
        self.told.append("loseConnection")


class Abortable(Closable):
    """One that can be reset."""

    def abortConnection(self) -> None:
        """As L{ITCPTransport <twisted.internet.interfaces.ITCPTransport>} has it."""
        self.told.append("abortConnection")


@implementer(IHalfCloseableProtocol, IFileDescriptorReceiver, IHandshakeListener)
class Everything(Protocol):
    """Can do all that a transport may ask for."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def logPrefix(self) -> str:
        """See L{ILoggingContext}."""
        return "everything"

    def readConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""
        self.told.append("read")

    def writeConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""
        self.told.append("write")

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """See L{IFileDescriptorReceiver}."""
        self.told.append(str(descriptor))

    def handshakeCompleted(self) -> None:
        """See L{IHandshakeListener}."""
        self.told.append("handshake")


@implementer(IProtocol)
class Bare:
    """No more than a protocol has to have."""

    def makeConnection(self, transport: ITransport) -> None:
        """See L{IProtocol}."""

    def connectionMade(self) -> None:
        """See L{IProtocol}."""

    def dataReceived(self, data: bytes) -> None:
        """See L{IProtocol}."""

    def connectionLost(self, reason: Failure) -> None:
        """See L{IProtocol}."""
