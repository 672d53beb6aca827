"""Drains a balancer that stops: what is under way may finish for a while, and the rest is ended."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from tinylb.events import CloseReason
from tinylb.reception import Waiting
from tinylb.registry import Registry
from tinylb.wording import counted

LOOK = 0.01
"""Seconds between two looks at whether a client still waits for a backend. Nothing else needs to know: it is polled."""


class Drain:
    """
    One drain of a balancer, which refuses clients already.

    @param clock: monotonic.
    @param registry: the open pairs.
    @param waiting: the clients that have no backend yet.
    @param seconds: how long open pairs may take to finish.
    @param grace: how much of that time waiting clients may take to get a backend.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, registry: Registry, waiting: Collection[Waiting], *, seconds: float, grace: float
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._waiting = waiting
        self._seconds = seconds
        self._graceEnds = clock.seconds() + grace
        self._nobodyWaits: Deferred[None] = Deferred()
        self._deadline: IDelayedCall | None = None
        self._looking: IDelayedCall | None = None

    def start(self) -> Deferred[None]:
        """
        Begin.

        @return: a L{Deferred} that fires when nothing is left.
        """
        self._deadline = self._clock.callLater(self._seconds, self._abortAll)
        self._look()
        return self._nobodyWaits.addCallback(lambda _: self._registry.whenEmpty())

    def cancel(self) -> None:
        """Leave alone what is still open. The L{Deferred} still fires when nothing is left."""
        for call in (self._deadline, self._looking):
            if call is not None and call.active():
                call.cancel()
        self._tellNobodyWaits()

    def _look(self) -> None:
        left = self._graceEnds - self._clock.seconds()
        if self._waiting and left > 0:
            self._looking = self._clock.callLater(min(left, LOOK), self._look)
        else:
            self._refuseWaiting()

    def _refuseWaiting(self) -> None:
        for each in tuple(self._waiting):
            each.stop()
        self._tellNobodyWaits()

    def _tellNobodyWaits(self) -> None:
        if not self._nobodyWaits.called:
            self._nobodyWaits.callback(None)

    def _abortAll(self) -> None:
        self._refuseWaiting()  # the grace may end an instant later, and nothing would end a pair that opens in between
        ended = sum(self._registry.abortPairs(record.target, CloseReason.STOPPING) for record in self._registry)
        if ended and self._seconds:
            self._log.info(
                "{connections} ended: not finished within {seconds:g} s",
                count=ended,
                connections=counted(ended, "connection"),
                seconds=self._seconds,
            )
