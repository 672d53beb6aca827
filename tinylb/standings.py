"""How the backends of a set stand at present: which get the picks, which are passed over, and how often since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import islice
from typing import NamedTuple

MOST_PREFERRED = 20
"""The most backends that are told of as preferred: those with the most picks."""

MOST_PASSED_OVER = 200
"""The most backends that are told of as passed over: those that would be picked next."""


class PassedOver(NamedTuple):
    """A backend that others are preferred to.

    @ivar since: since when; ISO 8601, UTC.
    @ivar picks: how many picks there have been since then."""

    backend: str
    target: str
    since: str
    why: str
    picks: int


class Preferred(NamedTuple):
    """A backend that picks go to.

    @ivar since: since when it and the others have been those that picks go to; ISO 8601, UTC.
    @ivar among: how many such backends there are.
    @ivar picks: how many times it has been picked since then.
    @ivar all: how many picks there have been in all since then."""

    backend: str
    target: str
    since: str
    why: str
    among: int
    picks: int
    all: int


class Standings:
    """Counts picks, and remembers since when each backend is preferred or passed over."""

    def __init__(self) -> None:
        self._picks = 0
        # The preferred backends, each by id and target, and why they are; both since the same moment.
        self._preferred: Sequence[tuple[str, str]] = ()
        self._rank = (0, 0)
        self._why = ""
        self._since = ""
        # By id, the picks of preferred backends since then; and how many picks there were before.
        self._picksOf: dict[str, int] = {}
        self._before = 0
        # What is kept in C{picks} is the count before C{since}.
        self._passedOver: dict[str, PassedOver] = {}

    def picked(self, id: str) -> None:
        """A backend was picked."""
        self._picks += 1
        passedOver = self._passedOver.get(id)
        if passedOver is None:
            self._picksOf[id] = self._picksOf.get(id, 0) + 1
        else:  # this pick did not pass it over
            self._passedOver[id] = passedOver._replace(picks=passedOver.picks + 1)

    def ranked(
        self,
        preferred: Sequence[tuple[str, str]],
        rank: tuple[int, int],
        why: str,
        behind: Iterable[tuple[str, str, str, str]],
        now: str,
    ) -> None:
        """
        The backends were ranked anew.

        @param preferred: id and target of each backend that picks go to from now on.
        @param rank: theirs: that of what is known of them, and their tier.
        @param why: they are preferred.
        @param behind: id, target, reason and the time since when that holds, of each backend that is passed over.
        @param now: when that came about; ISO 8601, UTC.
        """
        self._why = why
        if (preferred, rank) != (self._preferred, self._rank):
            self._preferred, self._rank, self._since = preferred, rank, now
            self._before = self._picks
            self._picksOf.clear()
        former = self._passedOver
        self._passedOver = {
            id: former[id]._replace(target=target, why=whyNot)
            if id in former
            else PassedOver(id, target, since, whyNot, self._picks)
            for id, target, whyNot, since in behind
        }

    def preferred(self) -> list[Preferred]:
        """The preferred backends with the most picks, L{MOST_PREFERRED} at the most."""
        among, all = len(self._preferred), self._picks - self._before
        most = nlargest(MOST_PREFERRED, self._preferred, key=lambda each: self._picksOf.get(each[0], 0))
        return [
            Preferred(id, target, self._since, self._why, among, self._picksOf.get(id, 0), all) for id, target in most
        ]

    def passedOver(self) -> list[PassedOver]:
        """The backends that are passed over, L{MOST_PASSED_OVER} at the most."""
        first = islice(self._passedOver.values(), MOST_PASSED_OVER)
        return [each._replace(picks=self._picks - each.picks) for each in first]
