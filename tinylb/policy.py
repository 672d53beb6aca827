"""Policies pick the next backend: they are pure functions from candidates and a state to a choice and a state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from math import inf
from operator import attrgetter
from typing import NamedTuple

from zope.interface import implementer

from tinylb.interfaces import ICandidate, IPolicy

_id = attrgetter("id")
_weight = attrgetter("weight")


# Picks after which an absent candidate is forgotten. One may be absent only because this client has tried it already.
MEMORY = 100
# The most candidates that are looked at in order to begin in the middle of a weighted round.
LONGEST_START = 1000


class Away(NamedTuple):
    """The credit of a candidate that is absent, and the number of the last pick that it was there for."""

    credit: int
    seen: int


class Cursor(NamedTuple):
    """
    The state of a policy.

    @ivar last: the id picked last; L{None} before the first pick.
    @ivar origin: where the first pick falls, as a fraction of a round.
    @ivar credits: by id, while weights differ, the picks each candidate was due so far, less those it had. One pick is
        counted as the sum of the weights.
    @ivar away: by id, the candidates that were there lately, but are absent now.
    @ivar number: how many picks there were while weights differed.
    """

    last: str | None
    origin: float
    credits: Mapping[str, int] = {}
    away: Mapping[str, Away] = {}
    number: int = 0


def _firstAfter(candidates: Sequence[ICandidate], state: Cursor) -> int:
    """The index of the first id after the one picked last, wrapping around."""
    if state.last is None:
        return int(state.origin * len(candidates))
    first = bisect_right(candidates, state.last, key=_id)
    return first if first < len(candidates) else 0


@implementer(IPolicy)
class RoundRobin:
    """
    The first id after the one picked last, wrapping around. The cursor is an id and not an index, so
    a set that changes neither skips nor repeats nor starves anybody.

    Where weights differ it is the smooth weighted round robin of nginx: with each pick the credit of every candidate
    grows by its weight; the candidate with the most credit is picked, and pays the sum of all weights. A candidate that
    is absent earns nothing.
    """

    def start(self, random: Callable[[], float]) -> Cursor:
        """See L{IPolicy.start}."""
        return Cursor(last=None, origin=random())

    def pick(self, candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
        """See L{IPolicy.pick}."""
        if not state.credits:
            weight = candidates[0].weight
            for candidate in candidates:
                if candidate.weight != weight:
                    break
            else:
                choice = candidates[_firstAfter(candidates, state)]
                return choice, Cursor(choice.id, state.origin)
            if state.last is None:
                round = min(sum(map(_weight, candidates)), LONGEST_START // len(candidates))
                for _ in range(int(state.origin * round)):
                    _, state = _pickSmoothly(candidates, state)
        return _pickSmoothly(candidates, state)


def _pickSmoothly(candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
    number, former, away = state.number + 1, state.credits, state.away
    total = sum(map(_weight, candidates))
    credits: dict[str, int] = {}
    choice = candidates[0]
    most: float = -inf
    for candidate in candidates:
        id = candidate.id
        credit = former[id] if id in former else away[id].credit if id in away else 0
        credits[id] = credit = credit + candidate.weight
        if credit > most:
            most, choice = credit, candidate
    credits[choice.id] -= total
    most = max(map(abs, credits.values()))
    if most > 2 * total:
        # Never while the set stays the same. After it shrinks, old credits must not keep a candidate waiting for long.
        credits = {id: int(credit * 2 * total / most) for id, credit in credits.items()}
    if away or len(credits) < len(former) or any(id not in credits for id in former):
        away = {id: each for id, each in away.items() if id not in credits and number - each.seen <= MEMORY}
        away.update((id, Away(credit, state.number)) for id, credit in former.items() if id not in credits)
    if not away and all(each.weight == choice.weight for each in candidates):
        credits = {}
    return choice, Cursor(choice.id, state.origin, credits, away, number)


@implementer(IPolicy)
class LeastConnections:
    """The candidate with the fewest connections for its weight; among equals the one whose turn is next, as
    in L{RoundRobin}."""

    def start(self, random: Callable[[], float]) -> Cursor:
        """See L{IPolicy.start}."""
        return Cursor(last=None, origin=random())

    def pick(self, candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
        """See L{IPolicy.pick}."""
        first = _firstAfter(candidates, state)
        inTurn = (*candidates[first:], *candidates[:first])
        choice = min(inTurn, key=_load)
        return choice, Cursor(choice.id, state.origin)


def _load(candidate: ICandidate) -> float:
    return candidate.connections / candidate.weight


POLICIES: dict[str, Callable[[], IPolicy]] = {"round-robin": RoundRobin, "least-connections": LeastConnections}
"""The policies, by the names that users give."""
