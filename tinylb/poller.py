"""
A private epoll, nested in the reactor, that hears of broken sockets nobody reads from. While a client
is dialled for, or a slow peer holds its traffic up, its transport is paused and blind to a reset.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from weakref import WeakValueDictionary

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.posixbase import PosixReactorBase
from twisted.python.failure import Failure
from zope.interface import implementer


def errorPoller(reactor: object) -> ErrorPoller | None:
    """The one that goes with a reactor; L{None} where there is no epoll, or no real reactor."""
    if not (hasattr(select, "epoll") and isinstance(reactor, PosixReactorBase) and IReactorFDSet.providedBy(reactor)):
        return None
    poller = _pollers.get(reactor)
    if poller is None:
        poller = _pollers[reactor] = ErrorPoller(reactor)
    return poller


@implementer(IReadDescriptor)
class ErrorPoller:
    """
    Calls back when a socket has failed, once. An epoll descriptor is itself readable when one of its
    members has news, so that one reader serves any number of sockets, beside whatever the reactor does
    with them.
    """

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._callbacks: dict[int, Callable[[], None]] = {}

    def watch(self, fd: int, broken: Callable[[], None]) -> None:
        """
        Call C{broken} when the socket fails. Edge-triggered, and only for errors: that the peer has no
        more to say is no error, and would otherwise be reported for ever.

        Out of descriptors or of kernel memory, the socket goes unwatched.
        """
        try:
            if self._epoll is None:
                self._epoll = select.epoll()
                self._reactor.addReader(self)
            self._epoll.register(fd, select.EPOLLET)
        except OSError:
            return
        self._callbacks[fd] = broken

    def forget(self, fd: int) -> None:
        """Watch it no longer. It may have been closed already."""
        if self._callbacks.pop(fd, None) is not None and self._epoll is not None:
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass  # closing a socket takes it out

    def release(self) -> None:
        """Close the epoll unless something is being watched. It comes back with the next L{watch}."""
        if self._epoll is not None and not self._callbacks:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    def fileno(self) -> int:
        """For the reactor."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def doRead(self) -> None:
        """For the reactor: something has news."""
        if self._epoll is None:
            return
        failed = [fd for fd, events in self._epoll.poll(0) if events & select.EPOLLERR]
        for fd, broken in [(fd, self._callbacks.get(fd)) for fd in failed]:
            # A callback before this one may have closed the socket, and a new one may have its number.
            if broken is not None and self._callbacks.get(fd) is broken:
                broken()

    def logPrefix(self) -> str:
        """For the reactor."""
        return "poller"

    def connectionLost(self, reason: Failure) -> None:
        """For the reactor, which is shutting down."""


_pollers: WeakValueDictionary[PosixReactorBase, ErrorPoller] = WeakValueDictionary()
