"""How many attempts there may be at one target, and who waits for room."""

from __future__ import annotations

from typing import Protocol

from tinylb.selection import Candidate

# A black hole holds each attempt for the whole attempt delay. Beyond the bound clients go elsewhere.
ATTEMPTS_PER_TARGET = 256


class Waiting(Protocol):
    """A dial that would make another attempt, if there were room."""

    tried: set[str]

    def advance(self) -> None:
        """Make it."""


class Room:
    """The queue of dials for which every target they have not tried is at its bound."""

    def __init__(self) -> None:
        self._queue: dict[Waiting, None] = {}

    def isAt(self, candidate: Candidate) -> bool:
        """Whether there may be another attempt at a candidate's target."""
        return len(candidate.record.attempts) < ATTEMPTS_PER_TARGET

    def wait(self, dial: Waiting) -> None:
        """The dial goes on when there is room at a target it has not tried."""
        self._queue[dial] = None

    def leave(self, dial: Waiting) -> None:
        """The dial waits no longer."""
        self._queue.pop(dial, None)

    def isMade(self, target: str) -> None:
        """An attempt is over: who has waited longest, and can use the room, gets it."""
        for dial in self._queue:
            if target not in dial.tried:
                self.leave(dial)
                dial.advance()
                return
