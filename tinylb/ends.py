"""The two protocols of a pair, one at the client's connection and one at the backend's."""

from __future__ import annotations

import socket
from enum import Enum
from typing import Protocol as StaticProtocol

from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorFDSet,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.hearing import Hearing, hearing
from tinylb.poller import ERRORS, FAILED, Poller
from tinylb.sockets import passHalfClose, probe, sendAtOnce, socketOf, untie
from tinylb.transports import ISocketFactory, SocketTransport, Taken, canTake, take


class EndState(Enum):
    """What can still come from an end's peer."""

    OPEN = "open"
    FINISHED = "finished"  # the peer has sent its FIN, and may still read
    LOST = "lost"


class Owner(StaticProtocol):
    """What an end reports to: at first an introduction, an arrival or a backlog, then the stream relay."""

    def connected(self, end: End) -> None: ...

    def received(self, end: End, data: bytes) -> None: ...

    def finished(self, end: End) -> None: ...

    def broken(self, end: End) -> None: ...

    def lost(self, end: End, reason: Failure) -> None: ...


class Transport(StaticProtocol):
    """
    What an end needs of its transport. Twisted's stream transports (TCP, UNIX and TLS) have all of it. A
    L{SocketTransport} can only be closed, until it is completed or its socket is taken.
    """

    def write(self, data: bytes) -> None: ...

    def loseConnection(self) -> None: ...

    def loseWriteConnection(self) -> None: ...

    def abortConnection(self) -> None: ...

    def registerProducer(self, producer: object, streaming: bool) -> None: ...

    def unregisterProducer(self) -> None: ...

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...

    def getHost(self) -> IAddress: ...


@implementer(IHalfCloseableProtocol, IPushProducer)
class End(Protocol):
    """
    Passes on what happens to its connection. It provides L{IHalfCloseableProtocol}, without which
    Twisted treats the peer's FIN as the end of the connection and drops what is not yet flushed. It
    is also the producer that the other end's transport pauses: a transport registered in its place
    would be told to flush and close when the other one is aborted.

    @ivar state: what can still come from the peer.
    @ivar paused: whether nothing is read now, so that the transport sees no reset either.
    @ivar count: bytes received.
    """

    transport: Transport  # type: ignore[assignment]

    state = EndState.OPEN
    paused = False
    count = 0
    _socket: socket.SocketType | None = None
    _poller: Poller | None = None
    _fd = -1

    def __init__(self, owner: Owner) -> None:
        self.owner = owner

    def connectionMade(self) -> None:
        """See L{Protocol.connectionMade}."""
        transport = self.transport
        if not isinstance(transport, SocketTransport):
            self._socket = socketOf(transport)
            passHalfClose(transport, self)
        self.owner.connected(self)

    def dataReceived(self, data: bytes) -> None:
        """See L{Protocol.dataReceived}."""
        self.count += len(data)
        self.owner.received(self, data)

    def readConnectionLost(self) -> None:
        """The peer sent its FIN. Twisted may say so twice: resuming arms a half-closed transport again."""
        if self._hasFailed():
            self.owner.broken(self)
        elif self.state is EndState.OPEN:
            self.state = EndState.FINISHED
            self.owner.finished(self)

    def writeConnectionLost(self) -> None:
        """Our FIN was sent, as the owner asked. There is nothing to do."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        if self._poller is not None and self._fd >= 0:
            self._poller.closed(self._fd, self)
        self._poller = None
        self._socket = None
        self.owner.lost(self, reason)
        untie(self.transport)

    def pauseProducing(self) -> None:
        """See L{IPushProducer}."""
        self.paused = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """See L{IPushProducer}."""
        self.paused = False
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The other connection is lost. The owner deals with that."""

    def prepare(self, poller: Poller | None) -> None:
        """
        Prepare a connection that has one of Twisted's transports for being relayed.

        @param poller: reports a reset even while nothing is read.
        """
        if self._socket is not None:
            sendAtOnce(self._socket)
            self._watch(poller)

    def ready(self, events: int) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        # A transport that reads sees the reset by itself, after the data that came before it.
        if events & FAILED and (self.paused or self.state is EndState.FINISHED):
            self.owner.broken(self)

    def probe(self, keepalive: float) -> None:
        """See L{probe <tinylb.sockets.probe>}."""
        if self._socket is not None:
            probe(self._socket, keepalive)

    def hearing(self) -> Hearing | None:
        """See L{hearing <tinylb.hearing.hearing>}."""
        return hearing(self._socket) if self._socket is not None else None

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.transport.abortConnection()

    @property
    def canBeTaken(self) -> bool:
        """Whether L{take} may be called: it is prepared, has a plain socket, and its peer has not finished."""
        if isinstance(self.transport, SocketTransport):
            return self.state is EndState.OPEN
        return self._poller is not None and self.state is EndState.OPEN and canTake(self.transport)

    @property
    def early(self) -> bytes:
        """The bytes that have come and are kept. The caller of L{take} reads them before."""
        owner = self.owner
        return owner.data if isinstance(owner, Backlog) else b""

    def take(self) -> Taken:
        """Take the socket over. From then on the end has no connection, and is told nothing."""
        transport = self.transport
        if isinstance(transport, SocketTransport):
            taken = transport.take()
        else:
            assert self._poller is not None, "only an end that can be taken is"
            taken = take(transport, self._poller)
        self._socket = self._poller = None
        self.owner = NOBODY
        del self.transport
        return taken

    def complete(self, reactor: IReactorFDSet) -> None:
        """Make sure that the transport can move bytes: replace a L{SocketTransport} by a complete one."""
        if isinstance(self.transport, SocketTransport):
            self._socket = self.transport.getHandle()
            poller, self.transport = self.transport.poller, self.transport.complete(reactor)
            self.pauseProducing()
            self._watch(poller)

    def handOver(self, owner: Owner) -> None:
        """Change the owner. The new one is told everything that was kept."""
        former, self.owner = self.owner, owner
        if isinstance(former, Backlog):
            former.tell(self, owner)

    @property
    def canHalfClose(self) -> bool:
        """Not over TLS: Twisted cannot end one direction of it (its issue 5341)."""
        return not ISSLTransport.providedBy(self.transport)

    def _watch(self, poller: Poller | None) -> None:
        assert self._socket is not None, "only a connection with a socket is watched"
        fd = self._socket.fileno()
        watched = poller is not None and poller.watch(fd, self, ERRORS)
        self._poller, self._fd = (poller, fd) if watched else (None, -1)

    def _hasFailed(self) -> bool:
        """
        Whether the connection was reset. Twisted takes a reset for a FIN when the transport waited only
        to write, and was told to read again in the same turn; the socket's error tells them apart.
        """
        return self._socket is not None and self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0


class Nobody:
    """The owner of an end that is no longer in use. It ignores everything."""

    def connected(self, end: End) -> None:
        """Too late."""

    def received(self, end: End, data: bytes) -> None:
        """Too late."""

    def finished(self, end: End) -> None:
        """Too late."""

    def broken(self, end: End) -> None:
        """Too late."""

    def lost(self, end: End, reason: Failure) -> None:
        """Too late."""


NOBODY = Nobody()


class Backlog:
    """An owner that keeps what happens to an end until it is relayed."""

    _data: tuple[bytes, ...] = ()
    _lost: Failure | None = None

    @property
    def data(self) -> bytes:
        """The bytes that have come."""
        return b"".join(self._data)

    def connected(self, end: End) -> None:
        """The connection is there."""

    def received(self, end: End, data: bytes) -> None:
        """Keep the bytes, and stop reading: no more come than are on their way already."""
        self._data += (data,)
        end.pauseProducing()

    def finished(self, end: End) -> None:
        """Nothing to do: the end's state remembers it."""

    def broken(self, end: End) -> None:
        """The connection was reset: abort it."""
        end.transport.abortConnection()

    def lost(self, end: End, reason: Failure) -> None:
        """The connection is lost before it is relayed: remember why."""
        self._lost = reason

    def tell(self, end: End, owner: Owner) -> None:
        """Tell a new owner everything that it has missed."""
        for data in self._data:
            owner.received(end, data)
        if end.state is EndState.FINISHED:
            owner.finished(end)
        if self._lost is not None:
            owner.lost(end, self._lost)


@implementer(ISocketFactory)
class BackendEnds:
    """
    The factory of the ends of connections to backends.

    @ivar takesSockets: whether the ends will be taken over, so that their transports need not move bytes.
    @ivar greets: whether the relay sends the PROXY header that the backend wants; see L{tinylb.proxyprotocol.header}.
    """

    greets = True

    def __init__(self, takesSockets: bool) -> None:
        self.takesSockets = takesSockets

    def buildProtocol(self, addr: IAddress) -> End:
        """See L{IProtocolFactory}."""
        return End(Backlog())

    def doStart(self) -> None:
        """Nothing to do."""

    def doStop(self) -> None:
        """Nothing to do."""
