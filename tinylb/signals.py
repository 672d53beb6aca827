"""What a process is told by signals: to stop, or to look again."""

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
"""Seconds in which another signal is the same one once more: timeout(1), for one, signals a process and then its
group."""


class Signals:
    """
    Handles SIGTERM, SIGINT and SIGHUP.

    @param clock: monotonic.
    @param stop: is called with the name of each signal that asks for an end, there and then: in the main thread,
        between two instructions of whatever is going on.
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
        self._hadTerminal = False

    def take(self) -> None:
        """Take them over. A process that was told to ignore SIGHUP, as by nohup(1), is to outlive its terminal."""
        if not self._hadTerminal and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            self._hadTerminal = hasTerminal()
        self.handle()
        # Python ends by a signal that comes while it is finishing, unless that is ignored by then.
        atexit.register(_ignore)

    def handle(self) -> None:
        """Take them over from others who have done so since."""
        for number in _STOPS:
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hungUp))

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        now = self._clock.seconds()
        if now - self._stoppedAt >= SAME_SIGNAL:
            self._stoppedAt = now
            self._stop(signal.Signals(number).name)

    def _hungUp(self) -> None:
        """A terminal that is gone ends its programs."""
        if self._hadTerminal and not hasTerminal():
            self._signalled(signal.SIGHUP, None)
        else:
            self._lookAgain()


def _ignore() -> None:
    for number in (*_STOPS, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
