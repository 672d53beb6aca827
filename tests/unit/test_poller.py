"""The nested epoll: who is told of what."""

from __future__ import annotations

import os

from twisted.internet.interfaces import IReadDescriptor
from zope.interface.verify import verifyObject

from tests.unit.descriptors import openDescriptors
from tests.unit.pollercase import PollerTestCase, Watching
from tinylb.poller import ERRORS, EVERYTHING, FAILED, READABLE, WRITABLE


class PollerTests(PollerTestCase):
    """Who is told of what."""

    def test_interface(self) -> None:
        """It is a reader, the only one for however many are watched."""
        self.assertTrue(verifyObject(IReadDescriptor, self.poller))
        before = openDescriptors()
        descriptors = [self.watch(Watching()) for _ in range(10)]
        self.assertEqual(self.reactor.getReaders(), [self.poller])
        self.assertEqual(openDescriptors(), before + len(descriptors) + 1)

    def test_toldOfEach(self) -> None:
        """Everybody is told of his own news, and of all of it at once."""
        first, second = Watching(), Watching()
        self.watch(first)
        os.eventfd_write(self.watch(second), 1)
        self.turn()
        self.assertEqual((first.told, second.told), ([WRITABLE], [READABLE | WRITABLE]))

    def test_toldOnce(self) -> None:
        """Who does nothing about it is not told again, until there is more."""
        pollable = Watching()
        fd = self.watch(pollable)
        os.eventfd_write(fd, 1)
        self.turn()
        self.turn()
        self.assertEqual(len(pollable.told), 1)
        os.eventfd_write(fd, 1)
        self.turn()
        self.assertEqual(len(pollable.told), 2)

    def test_errors(self) -> None:
        """Who waits for errors alone is told neither that he may read nor that he may write."""
        reader, writer = map(self.add, os.pipe())
        pollable = Watching()
        self.watch(pollable, writer, ERRORS)
        self.turn()
        self.assertEqual(pollable.told, [])
        self.close(reader)
        self.turn()
        self.assertEqual([events & FAILED for events in pollable.told], [FAILED])

    def test_hand(self) -> None:
        """What has not been told yet is told to whom the descriptor was handed."""
        former, latter = Watching(), Watching()
        fd = self.watch(former)
        self.poller.hand(fd, latter)
        self.turn()
        self.assertEqual((former.told, latter.told), ([], [WRITABLE]))

    def test_change(self) -> None:
        """When events are asked for anew, what is there already is news again."""
        pollable = Watching()
        fd = self.watch(pollable, events=ERRORS)
        os.eventfd_write(fd, 1)
        self.poller.change(fd, EVERYTHING)
        self.turn()
        self.poller.change(fd, EVERYTHING)
        self.turn()
        self.assertEqual(pollable.told, [READABLE | WRITABLE] * 2)

    def test_forget(self) -> None:
        """What is forgotten is not told, stays open, and may be watched again."""
        pollable = Watching()
        fd = self.watch(pollable)
        self.forget(fd)
        os.eventfd_write(fd, 1)
        self.turn()
        self.assertEqual(pollable.told, [])
        self.watch(pollable, fd)
        self.turn()
        self.assertEqual(pollable.told, [READABLE | WRITABLE])

    def test_closed(self) -> None:
        """A closed descriptor is told of no more, and its number may be another one's."""
        former, latter = Watching(), Watching()
        fd = self.watch(former)
        self.closeWatched(fd)
        self.assertEqual(self.watch(latter), fd)
        self.turn()
        self.assertEqual((former.told, latter.told), ([], [WRITABLE]))

    def test_forgottenByAnother(self) -> None:
        """When two have news at once, and the first one forgets the other, that one is not told any more."""
        told = []

        def forgetAll(_: int) -> None:
            told.append("told")
            for fd in tuple(self.watched):
                self.forget(fd)

        self.watch(Watching(forgetAll))
        self.watch(Watching(forgetAll))
        self.turn()
        self.assertEqual(told, ["told"])

    def test_staleNews(self) -> None:
        """When one of two closes the other, and a new one gets its number, that one does not hear the old news."""
        new = Watching()

        def replace(fd: int) -> None:
            self.closeWatched(fd)
            self.assertEqual(self.watch(new, events=ERRORS), fd)

        first = self.watch(Watching(lambda _: replace(second)))
        second = self.watch(Watching(lambda _: replace(first)))
        self.turn()
        self.turn()
        self.assertEqual(new.told, [])
        self.assertEqual(len(self.watched), 2)

    def test_newOneIsToldLater(self) -> None:
        """A descriptor that is watched from within a turn is told of its own news all the same."""
        new = Watching()
        once = Watching(lambda _: self.watch(new))
        self.watch(once)
        self.turn()
        self.turn()
        self.assertEqual((once.told, new.told), ([WRITABLE], [WRITABLE]))

    def test_failing(self) -> None:
        """An exception of one who is told is logged and reaches nobody else. He hears of it, and goes on being told."""
        failing = Watching(lambda _: 1 / 0)
        others = [Watching(), Watching()]
        self.watch(others[0])
        fd = self.watch(failing)
        self.watch(others[1])
        self.turn()
        os.eventfd_write(fd, 1)
        self.turn()
        self.assertEqual([each.told for each in others], [[WRITABLE]] * 2)
        self.assertEqual((len(failing.told), failing.failures), (2, 2))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_turnIsBounded(self) -> None:
        """When very many have news, a turn tells some of them; the next ones tell the rest, each once."""
        all = [Watching() for _ in range(1000)]
        for each in all:
            self.watch(each)
        self.turn()
        told = sum(len(each.told) for each in all)
        self.assertTrue(0 < told < len(all), told)
        while told < len(all):
            self.turn()
            former, told = told, sum(len(each.told) for each in all)
            self.assertGreater(told, former)
        self.assertEqual([each.told for each in all], [[WRITABLE]] * len(all))

    def test_endlessNewsIsBounded(self) -> None:
        """Who makes news of his own, again and again, is not told for ever: the reactor has its turn, then he has."""
        many = 1_000_000

        def again(_: int) -> None:
            if len(endless.told) < many:
                self.poller.change(fd, EVERYTHING)

        endless = Watching(again)
        fd = self.watch(endless)
        self.turn()
        before = len(endless.told)
        self.assertLess(before, many)
        self.turn()
        self.assertGreater(len(endless.told), before)
