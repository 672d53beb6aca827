"""The far end of a connection in memory, which the test controls."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.testing.memory import MemoryTransport


@implementer(IHalfCloseableProtocol)
class MemoryPeer(Protocol):
    """
    The far end of a connection, for the test to use: a client of the balancer, or the server
    behind one of its backends.

    @ivar received: everything that has come so far.
    @ivar hasFinished: whether the other side has sent its FIN.
    @ivar ending: L{None} while connected, then C{"closed"} or C{"reset"}.
    """

    transport: MemoryTransport

    def __init__(self) -> None:
        self.received = b""
        self.hasFinished = False
        self.ending: str | None = None

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.transport.write(data)

    def finish(self) -> None:
        """Send a FIN, and go on receiving."""
        self.transport.loseWriteConnection()

    def close(self) -> None:
        """Close, both directions."""
        self.transport.loseConnection()

    def reset(self) -> None:
        """Reset the connection."""
        self.transport.abortConnection()

    def pause(self) -> None:
        """Read nothing for a while."""
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        self.transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        """See L{Protocol.dataReceived}."""
        self.received += data

    def readConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""
        self.hasFinished = True

    def writeConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        self.ending = "closed" if reason.check(ConnectionDone) else "reset"
