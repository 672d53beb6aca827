"""Listening sockets that somebody else has made and keeps, as systemd does for its socket units."""

from __future__ import annotations

import os
import socket
from functools import partial
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.error import AlreadyListened
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

WAITING_ROOM = 4096
"""Connections that may wait in a UNIX socket: systemd's default, and the kernel's bound."""


def inherited(endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """
    @param endpoint: any.
    @return: the same; or, in place of one that adopts a socket, such as Twisted has for C{systemd:}, one that leaves
        the socket as it found it.
    """
    if type(endpoint) is AdoptedStreamServerEndpoint:
        return InheritedEndpoint(endpoint.reactor, endpoint.fileno, endpoint.addressFamily)
    return endpoint


@implementer(IStreamServerEndpoint)
class InheritedEndpoint:
    """
    Listens on a socket that outlives this process. Twisted's own endpoint takes the file of a UNIX socket for its own:
    it lets everybody write to it, which fails for all but its owner; cuts the queue to 50, which the clients of a
    restart wait in; and in the end removes the file, and shuts the socket down for those who come after.

    @param reactor: a real one.
    @param descriptor: of the listening socket. It is closed by L{listen}, which makes its own.
    @param family: of C{socket.AF_}.
    """

    def __init__(self, reactor: Any, descriptor: int, family: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}. A descriptor can be listened on once."""
        if self._descriptor < 0:
            return fail(AlreadyListened())
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.set_blocking(descriptor, False)
            port = self._adopt(descriptor, protocolFactory)
        except Exception:
            return fail()
        finally:
            os.close(descriptor)
        return succeed(port)

    def _adopt(self, descriptor: int, factory: IProtocolFactory) -> Any:
        if self._family != socket.AF_UNIX:
            return self._reactor.adoptStreamPort(descriptor, self._family, factory)
        # There is no public way. What Twisted does with a file it leaves undone with a name that begins as one in the
        # abstract namespace does.
        port = unix.Port._fromListeningDescriptor(self._reactor, descriptor, factory)
        path, port._bindPath = port._bindPath, b"\0" + port._bindPath
        port.backlog = WAITING_ROOM
        port.startListening()
        port._bindPath = path
        port._shouldShutdown = False
        port.connectionLost = partial(tcp.Port.connectionLost, port)
        return port
