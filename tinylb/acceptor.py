"""
Accepts clients for a listening port of Twisted's. The port stays what it is, and is closed as ever; only its doRead,
which makes a complete transport for each client and registers it with the reactor, is not asked any more.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IProtocolFactory

from tinylb.poller import EVERYTHING, READABLE, Poller
from tinylb.sockets import addressOf, sendAtOnce
from tinylb.transports import SocketTransport, completeTransport

# A client that was gone before it could be accepted is nobody's trouble.
_GONE = frozenset((errno.ECONNABORTED, errno.EPERM, errno.EPROTO))
_AT_ONCE = 64


def acceptorOf(port: Any, factory: IProtocolFactory, poller: Poller) -> Acceptor | None:
    """
    The one for a port, at work already; L{None} for a port that has more to it than a socket, such as one with TLS.

    @param port: an L{IListeningPort <twisted.internet.interfaces.IListeningPort>}.
    @param factory: what was listened with. Its protocols must be content with a L{SocketTransport}.
    """
    if type(port) not in (tcp.Port, unix.Port) or port.factory is not factory:
        return None
    acceptor = Acceptor(port, factory, poller)
    if not poller.watch(port.fileno(), acceptor, READABLE):
        return None
    port.stopReading()
    sendAtOnce(port.socket)  # and so do those that it accepts
    return acceptor


class Acceptor:
    """Accepts until L{stop}."""

    def __init__(self, port: Any, factory: IProtocolFactory, poller: Poller) -> None:
        self._port = port
        self._factory = factory
        self._poller = poller
        self._family: int = port.socket.family
        self._fd: int = port.fileno()
        self._accept = port.socket._accept
        self._count = 1

    def ready(self, events: int) -> None:
        """
        See L{Pollable <tinylb.poller.Pollable>}. As many as waited last time are accepted, and more if they were all
        there; what is left is told again.
        """
        accepted = 0
        while accepted < self._count:
            try:
                fd, name = self._accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _GONE:
                    self._port.doRead()  # it knows what to do without descriptors, and says so
                break
            accepted += 1
            self._accepted(socket.SocketType(self._family, socket.SOCK_STREAM, 0, fd), name)
        self._count = min(2 * self._count, _AT_ONCE) if accepted == self._count else max(1, accepted)

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}. The next client may fare better."""

    def stop(self) -> None:
        """Accept no more. The port may be closed now."""
        self._poller.forget(self._fd)

    def _accepted(self, sock: socket.SocketType, name: Any) -> None:
        sock.setblocking(False)
        address = addressOf(self._family, name)
        fd = sock.fileno()
        protocol = self._factory.buildProtocol(address)
        if protocol is None:
            sock.close()
            return
        transport: Any = SocketTransport(sock, protocol, address, self._poller)
        if not self._poller.watch(fd, transport, EVERYTHING):
            transport = completeTransport(sock, protocol, address, self._port.reactor)
        protocol.makeConnection(transport)
