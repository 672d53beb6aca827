"""Measures how late the event loop is: how long a timer waits beyond its time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from tinylb.clock import release
from tinylb.metrics.histogram import Histogram

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MINUTE = 60.0

IDLE_INTERVAL = 1.0
BUSY_INTERVAL = 0.1
# The part of a core above which the process counts as busy.
BUSY = 0.02


def _nothing() -> None:
    pass


class LoopDelay:
    """
    Sets a timer, and measures how late it comes: everything else has waited as long. It does so once a second while
    the process is idle, when nothing can wait, and else ten times a second. A delay that is shorter than the interval
    may fall between two timers.

    @param clock: monotonic.
    @param cpu: gives the seconds of CPU that the process has used.
    @param ticked: called by the timer.
    @ivar histogram: of the delays, in seconds.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        cpu: Callable[[], float] = time.process_time,
        ticked: Callable[[], None] = _nothing,
    ) -> None:
        self.histogram = Histogram(BOUNDS)
        self._clock = clock
        self._cpu = cpu
        self._ticked = ticked
        self._call: IDelayedCall | None = None
        self._due = self._since = 0.0
        self._used = 0.0
        # When, and how long: each is later and shorter than the one before it.
        self._longest: deque[tuple[float, float]] = deque()

    def start(self) -> None:
        """Begin to measure. May be called again."""
        if self._call is None:
            self._schedule(self._clock.seconds(), IDLE_INTERVAL)

    def stop(self) -> None:
        """Stop measuring. The histogram stays, and L{start} goes on with it."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
            release(self._clock)

    def longest(self) -> float:
        """The longest delay of the last minute, in seconds, including that of a timer that is overdue now."""
        now = self._clock.seconds()
        self._forget(now)
        past = self._longest[0][1] if self._longest else 0.0
        return past if self._call is None else max(past, now - self._due)

    def _tick(self) -> None:
        now = self._clock.seconds()
        delay = max(0.0, now - self._due)
        self.histogram.add(delay)
        self._forget(now)
        while self._longest and self._longest[-1][1] <= delay:
            self._longest.pop()
        self._longest.append((now, delay))
        isBusy = self._cpu() - self._used > BUSY * (now - self._since)
        self._schedule(now, BUSY_INTERVAL if isBusy else IDLE_INTERVAL)
        self._ticked()

    def _schedule(self, now: float, seconds: float) -> None:
        self._since, self._due, self._used = now, now + seconds, self._cpu()
        self._call = self._clock.callLater(seconds, self._tick)

    def _forget(self, now: float) -> None:
        while self._longest and self._longest[0][0] <= now - MINUTE:
            self._longest.popleft()
