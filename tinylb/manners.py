"""Picks the backend that a client tries next: a good one first, and a failing one not for all clients at once."""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.interfaces import IReactorTime

from tinylb.attempt import Attempt
from tinylb.ranking import Candidate
from tinylb.room import Room
from tinylb.selection import Selection

# Attempt delays that a client waits for a backend that may serve, before it tries one that is known not to, or one that
# only stands by.
RELUCTANCE = 5
# Attempt delays that a client waits before it tries a suspect backend that another client is trying already.
MANNERS = 2

Attempts = dict[Attempt, None]


class Manners:
    """
    The rules by which clients consider one another when a backend is picked.

    @param clock: monotonic.
    @param attemptDelay: seconds.
    @param longest: seconds; a client waits no longer for one attempt before it tries any backend there is.
    """

    def __init__(
        self, clock: IReactorTime, selection: Selection, room: Room, *, attemptDelay: float, longest: float
    ) -> None:
        self._clock = clock
        self._selection = selection
        self._room = room
        self._attemptDelay = attemptDelay
        self._longest = longest

    def pick(self, tried: Collection[str], attempts: Attempts) -> Candidate | None:
        """
        The backend to try next. Where an attempt has failed, one client at a time tries again, and the others go
        elsewhere, unless there is nowhere else, or nothing comes of that either.

        @param tried: the targets that a client has tried.
        @param attempts: those of them that are under way, the oldest first.
        """
        selection, room = self._selection, self._room
        if not attempts:
            return selection.pick(tried, room.isFree) or selection.pick(tried, room.hasRoom)
        choice = selection.pick(tried, lambda each: self._isAcceptable(each, attempts) and room.isFree(each))
        if choice is None and self._hasWaited(next(reversed(attempts)), MANNERS):
            choice = selection.pick(tried, lambda each: self._isAcceptable(each, attempts) and room.hasRoom(each))
        return choice

    def remain(self, tried: Collection[str], attempts: Attempts, *, isFree: bool) -> bool:
        """
        Whether there is a backend to try beside the attempts that are under way, now or when there is room.

        @param isFree: whether it has to be possible now.
        """
        return self._selection.remain(
            tried, lambda each: self._isAcceptable(each, attempts) and (not isFree or self._room.isFree(each))
        )

    def _isAcceptable(self, candidate: Candidate, attempts: Attempts) -> bool:
        """Better backends are given time first: a backend that refuses may answer faster, a standby may be nearer."""
        return all(
            not _isPreferred(each.candidate, candidate) or self._hasWaited(each, RELUCTANCE) for each in attempts
        )

    def _hasWaited(self, attempt: Attempt, delays: int) -> bool:
        return self._clock.seconds() - attempt.started >= min(delays * self._attemptDelay, self._longest)


def _isPreferred(one: Candidate, other: Candidate) -> bool:
    standsBehind = other.isStandby and other.tier > one.tier
    return not one.isLastResort and (other.isLastResort or standsBehind)
