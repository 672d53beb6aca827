"""The tallies of all backend ids: of those in the set, and for a while of those that have left it."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime

from tinylb.backends import Member
from tinylb.metrics.tally import Tally
from tinylb.registry import Record, Registry

LINGER = 600.0
"""Seconds for which a backend that has left is still shown: its last connections end after it has left."""

MOST_DEPARTED = 200
"""The most such backends, since ids may come and go for ever. The one that left first is forgotten first."""


class Tallies:
    """
    Keeps the tally of each id. An id that has left is forgotten only at the next change of the set, or the next scrape:
    the events of connections that a change ends come after it, and are counted for the ids that it removed.

    @param clock: monotonic.
    @param registry: has the counts of targets.
    """

    def __init__(self, clock: IReactorTime, registry: Registry) -> None:
        self._clock = clock
        self._registry = registry
        self._present: dict[str, Tally] = {}
        self._departed: dict[str, Tally] = {}  # the one that left first comes first
        self._sharedOut: set[Record] = set()  # what these have counted so far belongs to an id already

    def of(self, id: str) -> Tally:
        """
        The tally of an id. One that was forgotten begins anew where there is room, and is not told of where there is
        none: others would be forgotten for it, and begin anew when they are heard of again, as if they had fallen.
        """
        tally = self._present.get(id) or self._departed.get(id)
        if tally is None:
            tally = Tally(id)
            if len(self._departed) < MOST_DEPARTED:
                self._depart(tally)
        return tally

    def follow(self, members: Iterable[Member]) -> None:
        """Follow a new set."""
        former, self._present = self._present, {}
        for member in members:
            tally = former.pop(member.id, None) or self._departed.pop(member.id, None) or Tally(member.id)
            tally.member, tally.leftAt = member, None
            record = self._registry.record(member.target)
            tally.follow(record, isKnown=record in self._sharedOut)
            self._present[member.id] = tally
        self._forget()
        for tally in former.values():
            self._depart(tally)
        followed = {each.record for each in self._present.values()}
        for tally in self._departed.values():
            if tally.record in followed:  # what is counted there from now on is another id's
                tally.follow(None, isKnown=True)
        self._sharedOut = {each for each in self._registry if each in self._sharedOut or each in followed}

    def ids(self) -> tuple[str, ...]:
        """The set's ids, in its order, then those that have left it lately."""
        self._forget()
        return (*self._present, *self._departed)

    def known(self, id: str) -> Tally | None:
        """The tally of an id; L{None} for one that is not, or no longer, known."""
        return self._present.get(id) or self._departed.get(id)

    def _depart(self, tally: Tally) -> None:
        tally.member, tally.leftAt = None, self._clock.seconds()
        self._departed[tally.id] = tally

    def _forget(self) -> None:
        now = self._clock.seconds()
        for id, tally in tuple(self._departed.items()):
            isPast = tally.leftAt is not None and tally.leftAt <= now - LINGER
            if not isPast and len(self._departed) <= MOST_DEPARTED:
                break
            del self._departed[id]
