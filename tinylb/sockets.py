"""What is asked of the sockets behind Twisted's transports."""

from __future__ import annotations

import socket

from twisted.internet.base import BaseConnector
from twisted.internet.interfaces import IHalfCloseableProtocol, ISSLTransport, ISystemHandle
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import alsoProvides


def socketOf(transport: object) -> socket.socket | None:
    """The socket under a transport, also under TLS and other wrappers; L{None} for one that has none."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
    return handle if isinstance(handle, socket.socket) else None


def untie(transport: object) -> None:
    """
    Part a lost client transport from its connector. They refer to each other, so that Twisted leaves both, and
    what could not be sent, to the collector of cycles.
    """
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    connector = getattr(transport, "connector", None)
    if isinstance(connector, BaseConnector):
        connector.transport = None


def passHalfClose(transport: object, protocol: IHalfCloseableProtocol) -> None:
    """
    Let a wrapper between a socket and our protocol, such as the one behind C{haproxy:}, pass a FIN on; Twisted's
    are not half-closeable, and would take it for the end. Over TLS there is no half-close to pass on.
    """
    if isinstance(transport, ProtocolWrapper) and not ISSLTransport.providedBy(transport):
        transport.readConnectionLost = protocol.readConnectionLost  # type: ignore[attr-defined]
        transport.writeConnectionLost = protocol.writeConnectionLost  # type: ignore[attr-defined]
        alsoProvides(transport, IHalfCloseableProtocol)


def tune(sock: socket.socket, keepalive: float) -> None:
    """
    Set the options of a TCP socket, no others: no delay for small writes, and probes to an idle peer.

    @param keepalive: seconds of silence before the first probe; three follow, each a third of that
        apart. 0: none.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if keepalive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _whole(keepalive / 3))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _whole(keepalive))
    except OSError:
        pass  # some systems refuse options once the peer has closed


def _whole(seconds: float) -> int:
    """In the bounds that tcp(7) has for these options."""
    return round(min(max(seconds, 1), 32767))
