"""The nested epoll: when it is there, and what it does when it cannot be."""

from __future__ import annotations

import errno
import os

from twisted.internet.task import Clock

from tests.unit.descriptors import noDescriptors, openDescriptors
from tests.unit.pollercase import PollerTestCase, Watching
from tinylb.poller import EVERYTHING, READABLE, WRITABLE, pollerOf


class ReleaseTests(PollerTestCase):
    """See L{Poller <tinylb.poller.Poller>}."""

    def test_used(self) -> None:
        """While anything is watched, it goes on after a release."""
        pollable = Watching()
        fd, other = self.watch(pollable), self.watch(Watching())
        self.forget(other)
        self.poller.release()
        os.eventfd_write(fd, 1)
        self.turn()
        self.assertEqual(pollable.told, [READABLE | WRITABLE])

    def test_theLastOne(self) -> None:
        """It is gone with the last one that is watched; a release that came before that is not forgotten."""
        before = openDescriptors()
        fd, other = self.watch(Watching()), self.watch(Watching())
        self.poller.release()
        self.forget(fd)
        self.assertEqual(self.reactor.getReaders(), [self.poller])
        self.forget(other)
        self.assertEqual((self.reactor.getReaders(), openDescriptors()), ([], before + 2))

    def test_usedAgain(self) -> None:
        """A release counts for what is watched then, and for nothing that is watched later."""
        fd = self.watch(Watching())
        self.poller.release()
        self.watch(Watching())
        self.forget(fd)
        self.forget(self.watch(Watching()))
        self.assertEqual(self.reactor.getReaders(), [self.poller])

    def test_comesBack(self) -> None:
        """Released, it has neither reader nor descriptor; with the next one that is watched it has both again."""
        before = openDescriptors()
        pollable = Watching()
        fd = self.watch(pollable)
        self.forget(fd)
        self.poller.release()
        self.assertEqual((self.reactor.getReaders(), openDescriptors()), ([], before + 1))
        self.watch(pollable, fd)
        self.turn()
        self.assertEqual(pollable.told, [WRITABLE])

    def test_releasedWithinATurn(self) -> None:
        """The last one that is told may forget itself and release the poller."""

        def leave(_: int) -> None:
            self.forget(fd)
            self.poller.release()

        leaving = Watching(leave)
        fd = self.watch(leaving)
        self.turn()
        self.assertEqual((leaving.told, self.reactor.getReaders()), ([WRITABLE], []))

    def test_readerRefused(self) -> None:
        """A reactor that cannot take it as a reader makes it refuse, until the reactor can."""
        adding, before = self.reactor.addReader, openDescriptors()

        def refuse(reader: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(self.reactor, "addReader", refuse)
        pollable = Watching()
        fd = self.counter()
        self.assertFalse(self.poller.watch(fd, pollable, EVERYTHING))
        self.assertEqual(openDescriptors(), before + 1)
        self.patch(self.reactor, "addReader", adding)
        self.watch(pollable, fd)
        self.turn()
        self.assertEqual(pollable.told, [WRITABLE])

    def test_noDescriptorForItself(self) -> None:
        """Out of descriptors it refuses, and is none the worse for it."""
        pollable = Watching()
        fd = self.counter()
        with noDescriptors():
            self.assertFalse(self.poller.watch(fd, pollable, EVERYTHING))
        self.watch(pollable, fd)
        self.turn()
        self.assertEqual(pollable.told, [WRITABLE])

    def test_refused(self) -> None:
        """What the kernel does not take is refused, and of no consequence to the others."""
        pollable = Watching()
        self.watch(pollable)
        nothingToPoll = self.add(os.open(os.devnull, os.O_RDONLY))
        self.assertFalse(self.poller.watch(nothingToPoll, Watching(), EVERYTHING))
        self.turn()
        self.assertEqual(pollable.told, [WRITABLE])

    def test_inheritance(self) -> None:
        """Programs that this one starts do not inherit it."""
        self.watch(Watching())
        self.assertFalse(os.get_inheritable(self.poller.fileno()))

    def test_otherReactors(self) -> None:
        """Where nothing real can be watched, there is no poller."""
        for reactor in (self.reactor, Clock(), object()):
            self.assertIsNone(pollerOf(reactor))
