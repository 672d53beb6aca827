"""A timeout that counts only the time in which this process was listening."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from tinylb.clock import LATE

PARTS = 5
# The most parts, late or not: a process may be busy for ever.
MOST_PARTS = 25


class FairTimeout:
    """
    The time passes in parts, and a part that ends late does not count: this process was busy or stopped, and may not
    have read an answer that has come.

    @param clock: monotonic.
    @param expire: is called when the time is over.
    @ivar isRunning: whether it is not over yet.
    """

    def __init__(self, clock: IReactorTime, seconds: float, expire: Callable[[], None]) -> None:
        self._clock = clock
        self._part = seconds / PARTS
        self._expire = expire
        self._left = PARTS
        self.isRunning = True
        self._due = clock.seconds()
        self._parts = 0
        self._call: IDelayedCall
        self._wait()

    def cancel(self) -> None:
        """Stop the timeout; may be called after it has expired."""
        if self._call.active():
            self._call.cancel()

    def _wait(self) -> None:
        self._due = self._clock.seconds() + self._part
        self._call = self._clock.callLater(self._part, self._partIsOver)

    def _partIsOver(self) -> None:
        self._parts += 1
        if self._clock.seconds() - self._due < LATE:
            self._left -= 1
        if self._left and self._parts < MOST_PARTS:
            self._wait()
        else:
            self.isRunning = False
            self._expire()
