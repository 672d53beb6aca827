"""A transport that only holds a socket, for the kernel engine; and taking the socket out of Twisted's transports."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, ISystemHandle
from twisted.python.failure import Failure
from zope.interface import Attribute, implementer

from tinylb.poller import EVERYTHING, FAILED, WRITABLE, Poller
from tinylb.sockets import closeWithFIN, closeWithReset, hostOf, nameOf, untie

_PLAIN = frozenset((tcp.Server, tcp.Client, unix.Server, unix.Client))


class ISocketFactory(IProtocolFactory):
    """A factory whose protocols may not need a complete transport."""

    takesSockets: bool = Attribute("""Whether a L{SocketTransport} will do for the next one.""")


# A socket without a transport, and the events of epoll(7) that it has had already, which will not be told again.
Taken = tuple[socket.SocketType, int]


@implementer(ISystemHandle)
class SocketTransport:
    """
    Holds a connected socket until somebody takes it over. It neither reads nor writes, and tells its protocol only
    when the connection is lost.

    @param news: the events of epoll(7) that the socket has had already.
    @ivar poller: where the socket is registered, for L{EVERYTHING}.
    """

    __slots__ = ("_news", "_peer", "_protocol", "_socket", "poller")

    def __init__(
        self,
        sock: socket.SocketType,
        protocol: IProtocol,
        peer: IAddress,
        poller: Poller,
        news: int = 0,
    ) -> None:
        self._socket: socket.SocketType | None = sock
        self._protocol = protocol
        self._peer = peer
        self._news = news
        self.poller = poller

    def getHandle(self) -> socket.SocketType | None:
        """The socket; L{None} once it is taken, or closed."""
        return self._socket

    def getPeer(self) -> IAddress:
        """The peer's address."""
        return self._peer

    def getHost(self) -> IAddress:
        """Our own address."""
        return hostOf(self._require())

    def loseConnection(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._close(ConnectionDone())

    def abortConnection(self) -> None:
        """Close the connection with a reset."""
        if self._socket is not None:
            self._close(ConnectionAborted())

    def ready(self, events: int) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        if events != WRITABLE:
            self._news |= events
            if events & FAILED:
                number = self._require().getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number:
                    self._close(ConnectionLost(os.strerror(number)))

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.abortConnection()

    def take(self) -> Taken:
        """Hand the socket over to the caller. It stays registered in the poller."""
        sock, self._socket = self._socket, None
        assert sock is not None, "the socket is somebody else's"
        return sock, self._news

    def complete(self, reactor: Any) -> tcp.Server:
        """Hand the socket over to a complete transport of Twisted's."""
        sock, _ = self.take()
        self.poller.forget(sock.fileno())
        return completeTransport(sock, self._protocol, self._peer, reactor)

    def _close(self, reason: Exception) -> None:
        sock, _ = self.take()
        protocol = self._protocol
        del self._protocol  # breaks the reference cycle
        self.poller.closing(sock.fileno())
        if isinstance(reason, ConnectionAborted):
            closeWithReset(sock)
        else:
            closeWithFIN(sock)
        protocol.connectionLost(Failure(reason))

    def _require(self) -> socket.SocketType:
        assert self._socket is not None, "the socket is somebody else's"
        return self._socket


def completeTransport(sock: socket.SocketType, protocol: IProtocol, peer: IAddress, reactor: Any) -> tcp.Server:
    """A transport of Twisted's for a connected socket. It is reading already."""
    kind: Any = unix.Server if sock.family == socket.AF_UNIX else tcp.Server
    transport: tcp.Server = kind(sock, protocol, nameOf(peer), None, 0, reactor)
    transport.repstr = f"<{type(protocol).__name__} at {sock.fileno()}>"  # Twisted sets it only with a port
    return transport


def canTake(transport: Any) -> bool:
    """
    Whether a transport of Twisted's is nothing but a connected socket: with neither TLS nor anything else around it,
    and with no data in it that is still to be sent.
    """
    return bool(
        type(transport) in _PLAIN
        and transport.connected
        and not transport.disconnecting
        and not transport.TLS
        and not transport._tempDataLen
        and not transport.dataBuffer
    )


def take(transport: Any, poller: Poller) -> Taken:
    """
    Take the socket out of a transport for which L{canTake} holds. The transport cannot be used any more: it tells
    its protocol nothing, not even that it is lost.

    @param poller: where the socket is registered, for L{ERRORS}.
    """
    sock: socket.socket = transport.socket
    transport.stopReading()
    transport.stopWriting()
    transport.connected, transport.disconnected = 0, 1
    untie(transport)
    # The reactor may be telling the transport of an event, and have another one for it.
    transport.doRead = transport.doWrite = _nothing
    del transport.socket, transport.fileno, transport.protocol
    poller.change(sock.fileno(), EVERYTHING)
    return sock, 0


def _nothing() -> None:
    """Stands in for a transport's C{doRead} and C{doWrite}: tells the reactor that all is well."""


def abandon(protocol: IProtocol | None) -> None:
    """Reset a connection that is not wanted any more. A transport that cannot be reset is closed."""
    transport = getattr(protocol, "transport", None)
    if transport is not None:
        getattr(transport, "abortConnection", transport.loseConnection)()
