"""Bounds the attempts at one target, and queues the dials that wait for room."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from tinylb.ranking import Candidate

# A silent target holds each attempt for the whole attempt delay. Beyond the bound clients go elsewhere.
ATTEMPTS_PER_TARGET = 256


class Waiting(Protocol):
    """A dial that would make another attempt, if there were room."""

    tried: set[str]

    def advance(self) -> None:
        """Make the attempt."""


class Room:
    """
    The queue of dials that wait because every target they have not tried is at its bound.

    @param clock: room is handed over in a turn of its own, not in the middle of what made it.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queue: dict[Waiting, None] = {}
        self._freed: list[str] = []

    def hasRoom(self, candidate: Candidate) -> bool:
        """Whether there may be another attempt at a candidate's target."""
        return len(candidate.record.attempts) < ATTEMPTS_PER_TARGET

    def isFree(self, candidate: Candidate) -> bool:
        """The same, but a target where an attempt has failed is tried for one client at a time."""
        attempts = len(candidate.record.attempts)
        return attempts < ATTEMPTS_PER_TARGET and not (attempts and candidate.record.isSuspect)

    def wait(self, dial: Waiting) -> None:
        """The dial goes on when there is room at a target it has not tried."""
        self._queue[dial] = None

    def leave(self, dial: Waiting) -> None:
        """The dial waits no longer."""
        self._queue.pop(dial, None)

    def freed(self, target: str) -> None:
        """An attempt at a target is over."""
        if self._queue:
            self._freed.append(target)
            if len(self._freed) == 1:
                self._clock.callLater(0, self._handOver)

    def _handOver(self) -> None:
        """The dial that has waited longest, of those that can use the room, gets it."""
        freed, self._freed = self._freed, []
        for target in freed:
            for dial in self._queue:
                if target not in dial.tried:
                    dial.advance()  # it leaves the queue, so this loop over the queue must end
                    break
