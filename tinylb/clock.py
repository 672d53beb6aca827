"""
Timers on the monotonic clock, which no one can set. The reactor's timers follow the wall clock, so a step
of it (NTP at boot) fires or freezes every timeout; tinylb keeps its timeouts on the monotonic clock instead.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, Protocol
from weakref import WeakValueDictionary

from twisted.internet.base import DelayedCall
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

# A timer this late (seconds) shows that the process was busy or stopped, and says nothing about a peer.
LATE = 0.1
# When there are more cancelled calls than this, and they are the greater part of the heap, they are removed from it.
MANY = 50
# The furthest time that a kernel timer accepts for certain. An alarm that rings too early is set again.
_FURTHEST = 2.0**31


def monotonicClock(reactor: IReactorTime) -> IReactorTime:
    """
    The monotonic clock that goes with a reactor, one for each. A test's C{Clock} is returned as it is: only
    a real reactor can wait for descriptors, and follows the wall clock.
    """
    if not isinstance(reactor, PosixReactorBase):
        return reactor
    clock = _clocks.get(reactor)
    if clock is None:
        clock = _clocks[reactor] = MonotonicClock(reactor)
    return clock


def release(clock: IReactorTime) -> None:
    """Give back what a clock holds in its reactor, unless something is still scheduled on it."""
    if isinstance(clock, MonotonicClock):
        clock.release()


class _Alarm(Protocol):
    """Rings once at a time of the monotonic clock."""

    def set(self, when: float) -> None: ...

    def close(self) -> None: ...


@implementer(IReactorTime)
class MonotonicClock:
    """
    C{callLater} and C{seconds} on the monotonic clock. The calls are kept in a heap, and one alarm is set
    for the earliest. Cancelling a call leaves the alarm as it is, so that a connection's timers, which
    are nearly always cancelled, cost no system call.
    """

    _log = Logger()

    seconds: Callable[[], float]

    def __init__(self, reactor: PosixReactorBase) -> None:
        # Seconds since some fixed moment. It is called so often that a method around it would cost too much.
        self.seconds = time.monotonic
        self._reactor = reactor
        self._calls: list[DelayedCall] = []
        self._alarm: _Alarm | None = None
        self._alarmAt = float("inf")
        self._isLate = False
        self._cancellations = 0

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> IDelayedCall:
        """See L{IReactorTime.callLater}."""
        due = time.monotonic() + delay
        call = DelayedCall(due, callable, args, kw, self._cancelled, self._sooner, time.monotonic)
        heappush(self._calls, call)
        self._setAlarm(due)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """See L{IReactorTime.getDelayedCalls}."""
        return [call for call in self._calls if call.active()]

    def release(self) -> None:
        """Close the alarm unless a call is pending. It comes back with the next L{callLater}."""
        if not self.getDelayedCalls():
            self._calls.clear()
            self._closeAlarm()

    def _cancelled(self, call: DelayedCall) -> None:
        """A cancelled call stays in the heap until its time comes, unless there are many of them."""
        self._cancellations += 1
        if self._cancellations > MANY and self._cancellations > len(self._calls) // 2:
            self._cancellations = 0
            self._calls = [each for each in self._calls if each is not call and each.active()]
            heapify(self._calls)

    def _sooner(self, call: DelayedCall) -> None:
        heapify(self._calls)
        self._setAlarm(call.getTime())

    def _setAlarm(self, when: float) -> None:
        if when >= self._alarmAt:
            return
        if self._alarm is None:
            self._alarm = _newAlarm(self._reactor, self._rang)
        self._alarmAt = when
        self._alarm.set(min(when, _FURTHEST))

    def _closeAlarm(self) -> None:
        alarm, self._alarm, self._alarmAt = self._alarm, None, float("inf")
        if alarm is not None:
            alarm.close()

    def _rang(self) -> None:
        due, self._alarmAt = self._alarmAt, float("inf")
        now = time.monotonic()
        self._isLate = not self._isLate and now - due > LATE
        if self._isLate:
            # Connections and bytes that the kernel has kept for us meanwhile are handled first.
            self._setAlarm(now)
        else:
            self._runDue()

    def _runDue(self) -> None:
        now = time.monotonic()
        while self._calls and self._calls[0].time <= now:
            call = heappop(self._calls)
            if not call.active():
                continue
            if call.delayed_time:
                call.activate_delay()
                heappush(self._calls, call)
                continue
            call.called = 1
            try:
                call.func(*call.args, **call.kw)
            except Exception:
                self._log.failure("Unhandled error in {call}", call=call)
        while self._calls and not self._calls[0].active():
            heappop(self._calls)
        if self._calls:
            self._setAlarm(self._calls[0].time)
        else:
            self._closeAlarm()


_clocks: WeakValueDictionary[PosixReactorBase, MonotonicClock] = WeakValueDictionary()


def _newAlarm(reactor: PosixReactorBase, ring: Callable[[], None]) -> _Alarm:
    if IReactorFDSet.providedBy(reactor) and sys.platform == "linux":
        try:
            return _TimerDescriptor(reactor, ring)
        except OSError:
            pass  # out of descriptors: a timer that follows the wall clock is better than none
    return _ReactorAlarm(reactor, ring)


class _ReactorAlarm:
    """For systems without timerfd. A wall clock set back makes it late, one set forward does nothing."""

    def __init__(self, reactor: IReactorTime, ring: Callable[[], None]) -> None:
        self._reactor = reactor
        self._ring = ring
        self._call: IDelayedCall | None = None

    def set(self, when: float) -> None:
        self.close()
        self._call = self._reactor.callLater(max(0.0, when - time.monotonic()), self._check, when)

    def close(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _check(self, when: float) -> None:
        self._call = None
        if time.monotonic() < when:
            self.set(when)
        else:
            self._ring()


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


_CLOCK_MONOTONIC = 1
_TFD_TIMER_ABSTIME = 1


@implementer(IReadDescriptor)
class _TimerDescriptor:
    """timerfd_create(2) as a reader; through ctypes, since Python has it from 3.13 on only."""

    def __init__(self, reactor: IReactorFDSet, ring: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = _checked(self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        self._reactor = reactor
        self._ring = ring
        reactor.addReader(self)

    def set(self, when: float) -> None:
        # A zero would disarm the timer instead.
        seconds, nanoseconds = divmod(max(1, int(when * 1e9)), 1_000_000_000)
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        _checked(self._libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None))

    def close(self) -> None:
        self._reactor.removeReader(self)
        os.close(self._fd)
        self._fd = -1

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return  # set anew meanwhile
        self._ring()

    def logPrefix(self) -> str:
        return "clock"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor is shutting down; pending calls are not made."""


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
