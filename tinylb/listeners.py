"""Listens on the endpoints of a service, from one start to the stop that follows."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure

from tinylb.acceptor import Acceptor
from tinylb.addresses import spell
from tinylb.outcome import Outcome
from tinylb.sockets import isListening, shortage
from tinylb.wording import wordingOf


class CannotListen(Exception):
    """
    An endpoint could not be listened on; the message says why.

    @ivar number: which of the service's endpoints, counted from 0.
    """

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class Listeners:
    """
    Listens on all of its endpoints or, when one of them fails, on none.

    @param factories: one for each endpoint.
    @param opened: called with the number of an endpoint and the port that listens on it; returns the L{Acceptor} that
        accepts in the port's place, if there is one.
    @ivar outcome: succeeds when all endpoints are listened on, or fails with L{CannotListen}.
    """

    def __init__(
        self,
        endpoints: Sequence[IStreamServerEndpoint],
        factories: Sequence[IProtocolFactory],
        opened: Callable[[int, IListeningPort], Acceptor | None],
    ) -> None:
        self.outcome = Outcome()
        self._endpoints = endpoints
        self._factories = factories
        self._tell = opened
        self._acceptors: list[Acceptor] = []
        self._ports: dict[int, IListeningPort] = {}
        self._addresses: dict[int, str] = {}
        self._files: dict[int, str] = {}
        self._isClosed = False
        self._failure: CannotListen | None = None

    @property
    def hosts(self) -> list[IAddress]:
        """The addresses listened on, in the order of the endpoints."""
        return [self._ports[number].getHost() for number in sorted(self._ports)]

    def describe(self) -> list[dict[str, Any]]:
        """See L{LoadBalancerService.listening <tinylb.LoadBalancerService.listening>}."""
        shortage = _shortage()
        return [self._describe(number, shortage) for number in range(len(self._endpoints))]

    def open(self) -> None:
        """Begin to listen, and call C{opened} for each port; L{outcome} tells when all are open."""
        opening: list[Deferred[None]] = []
        for number, (endpoint, factory) in enumerate(zip(self._endpoints, self._factories, strict=True)):
            listening = maybeDeferred(endpoint.listen, factory)
            opening.append(listening.addCallback(self._opened, number).addErrback(self._failed, number))
        DeferredList(opening).addCallback(self._done)

    def close(self) -> Deferred[None]:
        """
        Listen no more. An endpoint that is only about to listen is closed as soon as it does, since not all
        endpoints can be cancelled.

        @return: a L{Deferred} that fires when nothing is listened on.
        """
        self._isClosed = True
        self.outcome.fail(Failure(CannotListen(0, "stopped before it was listened on")))
        return self._closePorts().addCallback(lambda _: None)

    def _opened(self, port: IListeningPort, number: int) -> None:
        self._ports[number] = port
        if self._isClosed:
            self._closePorts()
            return
        host = port.getHost()
        self._addresses[number] = spell(host)
        file = _fileOf(host)
        if file is not None:
            self._files[number] = file
        acceptor = self._tell(number, port)
        if acceptor is not None:
            self._acceptors.append(acceptor)

    def _failed(self, failure: Failure, number: int) -> None:
        if self._failure is None:
            self._failure = CannotListen(number, _why(failure))

    def _done(self, _: object) -> None:
        if self._failure is None:
            self.outcome.succeed()
        else:
            self._closePorts()
            self.outcome.fail(Failure(self._failure))

    def _describe(self, number: int, shortage: str | None) -> dict[str, Any]:
        why = self._trouble(number) or shortage
        address = self._addresses.get(number, f"endpoint {number + 1}")
        return {"address": address, "accepting": why is None, "why": why}

    def _trouble(self, number: int) -> str | None:
        if not isListening(self._ports.get(number)):
            return "stopping" if self._isClosed else "not listened on"
        return "its file is gone" if number in self._files and _isGone(self._files[number]) else None

    def _closePorts(self) -> Deferred[Any]:
        while self._acceptors:
            self._acceptors.pop().stop()
        ports, self._ports = self._ports, {}
        return DeferredList([maybeDeferred(port.stopListening) for port in ports.values()], consumeErrors=True)


def _fileOf(host: IAddress) -> str | None:
    """
    The file that leads to a UNIX socket. L{None} where there is none, or this process cannot see it, as may be with a
    socket that systemd hands over.
    """
    if not isinstance(host, UNIXAddress) or not host.name or host.name.startswith(b"\0"):
        return None
    path = os.path.abspath(os.fsdecode(host.name))
    return None if _isGone(path) else path


def _isGone(path: str) -> bool:
    """Whether this file no longer leads to a socket."""
    try:
        return not stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)


def _shortage() -> str | None:
    """Why no endpoint could accept a client now: there is no descriptor, or no memory, for another socket."""
    number = shortage()
    return None if number is None else os.strerror(number).lower()


def _why(failure: Failure) -> str:
    error = failure.value
    if isinstance(error, CannotListenError):
        error = error.socketError
    if isinstance(error, OSError) and error.strerror:
        return wordingOf(error)
    return f"cannot listen: {failure.getErrorMessage() or type(failure.value).__name__}"
