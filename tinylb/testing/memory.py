"""Connections in memory that behave as Twisted's TCP transports do, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHalfCloseableProtocol,
    IProducer,
    IProtocol,
    IPullProducer,
    IPushProducer,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

CHUNK = 64 * 1024
"""Bytes that are read at a time, that fit on the wire, and that a transport buffers before it pauses its
producer: as with Twisted and a small kernel buffer."""


class _Wire:
    """One direction of a connection, between the two transports: what the kernel would hold."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.isFinished = False


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """
    One end of a connection in memory. Like a TCP transport it buffers what is written, pauses its
    producer above 64 KiB, resumes it before it acts on a requested close, and supports half-close in
    both directions and resets.

    Unlike a TCP transport it tells its protocol of a reset even while it is paused. With real sockets
    the balancer's ends learn of such a reset in another way.

    @ivar isReading: C{False} while paused.
    """

    def __init__(self, clock: IReactorTime, host: IAddress, peer: IAddress) -> None:
        self.protocol: IProtocol = Protocol()
        self.isReading = True
        self._clock = clock
        self._addresses = host, peer
        self._buffer = bytearray()
        self._incoming = _Wire()
        self._outgoing = _Wire()
        self._far: MemoryTransport
        self._producer: IProducer | None = None
        self._isPush = False
        self._hasPaused = False
        self._isConnected = True
        self._isAborting = False
        self._isClosing = False
        self._isFinishing = False
        self._hasFinished = False
        self._hasSeenFinish = False
        self._isScheduled = False
        self._wantsToWrite = False

    @property
    def connected(self) -> bool:
        """Whether it is connected. Twisted's transports have this and the next two, and protocols look at them."""
        return self._isConnected

    @property
    def disconnected(self) -> bool:
        """Whether the connection is lost."""
        return not self._isConnected

    @property
    def disconnecting(self) -> bool:
        """Whether it is being closed."""
        return self._isClosing or self._isAborting

    def write(self, data: bytes) -> None:
        """See L{ITransport.write}."""
        if not self._isConnected or self._hasFinished:
            return
        self._buffer += data
        if self._producer is not None and self._isPush and len(self._buffer) > CHUNK:
            self._hasPaused = True
            cast(IPushProducer, self._producer).pauseProducing()
        self._startWriting()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """See L{ITransport.writeSequence}."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """See L{ITransport.loseConnection}."""
        if not self._isConnected:
            return
        if self._hasFinished and not self._isClosing:
            self._lose(Failure(ConnectionDone()))
        self._isClosing = True
        self.isReading = False
        self._startWriting()

    def loseWriteConnection(self) -> None:
        """Send a FIN after what has been written. A second call, once the FIN is sent, breaks the connection."""
        if self._hasFinished:
            self._far._scheduleReset()
            self._scheduleReset()
            return
        self._isFinishing = True
        self._startWriting()

    def abortConnection(self) -> None:
        """Reset, one turn from now."""
        if self._isConnected and not self._isAborting:
            self._isAborting = True
            self._clock.callLater(0, self._abort)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """See L{IConsumer.registerProducer}."""
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} is registered already")
        if not self._isConnected:
            producer.stopProducing()
            return
        self._producer, self._isPush, self._hasPaused = producer, streaming, False
        if not streaming:
            cast(IPullProducer, producer).resumeProducing()

    def unregisterProducer(self) -> None:
        """See L{IConsumer.unregisterProducer}."""
        self._producer = None
        if self._isClosing:
            self._startWriting()

    def pauseProducing(self) -> None:
        """See L{IPushProducer.pauseProducing}."""
        self.isReading = False

    def resumeProducing(self) -> None:
        """See L{IPushProducer.resumeProducing}."""
        if self._isConnected and not self._isClosing:
            self.isReading = True
            self._hasSeenFinish = False  # Twisted would report it once more
            self._schedule()

    def stopProducing(self) -> None:
        """See L{IPushProducer.stopProducing}."""
        self.loseConnection()

    def getHost(self) -> IAddress:
        """See L{ITransport.getHost}."""
        return self._addresses[0]

    def getPeer(self) -> IAddress:
        """See L{ITransport.getPeer}."""
        return self._addresses[1]

    def _startWriting(self) -> None:
        self._wantsToWrite = True
        self._schedule()

    def _schedule(self) -> None:
        if self._isConnected and not self._isScheduled:
            self._isScheduled = True
            self._clock.callLater(0, self._turn)

    def _turn(self) -> None:
        self._isScheduled = False
        if not self._isAborting:
            self._sendSome()
            self._readSome()

    def _sendSome(self) -> None:
        if not self._wantsToWrite:
            return
        if self._buffer and not self._far._isConnected:
            self._buffer.clear()
            self._scheduleReset()  # the peer is gone
            return
        room = CHUNK - len(self._outgoing.data)
        if self._buffer and room > 0:
            self._outgoing.data += self._buffer[:room]
            del self._buffer[:room]
            self._far._schedule()
        if self._buffer or not self._isConnected:
            return
        self._wantsToWrite = False
        if self._producer is not None and (self._hasPaused or not self._isPush):
            self._hasPaused = False
            cast(IPullProducer, self._producer).resumeProducing()
        elif self._isClosing:
            self._outgoing.isFinished = True
            self._far._schedule()
            self._lose(Failure(ConnectionDone()))
        elif self._isFinishing and not self._hasFinished:
            self._hasFinished = True
            self._outgoing.isFinished = True
            self._far._schedule()
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.writeConnectionLost()

    def _readSome(self) -> None:
        if not self._isConnected or not self.isReading:
            return
        wire = self._incoming
        if wire.data:
            chunk = bytes(wire.data[:CHUNK])
            del wire.data[:CHUNK]
            self._far._schedule()
            self._schedule()
            self.protocol.dataReceived(chunk)
        elif wire.isFinished and not self._hasSeenFinish:
            self._hasSeenFinish = True
            if IHalfCloseableProtocol.providedBy(self.protocol):
                self.protocol.readConnectionLost()
            else:
                self._lose(Failure(ConnectionDone()))

    def _abort(self) -> None:
        if self._isConnected:
            self._outgoing.data.clear()
            self._far._scheduleReset()
            self._lose(Failure(ConnectionAborted()))

    def _scheduleReset(self) -> None:
        self._clock.callLater(0, self._wasReset)

    def _wasReset(self) -> None:
        if self._isConnected:
            self._lose(Failure(ConnectionLost()))

    def _lose(self, reason: Failure) -> None:
        if self._incoming.data and self._far._isConnected:
            self._far._scheduleReset()  # closing with unread input resets
        self._isConnected = False
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(reason)


def join(clock: IReactorTime, near: IProtocol, far: IProtocol, port: int = 1) -> None:
    """
    Connect two protocols in memory. What one sends reaches the other as C{clock} moves on.

    @param near: C{127.0.0.1:port} is its host address, and the peer address of C{far}.
    """
    addresses = IPv4Address("TCP", "127.0.0.1", port), IPv4Address("TCP", "127.0.0.1", 50000)
    first = MemoryTransport(clock, *addresses)
    second = MemoryTransport(clock, *reversed(addresses))
    first._far, second._far = second, first
    first._outgoing, second._outgoing = second._incoming, first._incoming
    first.protocol, second.protocol = near, far
    far.makeConnection(second)
    near.makeConnection(first)
