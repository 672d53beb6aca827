"""Who is next: policies, pure functions from candidates and a state to a choice and a state."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from zope.interface import implementer

from tinylb.interfaces import ICandidate, IPolicy

_id = attrgetter("id")
_weight = attrgetter("weight")


# Who has been absent for so many picks is forgotten; one who was only tried for this client already is not.
MEMORY = 100
# So far into its round at the most does a weighted choice begin.
LONGEST_START = 1000


class Share(NamedTuple):
    """
    Where a candidate stands, where weights differ.

    @ivar credit: what it was due so far, less what it had; in shares of a pick, of which there are as many as the
        weights add up to.
    @ivar seen: the number of the last pick that it was there for.
    """

    weight: int
    credit: int
    seen: int


class Cursor(NamedTuple):
    """
    Where a policy is.

    @ivar last: the id picked last; L{None} before the first pick.
    @ivar origin: where the first pick falls, as a fraction of a round.
    @ivar shares: by id, while weights differ.
    @ivar number: how many picks there were while weights differed.
    """

    last: str | None
    origin: float
    shares: Mapping[str, Share] = {}
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

    Where weights differ it is the smooth weighted round robin that nginx brought up: with each pick everybody earns his
    weight, and the richest is picked and pays for all. Who is not there earns nothing.
    """

    def start(self, random: Callable[[], float]) -> Cursor:
        """See L{IPolicy.start}."""
        return Cursor(last=None, origin=random())

    def pick(self, candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
        """See L{IPolicy.pick}."""
        if not state.shares:
            weight = candidates[0].weight
            for candidate in candidates:
                if candidate.weight != weight:
                    break
            else:
                choice = candidates[_firstAfter(candidates, state)]
                return choice, Cursor(choice.id, state.origin, state.shares, state.number)
            if state.last is None:
                for _ in range(int(state.origin * min(sum(map(_weight, candidates)), LONGEST_START))):
                    _, state = _pickSmoothly(candidates, state)
        return _pickSmoothly(candidates, state)


def _pickSmoothly(candidates: Sequence[ICandidate], state: Cursor) -> tuple[ICandidate, Cursor]:
    number = state.number + 1
    total = sum(map(_weight, candidates))
    shares = {id: share for id, share in state.shares.items() if number - share.seen <= MEMORY}
    for candidate in candidates:
        credit = shares[candidate.id].credit if candidate.id in shares else 0
        # In a set that stays it never gets to this bound; in others nobody has to wait for long.
        earned = max(-2 * total, min(2 * total, credit + candidate.weight))
        shares[candidate.id] = Share(candidate.weight, earned, number)
    choice = max(candidates, key=lambda each: shares[each.id].credit)
    share = shares[choice.id]
    shares[choice.id] = share._replace(credit=share.credit - total)
    if len({share.weight for share in shares.values()}) == 1:
        shares = {}
    return choice, Cursor(choice.id, state.origin, shares, number)


@implementer(IPolicy)
class LeastConnections:
    """The candidate with the fewest connections for its weight; of several the one whose turn is next, as in
    L{RoundRobin}."""

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
