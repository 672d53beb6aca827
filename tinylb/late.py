"""Spares timers that are nearly always cancelled early: they are set only for things that have lasted for a while."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger


class Lasting(Protocol):
    """Something that may last."""

    def arm(self) -> None:
        """It lasts: set its timers."""


class Late:
    """
    Asks all things that were added to arm at once: none later than the delay after it was added, many earlier. Most
    are over before.

    @param delay: seconds; no longer than the shortest timer that is set by C{arm}.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, delay: float) -> None:
        self._clock = clock
        self._delay = delay
        self._young: dict[Lasting, None] = {}
        self._call: IDelayedCall | None = None

    def add(self, thing: Lasting) -> None:
        """A thing begins."""
        self._young[thing] = None
        if self._call is None:
            self._call = self._clock.callLater(self._delay, self._ask)

    def remove(self, thing: Lasting) -> None:
        """A thing is over. Nothing happens if it was asked to arm already."""
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
