"""Handles the signals that tell a process to stop, or to look again."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable
from math import inf
from types import FrameType
from typing import Any

from twisted.internet.interfaces import IReactorTime

from tinylb.terminal import hasTerminal

_STOPS = (signal.SIGTERM, signal.SIGINT)

SAME_SIGNAL = 0.05
"""Seconds in which another signal counts as a repetition: timeout(1), for one, signals a process and then its group."""


class Signals:
    """
    Handles SIGTERM, SIGINT and SIGHUP.

    @param clock: monotonic.
    @param stop: is called with the name of each signal that asks for an end, at once: in the main thread, between
        two instructions of whatever code is running.
    @param lookAgain: is called by the reactor.
    """

    def __init__(
        self, reactor: Any, clock: IReactorTime, stop: Callable[[str], object], lookAgain: Callable[[], object]
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._stop = stop
        self._lookAgain = lookAgain
        self._stoppedAt = -inf
        self._isTaken = False
        self._hadTerminal = False

    def take(self) -> None:
        """Take the signals over. A process that ignores SIGHUP, as under nohup(1), outlives its terminal."""
        if not self._isTaken:  # later our own handler would be found
            self._isTaken = True
            self._hadTerminal = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and hasTerminal()
            # A signal that comes while Python is finishing kills the process, unless it is ignored by then.
            atexit.register(_ignore)
        self.handle()

    def handle(self) -> None:
        """Install the handlers, in place of those that others have installed since."""
        for number in _STOPS:
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hungUp))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        now = self._clock.seconds()
        if now - self._stoppedAt >= SAME_SIGNAL:
            self._stoppedAt = now
            self._stop(signal.Signals(number).name)

    def _hungUp(self) -> None:
        """SIGHUP: stop if the terminal is gone, otherwise look again."""
        if self._hadTerminal and not hasTerminal():
            self._signalled(signal.SIGHUP, None)
        else:
            self._lookAgain()


def _ignore() -> None:
    for number in (*_STOPS, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
