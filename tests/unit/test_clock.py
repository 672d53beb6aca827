"""The monotonic clock: its calls, in their order and at their time, whatever the wall clock does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tinylb import clock as module
from tinylb.clock import MonotonicClock, monotonicClock, release

HOUR = 3600.0


class TimeCase(SynchronousTestCase):
    """
    A monotonic clock on a reactor that is only a wall clock, as on a system without timerfd. Both times
    are the test's.
    """

    def setUp(self) -> None:
        """It has been a while since the machine started."""
        self.now = 1000.0
        self.wall = Clock()
        self.patch(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.clock = MonotonicClock(cast(PosixReactorBase, self.wall))
        self.called: list[object] = []

    def later(self, delay: float, what: object = "called") -> IDelayedCall:
        """Schedule a call that is kept in C{called}."""
        return self.clock.callLater(delay, self.called.append, what)

    def wait(self, seconds: float, steps: int = 100) -> None:
        """Let time pass, on both clocks."""
        for _ in range(steps):
            self.now += seconds / steps
            self.wall.advance(seconds / steps)
        self.wall.advance(0)

    def sleep(self, seconds: float) -> None:
        """The process is busy, or stopped, for a while."""
        self.now += seconds
        self.wall.rightNow += seconds


class CallTests(TimeCase):
    """Calls as any L{IReactorTime} makes them."""

    def test_interface(self) -> None:
        """It is a clock for whoever schedules calls."""
        self.assertTrue(verifyObject(IReactorTime, self.clock))

    def test_seconds(self) -> None:
        """Its time is the monotonic one."""
        self.assertEqual(self.clock.seconds(), 1000.0)
        self.now += 1
        self.assertEqual(self.clock.seconds(), 1001.0)

    def test_called(self) -> None:
        """A call is made at its time, not before, once, with its arguments."""

        def call(*args: object, **named: object) -> None:
            self.called.append((args, named))

        self.clock.callLater(1, call, 1, 2, named=3)
        self.wait(0.99)
        self.assertEqual(self.called, [])
        self.wait(0.02)
        self.assertEqual(self.called, [((1, 2), {"named": 3})])
        self.wait(10)
        self.assertEqual(len(self.called), 1)

    def test_order(self) -> None:
        """Calls are made in the order of their times, however they were scheduled."""
        for delay in (3, 1, 2, 0, 5, 4):
            self.later(delay, delay)
        self.wait(6)
        self.assertEqual(self.called, [0, 1, 2, 3, 4, 5])

    def test_notAtOnce(self) -> None:
        """A call without delay is made in another turn."""
        self.later(0)
        self.assertEqual(self.called, [])
        self.wait(0)
        self.assertEqual(self.called, ["called"])

    def test_fromWithinACall(self) -> None:
        """A call may schedule others, sooner than those that wait."""

        def call() -> None:
            self.called.append("first")
            self.later(1, "second")

        self.later(5, "third")
        self.clock.callLater(1, call)
        self.wait(6)
        self.assertEqual(self.called, ["first", "second", "third"])

    def test_cancelled(self) -> None:
        """A cancelled call is not made; the others are, before and after it."""
        first, second, third = (self.later(delay, delay) for delay in (1, 2, 3))
        second.cancel()
        self.assertEqual([each.active() for each in (first, second, third)], [True, False, True])
        self.wait(4)
        self.assertEqual(self.called, [1, 3])
        self.assertEqual([each.active() for each in (first, second, third)], [False, False, False])

    def test_cancelledByAnother(self) -> None:
        """A call may cancel one that is due with it."""
        self.clock.callLater(1, lambda: second.cancel())
        second = self.later(1)
        self.wait(2)
        self.assertEqual(self.called, [])

    def test_delayed(self) -> None:
        """A call that is put off is made at its new time."""
        call = self.later(1)
        call.delay(2)
        self.assertEqual(call.getTime(), 1003.0)
        self.wait(2.9)
        self.assertEqual(self.called, [])
        self.wait(0.2)
        self.assertEqual(self.called, ["called"])

    def test_delayedAgain(self) -> None:
        """So is one that is put off again and again, as an idle timer is."""
        call = self.later(1)
        for _ in range(5):
            self.wait(0.5)
            call.reset(1)
        self.assertEqual(self.called, [])
        self.wait(0.9)
        self.assertEqual(self.called, [])
        self.wait(0.2)
        self.assertEqual(self.called, ["called"])

    def test_sooner(self) -> None:
        """A call that is brought forward is made at its new time, before those that were first."""
        self.later(2, "other")
        call = self.later(5, "sooner")
        call.reset(1)
        self.wait(1.1)
        self.assertEqual(self.called, ["sooner"])
        self.wait(4)
        self.assertEqual(self.called, ["sooner", "other"])

    def test_failingCall(self) -> None:
        """A call that raises is logged; the others are made."""
        self.later(1, "before")
        self.clock.callLater(1.5, lambda: 1 / 0)
        self.later(2, "after")
        self.wait(3)
        self.assertEqual(self.called, ["before", "after"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_getDelayedCalls(self) -> None:
        """It tells which calls are still to be made."""
        first, second, third = (self.later(delay) for delay in (1, 2, 3))
        second.cancel()
        self.assertCountEqual(self.clock.getDelayedCalls(), [first, third])
        self.wait(1.5)
        self.assertCountEqual(self.clock.getDelayedCalls(), [third])
        self.wait(2)
        self.assertCountEqual(self.clock.getDelayedCalls(), [])

    def test_far(self) -> None:
        """However far off a call is, it does no harm."""
        for delay in (float("inf"), 1e300, 1e19, 1e10):
            self.later(delay, "far")
        self.later(1)
        self.wait(2)
        self.assertEqual(self.called, ["called"])

    def test_nothingLeft(self) -> None:
        """With nothing left to call, nothing is left in the reactor."""
        self.later(1)
        self.later(2).cancel()
        self.wait(3)
        self.assertEqual(self.wall.getDelayedCalls(), [])


class CancelledCallTests(TimeCase):
    """What becomes of calls that are cancelled, as most are."""

    def test_manyCancelled(self) -> None:
        """A thousand calls that were cancelled long before their time are not kept until then."""
        self.clock.callLater(1, lambda: None)
        for _ in range(1000):
            self.clock.callLater(300, lambda: None).cancel()
        self.assertLess(len(self.clock._calls), 200)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class WallClockTests(TimeCase):
    """Steps of the wall clock, and a process that was away."""

    def test_setForward(self) -> None:
        """A wall clock set forward makes nothing happen early, and nothing late."""
        self.later(10)
        self.wall.advance(HOUR)
        self.assertEqual(self.called, [])
        self.wait(9.8)
        self.assertEqual(self.called, [])
        self.wait(0.3)
        self.assertEqual(self.called, ["called"])

    def test_late(self) -> None:
        """
        After a time of absence what the kernel kept for us meanwhile is heard first: what is overdue is
        called in another turn of the reactor.
        """
        self.later(1)
        # The same turn in which the alarm rings has other things to do.
        self.wall.callLater(1.5, self.called.append, "bytes that had come")
        self.sleep(5)
        self.wall.advance(0)
        self.wall.advance(0)
        self.assertEqual(self.called, ["bytes that had come", "called"])

    def test_notLate(self) -> None:
        """What is on time is called at once."""
        self.later(1)
        self.wall.callLater(1, self.called.append, "bytes that had come")
        self.sleep(1.05)
        self.wall.advance(0)
        self.assertEqual(self.called, ["called", "bytes that had come"])

    def test_schedulingWhileLate(self) -> None:
        """While what is overdue waits for its turn, other calls can be made as ever."""
        self.later(1, "overdue")
        self.wall.callLater(1.5, lambda: self.later(1, "new"))
        self.sleep(5)
        self.wait(2)
        self.assertEqual(self.called, ["overdue", "new"])


class ReleaseTests(TimeCase):
    """Giving back what the clock holds in its reactor."""

    def test_cancelledOnly(self) -> None:
        """Cancelled calls alone hold nothing."""
        self.later(HOUR).cancel()
        self.assertEqual(len(self.wall.getDelayedCalls()), 1)
        release(self.clock)
        self.assertEqual(self.wall.getDelayedCalls(), [])

    def test_pending(self) -> None:
        """While somebody waits for a call nothing is given back."""
        self.later(2).cancel()
        self.later(1)
        release(self.clock)
        self.wait(2)
        self.assertEqual(self.called, ["called"])

    def test_comesBack(self) -> None:
        """Released, it works as before with the next call."""
        self.later(2).cancel()
        release(self.clock)
        self.later(1)
        self.wait(2)
        self.assertEqual(self.called, ["called"])

    def test_otherClocks(self) -> None:
        """There is nothing to give back of a test's clock."""
        clock = Clock()
        clock.callLater(1, self.called.append, "called")
        release(clock)
        clock.advance(1)
        self.assertEqual(self.called, ["called"])


class BareReactor(PosixReactorBase):
    """A real reactor as far as its type goes; nothing of it is made."""

    def __init__(self) -> None:
        """Not the base class's, which opens descriptors."""


class ChoiceTests(SynchronousTestCase):
    """See L{monotonicClock}."""

    def test_testsClock(self) -> None:
        """A test's clock is its own."""
        clock, reactor = Clock(), MemoryReactorClock()
        self.assertIs(monotonicClock(clock), clock)
        self.assertIs(monotonicClock(reactor), reactor)

    def test_oneForEach(self) -> None:
        """A real reactor has one monotonic clock, and another reactor another."""
        reactor, other = BareReactor(), BareReactor()
        clock = monotonicClock(reactor)
        self.assertIsInstance(clock, MonotonicClock)
        self.assertIs(monotonicClock(reactor), clock)
        self.assertIsNot(monotonicClock(other), clock)
