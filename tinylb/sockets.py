"""Operations on the sockets behind Twisted's transports."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterable
from typing import Any, Union

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.base import BaseConnector
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, ISSLTransport, ISystemHandle
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import alsoProvides

Address = Union[IPv4Address, IPv6Address, UNIXAddress]

# Of Linux; the socket module does not name it.
_TCP_RTO_MAX_MS = 44
PROBES = 3
"""Probes without an answer after which a peer counts as lost."""

_DISCARD = struct.pack("ii", 1, 0)


def socketOf(transport: object) -> socket.SocketType | None:
    """The socket under a transport, also under TLS and other wrappers; L{None} for one that has none."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
    return handle if isinstance(handle, socket.SocketType) else None


def addressOf(family: int, name: Any) -> Address:
    """The address that the socket module names in its own way: a tuple with host and port first, or a path."""
    if family == socket.AF_UNIX:
        return UNIXAddress(name or None)
    if family == socket.AF_INET6:
        if name[3:] not in ((), (0,)):
            # The scope belongs to the host, as in fe80::1%eth0.
            host, _ = socket.getnameinfo(name, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
            name = (host, *name[1:])
        return IPv6Address("TCP", *name)
    return IPv4Address("TCP", *name)


def shortage() -> int | None:
    """The number of the error with which the system would refuse another socket now; L{None} if it would not."""
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno
    return None


def nameOf(address: IAddress) -> Any:
    """The reverse of L{addressOf}."""
    if isinstance(address, IPv4Address):
        return address.host, address.port
    if isinstance(address, IPv6Address):
        return address.host, address.port, address.flowInfo, address.scopeID
    return address.name if isinstance(address, UNIXAddress) else None


def hostOf(sock: socket.SocketType) -> Address:
    """A socket's own address."""
    return addressOf(sock.family, sock.getsockname())


def isListening(port: object) -> bool:
    """
    Whether there is a listening port, and the kernel says that its socket still accepts connections. A port without a
    socket is assumed to.
    """
    sock = getattr(port, "socket", None)
    if not isinstance(sock, socket.SocketType):
        return port is not None
    try:
        return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False  # closed


def closeWithFIN(sock: socket.SocketType) -> None:
    """Close, and let the peer see an orderly end, even if some of what it sent was not read here."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the peer has reset the connection
    sock.close()


def closeWithReset(sock: socket.SocketType) -> None:
    """Close, and discard what is unsent; the peer sees a reset, if its kind of socket has one."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
    except OSError:
        pass
    sock.close()


def untie(transport: object) -> None:
    """
    Separate a lost client transport from its connector. They refer to each other, so that both, with what could not be
    sent, would stay until Python's cycle collector runs.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    connector = getattr(transport, "connector", None)
    if isinstance(connector, BaseConnector):
        connector.transport = None


def passHalfClose(transport: object, protocol: IHalfCloseableProtocol) -> None:
    """
    Make a wrapper between a socket and our protocol, such as the one behind C{haproxy:}, pass a FIN on. Twisted's
    wrappers are not half-closeable, and would take it for the end. Over TLS there is no half-close to pass on.
    """
    if isinstance(transport, ProtocolWrapper) and not ISSLTransport.providedBy(transport):
        transport.readConnectionLost = protocol.readConnectionLost  # type: ignore[attr-defined]
        transport.writeConnectionLost = protocol.writeConnectionLost  # type: ignore[attr-defined]
        alsoProvides(transport, IHalfCloseableProtocol)


def sendAtOnce(sock: socket.SocketType) -> None:
    """Make a TCP socket send little data at once, without waiting for more."""
    if sock.family != socket.AF_UNIX:
        _setOptions(sock, ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),))


def holdLittle(sock: socket.SocketType, size: int) -> None:
    """Make the kernel hold about C{size} bytes, and as much of its own again, for a peer that does not read them."""
    _setOptions(sock, ((socket.SOL_SOCKET, socket.SO_SNDBUF, size),))


def probe(sock: socket.SocketType, keepalive: float) -> None:
    """
    Make the kernel find out whether a TCP socket's peer is still there, even while the peer does not read.

    @param keepalive: seconds of silence before the first of three probes, which are a third of that apart. 0: never.
    """
    if keepalive and sock.family != socket.AF_UNIX:
        idle, interval = probing(keepalive)
        options = [
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        ]
        if hasattr(socket, "TCP_KEEPIDLE"):
            options.insert(0, (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle))
        _setOptions(sock, options)
        # Otherwise a peer that has not read for long is probed every two minutes only. Linux has this from 6.15 on.
        if sys.platform == "linux":
            _setOptions(sock, [(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, 1000 * min(interval, 120))])


def probing(keepalive: float) -> tuple[int, int]:
    """Seconds of silence before the first probe, and between two probes; the kernel takes whole seconds only."""
    return _whole(keepalive), _whole(keepalive / 3)


def _setOptions(sock: socket.SocketType, options: Iterable[tuple[int, int, int]]) -> None:
    try:
        for level, option, value in options:
            sock.setsockopt(level, option, value)
    except OSError:
        pass  # some systems refuse options once the peer has closed


def _whole(seconds: float) -> int:
    """Rounded, in the bounds that tcp(7) has for these options."""
    return round(min(max(seconds, 1), 32767))
