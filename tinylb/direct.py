"""
A TCP client endpoint that costs less than Twisted's: one connect(2), watched by the poller that will relay the
connection, and a transport with no more than a pair needs. Twisted's has a connector, a wrapping factory, a second
connect(2) and a transport that is registered with the reactor.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectingCancelledError,
    NoProtocol,
    TimeoutError,
    getConnectError,
)
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
)
from twisted.python.failure import Failure

from tinylb.clock import monotonicClock
from tinylb.poller import EVERYTHING, FAILED, WRITABLE, Poller, pollerOf
from tinylb.sockets import closeWithReset
from tinylb.transports import SocketTransport

_TYPE = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)


class DirectEndpoint(TCP4ClientEndpoint):
    """
    Connects to a literal address, IPv4 or IPv6, as L{TCP4ClientEndpoint} does and with the same errors, for a factory
    that takes sockets (L{ISocketFactory}).

    For any other factory it is a L{TCP4ClientEndpoint}; likewise for a name, with a C{bindAddress}, and where the
    reactor has no poller, or the poller can take no more.

    @param reactor: L{IReactorTCP <twisted.internet.interfaces.IReactorTCP>}.
    @param host: without brackets.
    @param timeout: seconds, on the monotonic clock; L{None} for no deadline.
    """

    def __init__(self, reactor: Any, host: str, port: int, timeout: float | None = 30, bindAddress: Any = None) -> None:
        super().__init__(reactor, host, port, timeout, bindAddress)  # type: ignore[arg-type]
        isLiteral = isIPAddress(host) or isIPv6Address(host)
        self._poller = pollerOf(reactor) if isLiteral and bindAddress is None else None
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._address = (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)
        self._name = None if "%" in host else (host, port)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect once.

        @return: a L{Deferred} that fires with the protocol, connected, or fails with an error of
            L{twisted.internet.error}. It may be cancelled.
        """
        poller = self._poller
        if poller is None or not getattr(protocolFactory, "takesSockets", False):
            return super().connect(protocolFactory)
        try:
            sock = socket.SocketType(self._family, _TYPE)
        except OSError as error:
            return fail(ConnectBindError(error.errno, error.strerror))
        connecting = _Connecting(sock, poller, protocolFactory, self._address)
        if not poller.watch(sock.fileno(), connecting, EVERYTHING):
            sock.close()
            return super().connect(protocolFactory)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = sock.connect_ex(self._name or self._scoped())
        except Exception as error:  # raised for what is no address
            connecting.fail(error)
        else:
            if number not in (0, errno.EINPROGRESS):
                connecting.fail(_connectError(number))
        if self._timeout is not None and not connecting.result.called:
            connecting.timer = monotonicClock(self._reactor).callLater(self._timeout, connecting.timedOut)
        return connecting.result

    def _scoped(self) -> tuple[Any, ...]:
        """The address with the number of its scope, looked up each time: an interface may come back with another."""
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return socket.getaddrinfo(self._host, self._port, self._family, socket.SOCK_STREAM, 0, flags)[0][4]


class _Connecting:
    """A socket that is being connected."""

    __slots__ = ("_address", "_factory", "_poller", "_socket", "result", "timer")

    def __init__(
        self, sock: socket.SocketType, poller: Poller, factory: IProtocolFactory, to: IPv4Address | IPv6Address
    ) -> None:
        self._socket: socket.SocketType | None = sock
        self._poller = poller
        self._factory = factory
        self._address = to
        self.result: Deferred[IProtocol] = Deferred(self._cancelled)
        self.timer: IDelayedCall | None = None

    def ready(self, events: int) -> None:
        """The connection is there, or has failed."""
        sock = self._socket
        assert sock is not None, "nobody is told of a socket that is closed"
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if events & FAILED else 0
        if not number and _isOwnPeer(sock, self._address.port):
            number = errno.ECONNREFUSED
        if number:
            self.fail(_connectError(number))
        else:
            self._connected(sock, events)

    def timedOut(self) -> None:
        """The time is over."""
        self.timer = None
        self.fail(TimeoutError())

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.fail(ConnectError(string="see the log"))

    def fail(self, error: Exception) -> None:
        """There will be no connection."""
        sock = self._socket
        self._over()
        if sock is not None:
            self._poller.closing(sock.fileno())
            sock.close()
            self.result.errback(error)

    def _connected(self, sock: socket.SocketType, events: int) -> None:
        self._over()
        address, poller = self._address, self._poller
        try:
            protocol = self._factory.buildProtocol(address)
        except Exception:
            poller.closing(sock.fileno())
            sock.close()
            self.result.errback(Failure())
            return
        if protocol is None:
            poller.closing(sock.fileno())
            closeWithReset(sock)
            self.result.errback(NoProtocol())
            return
        news = 0 if events == WRITABLE else events
        transport: Any = SocketTransport(sock, protocol, address, poller, news)
        poller.hand(sock.fileno(), transport)
        protocol.makeConnection(transport)
        self.result.callback(protocol)

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        self.fail(ConnectingCancelledError(self._address))

    def _over(self) -> None:
        self._socket = None
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()


def _isOwnPeer(sock: socket.SocketType, port: int) -> bool:
    """
    Whether a socket is connected to itself: where nothing listens on a port of this machine, the kernel may choose that
    very port for our side.
    """
    name = sock.getsockname()
    return bool(name[1] == port and name == sock.getpeername())


def _connectError(number: int) -> Exception:
    error: Exception = getConnectError((number, os.strerror(number)))
    return error
