"""What tests of the poller share: pipes and event counters in place of sockets, and turns that the test makes."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tinylb.poller import EVERYTHING, Poller


class Watching:
    """
    A pollable that keeps the events that it is told.

    @param react: is called with the events each time.
    @ivar failures: how often C{failed} was called.
    """

    def __init__(self, react: Callable[[int], object] = lambda _: None) -> None:
        self.told: list[int] = []
        self.failures = 0
        self._react = react

    def ready(self, events: int) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.told.append(events)
        self._react(events)

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.failures += 1


class PollerTestCase(SynchronousTestCase):
    """A poller of a reactor that only remembers its readers."""

    if sys.platform != "linux":
        skip = "there is no epoll"

    def setUp(self) -> None:
        """Nothing is watched yet."""
        self.reactor = MemoryReactorClock()
        self.poller = Poller(self.reactor)
        self.watched: list[int] = []
        self._open: list[int] = []

    def tearDown(self) -> None:
        """Release the poller; it leaves nothing behind."""
        for fd in self.watched:
            self.poller.forget(fd)
        self.poller.release()
        self.assertEqual((self.reactor.getReaders(), self.poller.fileno()), ([], -1))
        while self._open:
            self.close(self._open[0])

    def add(self, fd: int) -> int:
        """Close this descriptor after the test, unless L{close} has done so."""
        self._open.append(fd)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        self._open.remove(fd)
        os.close(fd)

    def counter(self) -> int:
        """An event counter: a descriptor that is writable, and readable once something was added to it."""
        return self.add(os.eventfd(0, os.EFD_NONBLOCK))

    def watch(self, pollable: Watching, fd: int | None = None, events: int = EVERYTHING) -> int:
        """Watch a descriptor, by default a new one."""
        fd = self.counter() if fd is None else fd
        self.assertTrue(self.poller.watch(fd, pollable, events))
        self.watched.append(fd)
        return fd

    def forget(self, fd: int) -> None:
        """Watch a descriptor no longer."""
        self.poller.forget(fd)
        self.watched.remove(fd)

    def closeWatched(self, fd: int) -> None:
        """Close a descriptor that is being watched."""
        self.poller.closing(fd)
        self.watched.remove(fd)
        self.close(fd)

    def turn(self) -> None:
        """Make a turn of the reactor: call each reader that has something to read."""
        readable, _, _ = select.select(self.reactor.getReaders(), [], [], 0)
        for reader in readable:
            reader.doRead()
