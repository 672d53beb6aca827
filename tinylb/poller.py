"""
A private epoll, nested in the reactor. An epoll descriptor is itself readable when one of its members has news, so
any number of sockets costs the reactor one reader, and the reactor's cost of an event is paid once for many of them.
"""

from __future__ import annotations

import select
from time import monotonic
from typing import Protocol
from weakref import WeakValueDictionary

from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.patience import MOMENT, Patience

# Where there is no epoll there is no poller, and these are not used.
READABLE = getattr(select, "EPOLLIN", 0)
WRITABLE = getattr(select, "EPOLLOUT", 0)
FAILED = getattr(select, "EPOLLERR", 0)
FINISHED = getattr(select, "EPOLLRDHUP", 0)
URGENT = getattr(select, "EPOLLPRI", 0)
# Edge-triggered: one registration lasts for the life of a socket, however its traffic goes. Errors are always told.
ERRORS = getattr(select, "EPOLLET", 0)
EVERYTHING = ERRORS | READABLE | WRITABLE | FINISHED | URGENT

# Events at a time, and seconds, after which the reactor has its turn; what is left is told again after that.
_EVENTS_PER_POLL = 32
_TURN = 0.001
# So many single events in a row are taken for a lone conversation. With many conversations, waiting would only cost.
_LONE = 4


class Pollable(Protocol):
    """Something that has a socket in a poller."""

    def ready(self, events: int) -> bool | None:
        """
        The socket has news, or had when it was last looked at.

        @param events: a mask, as in epoll(7).

        @return: C{True} when more news may follow in a moment, from here or from another socket.
        """

    def failed(self) -> None:
        """L{ready} has raised, which was logged: end what would otherwise wait for ever."""


def pollerOf(reactor: object) -> Poller | None:
    """The poller of a reactor; L{None} where there is no epoll, or no real reactor."""
    if not (hasattr(select, "epoll") and isinstance(reactor, PosixReactorBase) and IReactorFDSet.providedBy(reactor)):
        return None
    poller = _pollers.get(reactor)
    if poller is None:
        poller = _pollers[reactor] = Poller(reactor)
    return poller


@implementer(IReadDescriptor)
class Poller:
    """
    Tells every L{Pollable} of the news of its socket. Without sockets it holds no descriptor, once L{release} was
    called.
    """

    _log = Logger()

    def __init__(self, reactor: IReactorFDSet) -> None:
        self._reactor = reactor
        self._epoll: select.epoll | None = None
        self._pollables: list[Pollable | None] = []
        self._count = 0
        self._isReleased = False
        self._fresh: set[int] = set()
        self._patience = Patience(monotonic())
        self._lone = 0

    def watch(self, fd: int, pollable: Pollable, events: int) -> bool:
        """
        Tell C{pollable} of a socket's news, until L{forget}.

        @param events: L{ERRORS} alone, or L{EVERYTHING}.

        @return: C{False} when the system refuses, out of descriptors or of kernel memory.
        """
        try:
            if self._epoll is None:
                self._open()
            self._require().register(fd, events)
        except OSError:
            return False
        if fd >= len(self._pollables):
            self._pollables += [None] * (fd + 64 - len(self._pollables))
        self._pollables[fd] = pollable
        self._fresh.add(fd)
        self._count += 1
        self._isReleased = False
        return True

    def hand(self, fd: int, pollable: Pollable) -> None:
        """From now on C{pollable} is told of a socket's news."""
        self._pollables[fd] = pollable

    def change(self, fd: int, events: int) -> None:
        """Tell of these events instead. Whatever is there already is news again, even if C{events} are the same."""
        self._require().modify(fd, events)

    def forget(self, fd: int) -> None:
        """Watch a socket no more; it stays open."""
        self._require().unregister(fd)
        self.closing(fd)

    def closing(self, fd: int) -> None:
        """The socket is about to be closed, which makes the kernel forget it."""
        self._pollables[fd] = None
        self._count -= 1
        if self._isReleased:
            self.release()

    def closed(self, fd: int, pollable: Pollable) -> None:
        """The socket was closed, and its number may be another socket's already."""
        if self._pollables[fd] is pollable:
            self.closing(fd)

    def release(self) -> None:
        """Close the epoll, once nothing is watched any more. It comes back with the next L{watch}."""
        self._isReleased = True
        if self._epoll is not None and not self._count:
            self._reactor.removeReader(self)
            self._epoll.close()
            self._epoll = None

    def fileno(self) -> int:
        """For the reactor."""
        return -1 if self._epoll is None else self._epoll.fileno()

    def doRead(self) -> None:
        """For the reactor: something has news."""
        end = monotonic() + _TURN
        mayFollow = False
        while self._epoll is not None:  # a pollable may release it
            news = self._epoll.poll(0, _EVENTS_PER_POLL)
            if not news and mayFollow:
                news = self._waitAMoment(self._epoll)
            if not news:
                return
            mayFollow = self._tell(news)
            if len(news) == _EVENTS_PER_POLL or monotonic() > end:
                return

    def _open(self) -> None:
        self._epoll = select.epoll()
        try:
            self._reactor.addReader(self)
        except OSError:
            self._epoll.close()
            self._epoll = None
            raise

    def _waitAMoment(self, epoll: select.epoll) -> list[tuple[int, int]]:
        """See L{tinylb.patience}."""
        now = monotonic()
        if not self._patience.has(now):
            return []
        until = now + MOMENT
        while now < until:
            news = epoll.poll(0, _EVENTS_PER_POLL)
            if news:
                return news
            now = monotonic()
        self._patience.waitedInVain()
        return []

    def _tell(self, news: list[tuple[int, int]]) -> bool:
        """Tell the pollables. Returns whether there is a lone conversation, and an answer may follow."""
        pollables, fresh = self._pollables, self._fresh
        fresh.clear()
        mayFollow: bool | None = False
        for fd, events in news:
            pollable = pollables[fd]
            # A pollable told before may have closed the socket, and a new socket may have its number.
            if pollable is not None and fd not in fresh:
                try:
                    mayFollow = pollable.ready(events)
                except Exception:
                    self._log.failure("{pollable!r} failed", pollable=pollable)
                    self._giveUp(pollable)
        self._lone = self._lone + 1 if len(news) == 1 else 0
        return self._lone >= _LONE and mayFollow is True

    def _giveUp(self, pollable: Pollable) -> None:
        try:
            pollable.failed()
        except Exception:
            self._log.failure("{pollable!r} failed once more", pollable=pollable)

    def logPrefix(self) -> str:
        """For the reactor."""
        return "poller"

    def connectionLost(self, reason: Failure) -> None:
        """For the reactor, which is shutting down."""

    def _require(self) -> select.epoll:
        assert self._epoll is not None, "nothing is being watched"
        return self._epoll


_pollers: WeakValueDictionary[PosixReactorBase, Poller] = WeakValueDictionary()
