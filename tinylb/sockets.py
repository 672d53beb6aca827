"""What is asked of the sockets behind Twisted's transports."""

from __future__ import annotations

import socket

from twisted.internet.interfaces import ISystemHandle


def socketOf(transport: object) -> socket.socket | None:
    """The socket under a transport, also under TLS; L{None} for one that has none."""
    handle = transport.getHandle() if ISystemHandle.providedBy(transport) else None
    return handle if isinstance(handle, socket.socket) else None


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
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(keepalive / 3)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(keepalive)))
    except OSError:
        pass  # some systems refuse options once the peer has closed
