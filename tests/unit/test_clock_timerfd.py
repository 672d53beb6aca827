"""The monotonic clock on the kernel's timer."""

from __future__ import annotations

import os
import resource
import select
import sys
import time
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.descriptors import openDescriptors
from tinylb.clock import MonotonicClock, release

HOUR = 3600.0


class TimerDescriptorTests(SynchronousTestCase):
    """On Linux: the kernel's timer, among the readers of a reactor that the test plays."""

    if sys.platform != "linux":
        skip = "there is no timerfd"

    def setUp(self) -> None:
        """A reactor that has readers."""
        self.reactor = MemoryReactorClock()
        self.clock = MonotonicClock(cast(PosixReactorBase, self.reactor))
        self.addCleanup(self.giveUp)
        self.called: list[str] = []

    def giveUp(self) -> None:
        """Wait for nothing any more."""
        for call in self.clock.getDelayedCalls():
            call.cancel()
        release(self.clock)

    def later(self, delay: float, what: str) -> IDelayedCall:
        """Schedule a call that is kept in C{called}."""
        return self.clock.callLater(delay, self.called.append, what)

    def turnUntil(self, isOver: Callable[[], bool], seconds: float = 5.0) -> None:
        """Do as a reactor does with its readers until something is so."""
        deadline = time.monotonic() + seconds
        while not isOver():
            left = deadline - time.monotonic()
            self.assertGreater(left, 0, "nothing happened")
            readable, _, _ = select.select(self.reactor.getReaders(), [], [], left)
            for reader in readable:
                reader.doRead()
            self.reactor.advance(0)

    def test_rings(self) -> None:
        """The kernel tells the time, in the right order and not too early."""
        began = time.monotonic()
        times: list[float] = []
        self.later(0.03, "second")
        self.clock.callLater(0.06, lambda: times.append(time.monotonic() - began))
        self.later(0, "first")
        self.turnUntil(lambda: bool(times))
        self.assertEqual(self.called, ["first", "second"])
        self.assertGreaterEqual(times[0], 0.06)

    def test_wallClock(self) -> None:
        """The reactor's own time plays no part, and its timers stay unused."""
        self.later(0.01, "called")
        self.reactor.advance(HOUR)
        self.assertEqual(self.called, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.turnUntil(lambda: self.called == ["called"])

    def test_overdue(self) -> None:
        """What is overdue waits for one more turn of the reactor, and for no timer of the wall clock."""
        self.later(-1, "overdue")
        [reader] = self.reactor.getReaders()
        select.select([reader], [], [], 5)
        reader.doRead()
        self.assertEqual(self.called, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.turnUntil(lambda: self.called == ["overdue"])

    def test_oneReader(self) -> None:
        """Any number of calls take one reader, and one descriptor; none are left when nothing waits."""
        before = openDescriptors()
        calls = [self.later(delay, "called") for delay in (HOUR, HOUR, 0.01)]
        self.assertEqual(len(self.reactor.getReaders()), 1)
        self.assertEqual(openDescriptors(), before + 1)
        for call in calls[:2]:
            call.cancel()
        self.turnUntil(lambda: self.called == ["called"])
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(openDescriptors(), before)

    def test_release(self) -> None:
        """Released, it has no reader and no descriptor; with the next call it has them again."""
        before = openDescriptors()
        self.later(HOUR, "never").cancel()
        release(self.clock)
        self.assertEqual((self.reactor.getReaders(), openDescriptors()), ([], before))
        self.later(0, "called")
        self.turnUntil(lambda: self.called == ["called"])

    def test_setAnew(self) -> None:
        """A reader that is asked although its timer was set anew meanwhile does nothing."""
        self.later(HOUR, "never")
        [reader] = self.reactor.getReaders()
        reader.doRead()
        self.assertEqual(self.called, [])

    def test_far(self) -> None:
        """However far off a call is, the kernel takes it, and calls before it come in time."""
        for delay in (float("inf"), 1e300, 1e19, 1e10):
            self.later(delay, "far")
        self.later(0.01, "called")
        self.turnUntil(lambda: self.called == ["called"])

    def test_inheritance(self) -> None:
        """Programs that this one starts do not inherit the descriptor."""
        self.later(HOUR, "never")
        [reader] = self.reactor.getReaders()
        self.assertFalse(os.get_inheritable(cast(Any, reader).fileno()))

    def test_outOfDescriptors(self) -> None:
        """Where there is no descriptor to be had, the reactor's timers serve, and calls are made all the same."""
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            self.later(1, "called")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        self.assertEqual(self.reactor.getReaders(), [])
        [call] = self.reactor.getDelayedCalls()
        self.assertLessEqual(call.getTime(), self.reactor.seconds() + 1)
