"""Listening sockets that somebody else has made and keeps, as systemd does for its socket units."""

from __future__ import annotations

import errno
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


class WrongSocket(Exception):
    """A descriptor cannot be listened on. The message says what it is."""


def inherited(endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """
    @param endpoint: any server endpoint.
    @return: the same; or, in place of one that adopts a socket, such as Twisted's for C{systemd:}, an endpoint that
        leaves the socket as it found it.
    """
    if type(endpoint) is AdoptedStreamServerEndpoint:
        return InheritedEndpoint(endpoint.reactor, endpoint.fileno, endpoint.addressFamily)
    return endpoint


@implementer(IStreamServerEndpoint)
class InheritedEndpoint:
    """
    Listens on a socket that outlives this process. Twisted's own endpoint takes any descriptor, even one that no
    connection can be accepted from. It treats the file of a UNIX socket as its own: it makes the file writable for
    everybody, which fails for all but its owner; cuts the queue, in which clients wait during a restart, to 50;
    and in the end removes the file, and shuts the socket down for the processes that come after.

    @param reactor: a real one.
    @param descriptor: of the listening socket. L{listen} duplicates and closes it; a descriptor that is not such a
        socket is left alone, as it may belong to something else.
    @param family: one of C{socket.AF_}.
    """

    def __init__(self, reactor: Any, descriptor: int, family: int) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._family = family

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}. It fails with L{WrongSocket} as well."""
        try:
            return succeed(self._listen(protocolFactory))
        except Exception:
            return fail()

    def _listen(self, factory: IProtocolFactory) -> Any:
        if self._descriptor < 0:
            raise AlreadyListened("what is inherited can be listened on once")
        mistake = _mistake(self._descriptor, self._family)
        if mistake is not None:
            raise WrongSocket(f"descriptor {self._descriptor} is {mistake}")
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.set_blocking(descriptor, False)
            return self._adopt(descriptor, factory)
        finally:
            os.close(descriptor)

    def _adopt(self, descriptor: int, factory: IProtocolFactory) -> Any:
        if self._family != socket.AF_UNIX:
            return self._reactor.adoptStreamPort(descriptor, self._family, factory)
        # There is no public way. Twisted leaves the socket's file alone where its name begins with a NUL, as names in
        # the abstract namespace do.
        port = unix.Port._fromListeningDescriptor(self._reactor, descriptor, factory)
        path, port._bindPath = port._bindPath, b"\0" + port._bindPath
        port.backlog = WAITING_ROOM
        port.startListening()
        port._bindPath = path
        port._shouldShutdown = False
        port.connectionLost = partial(tcp.Port.connectionLost, port)
        return port


def _mistake(descriptor: int, family: int) -> str | None:
    """What a descriptor is instead of a listening stream socket of this family; L{None} if it is one."""
    expected = "expected: a STREAM socket that listens"
    try:
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        return f"{'not open' if error.errno == errno.EBADF else 'no socket'}; {expected}"
    try:
        if sock.type != socket.SOCK_STREAM:
            return f"a {_nameOf(sock.type)} socket; {expected}"
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return f"a STREAM socket that does not listen; {expected}"
        return None if sock.family == family else f"of domain {_nameOf(sock.family)}, not {_nameOf(family)}"
    finally:
        sock.detach()


def _nameOf(constant: int) -> str:
    """As descriptions of endpoints and systemd's units have it: C{INET} of C{AF_INET}, C{DGRAM} of C{SOCK_DGRAM}."""
    return getattr(constant, "name", str(constant)).removeprefix("AF_").removeprefix("SOCK_")
