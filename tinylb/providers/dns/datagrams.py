"""Asks one DNS server over UDP."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.names.dns import Message
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.providers.dns.failures import NoAnswer

# A datagram should have 512 at the most, see RFC 1035.
_LARGEST = 8192


@implementer(IReadDescriptor)
class Datagrams:
    """
    A socket for one question. It has a port of its own, which the kernel picks at random, and is connected: datagrams
    from other peers are never seen, and the kernel reports when nothing listens at the server's port. Twisted's UDP
    ports do not get that report from epoll, and write a line to the log for each port.

    @param understand: turns a datagram into an answer, or gives L{None}, as for a forged one.
    @ivar answered: fires with the answer. The caller then closes the socket, so that nothing comes after it.
    @raise OSError: when the server cannot be asked.
    """

    def __init__(
        self, reactor: IReactorFDSet, host: str, port: int, data: bytes, understand: Callable[[bytes], Message | None]
    ) -> None:
        self.answered: Deferred[Message] = Deferred()
        self._reactor = reactor
        self._understand = understand
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((host, port))
            self._socket.send(data)
        except BaseException:
            self._socket.close()
            raise
        reactor.addReader(self)

    def close(self) -> None:
        """Call this when no answer is waited for any more."""
        self._reactor.removeReader(self)
        self._socket.close()

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self._socket.fileno()

    def doRead(self) -> None:
        """See L{IReadDescriptor}."""
        try:
            data = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return  # a datagram that was not whole
        except OSError as error:
            self._fail(error.errno)
            return
        answer = self._understand(data)
        if answer is not None:
            self.answered.callback(answer)

    def connectionLost(self, reason: Failure) -> None:
        """See L{IReadDescriptor}. The epoll reactor calls this for an error of the socket; no connection is lost."""
        self._fail(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "dns"

    def _fail(self, number: int | None) -> None:
        if number == errno.ECONNREFUSED:
            self.answered.errback(NoAnswer("is not there (connection refused)"))
        else:
            self.answered.errback(NoAnswer(f"cannot be asked ({os.strerror(number or errno.EIO).lower()})"))
