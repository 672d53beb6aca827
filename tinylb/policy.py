"""Who is next: policies, pure functions from candidates and a state to a choice and a state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from zope.interface import implementer

from tinylb.interfaces import ICandidate, IPolicy

_id = attrgetter("id")
_weight = attrgetter("weight")


class Cursor(NamedTuple):
    """
    Where L{RoundRobin} is.

    @ivar last: the id picked last; L{None} before the first pick.
    @ivar origin: where the first pick falls, as a fraction of the candidates there are then.
    @ivar turn: how many times the cursor went round; decides which weights have their turn.
    """

    last: str | None
    origin: float
    turn: int = 0


@implementer(IPolicy)
class RoundRobin:
    """
    The first id after the one picked last, wrapping around. The cursor is an id and not an index, so
    a set that changes neither skips nor repeats nor starves anybody.

    With weights, a candidate takes part in as many of its heaviest fellow's turns as its weight
    says, spread evenly over them; with equal weights everybody takes part in every turn.
    """

    def start(self, random: Callable[[], float]) -> Cursor:
        """See L{IPolicy.start}."""
        return Cursor(last=None, origin=random())

    def pick(self, candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
        """See L{IPolicy.pick}."""
        if state.last is None:
            first = int(state.origin * len(candidates))
        else:
            first = bisect_right(candidates, state.last, key=_id)
        heaviest = max(map(_weight, candidates))
        turn = state.turn
        for index in range(first, len(candidates)):
            candidate = candidates[index]
            if candidate.weight == heaviest or _takesPart(candidate.weight, turn, heaviest):
                return candidate, Cursor(candidate.id, state.origin, turn)
        turn += 1
        choice = next(each for each in candidates if _takesPart(each.weight, turn, heaviest))
        return choice, Cursor(choice.id, state.origin, turn)


def _takesPart(weight: int, turn: int, heaviest: int) -> bool:
    """Whether the running total of C{weight / heaviest} reaches a new whole number in this turn."""
    return (turn + 1) * weight // heaviest > turn * weight // heaviest
