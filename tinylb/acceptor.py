"""
Accepts clients in place of one of Twisted's listening ports. The port stays as it is, and is closed as usual; only its
doRead, which makes a complete transport for each client and registers it with the reactor, is not called for clients.
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

# The client was gone before it could be accepted, which is no trouble to report.
_GONE = frozenset((errno.ECONNABORTED, errno.EPERM, errno.EPROTO))
_AT_ONCE = 64


def acceptorOf(port: Any, factory: IProtocolFactory, poller: Poller) -> Acceptor | None:
    """
    The acceptor for a port, at work already; L{None} for a port that is more than a socket, such as one with TLS.

    @param port: an L{IListeningPort <twisted.internet.interfaces.IListeningPort>}.
    @param factory: the one that the port listens with. Its protocols must be content with a L{SocketTransport}.
    """
    if type(port) not in (tcp.Port, unix.Port) or port.factory is not factory:
        return None
    acceptor = Acceptor(port, factory, poller)
    if not poller.watch(port.fileno(), acceptor, READABLE):
        return None
    port.stopReading()
    sendAtOnce(port.socket)  # accepted sockets inherit this
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
        See L{Pollable <tinylb.poller.Pollable>}. Accepts as many clients as waited last time; if so many were there,
        the next time twice as many. The poller tells again of clients that are left.
        """
        accepted = 0
        while accepted < self._count:
            try:
                fd, name = self._accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno not in _GONE:
                    self._port.doRead()  # the port knows what to do when descriptors run out, and logs it
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
