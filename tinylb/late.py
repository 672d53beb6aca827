"""Timers for what is nearly always over before: they are set only for those who are still there after a while."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class Lasting(Protocol):
    """Something that may last."""

    def arm(self) -> None:
        """It does: see to its timers."""


class Late:
    """
    Nobody is asked to arm later than the delay after he was added, many are earlier, and most are over before: it runs
    for everybody at once.

    @param delay: seconds; no longer than the shortest timer that is set by C{arm}.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, delay: float) -> None:
        self._clock = clock
        self._delay = delay
        self._young: dict[Lasting, None] = {}
        self._call: IDelayedCall | None = None

    def add(self, thing: Lasting) -> None:
        """It begins."""
        self._young[thing] = None
        if self._call is None:
            self._call = self._clock.callLater(self._delay, self._ask)

    def remove(self, thing: Lasting) -> None:
        """It is over, if it was not asked before."""
        if thing in self._young:
            del self._young[thing]
            if not self._young and self._call is not None:
                self._call.cancel()
                self._call = None

    def _ask(self) -> None:
        self._call = None
        young, self._young = self._young, {}
        for thing in young:
            try:
                thing.arm()
            except Exception:
                self._log.failure("{thing!r} failed", thing=thing)
