"""The registry: every live pair and attempt, by target."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from tinylb.events import CloseReason

DIAL_TIMES = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds, in seconds, by which the durations of successful attempts are counted."""

PAIRS_A_TURN = 2000
"""Pairs whose bytes are added up in one go, which takes about a millisecond."""


class Abortable(Protocol):
    """An attempt or a pair: it belongs to a target, and can be ended at once."""

    target: str

    def abort(self, reason: CloseReason) -> bool:
        """
        End it now, on both sides.

        @return: C{True} if it was this call that ended it.
        """


class LivePair(Abortable, Protocol):
    """A pair, with what it has moved so far."""

    @property
    def bytesIn(self) -> int:
        """Bytes from the client."""

    @property
    def bytesOut(self) -> int:
        """Bytes from the backend."""


class Record:
    """
    The pairs and attempts of one target, and what is counted there: plain integers, so that counting
    costs nothing, and metrics collect them when they are asked for.

    @ivar opened: pairs opened since the record exists; C{failed}: attempts that failed through the
        backend's fault; C{bytesIn}, C{bytesOut}: of the pairs that have ended.
    @ivar picked: attempts that began; C{reached}: those that succeeded.
    @ivar dialTimes: those that succeeded, by duration: up to each of L{DIAL_TIMES}, and longer.
    @ivar dialSeconds: the sum of their durations.
    @ivar isSuspect: whether an attempt has failed, or was overtaken, since the last that succeeded.
    """

    __slots__ = (
        "attempts",
        "bytesIn",
        "bytesOut",
        "dialSeconds",
        "dialTimes",
        "failed",
        "isSuspect",
        "opened",
        "pairs",
        "picked",
        "reached",
        "target",
    )

    def __init__(self, target: str) -> None:
        self.target = target
        self.pairs: dict[LivePair, None] = {}
        self.attempts: dict[Abortable, None] = {}
        self.opened = 0
        self.failed = 0
        self.picked = 0
        self.reached = 0
        self.dialTimes = [0] * (len(DIAL_TIMES) + 1)
        self.dialSeconds = 0.0
        self.isSuspect = False
        self.bytesIn = 0
        self.bytesOut = 0

    def connected(self, seconds: float) -> None:
        """Count an attempt that succeeded after C{seconds}."""
        self.reached += 1
        self.dialTimes[bisect_left(DIAL_TIMES, seconds)] += 1
        self.dialSeconds += seconds


class Registry:
    """
    The live pairs and attempts. Each is in here from its first moment until nothing of it is left: a
    pair that is being aborted stays until both its connections are lost.

    @ivar connections: how many pairs there are.
    @ivar dialing: how many attempts there are.
    """

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._keep: frozenset[str] = frozenset()
        self._whenEmpty: list[Deferred[None]] = []
        self.connections = 0
        self.dialing = 0

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._records.values()))

    def record(self, target: str) -> Record:
        """The record of a target, made if there is none."""
        record = self._records.get(target)
        if record is None:
            record = self._records[target] = Record(target)
        return record

    def keep(self, targets: Iterable[str]) -> None:
        """From now on these targets keep their records and counts, even while they have no pair or attempt."""
        self._keep = frozenset(targets)
        for record in self:
            self._forget(record)

    def addPair(self, pair: LivePair) -> None:
        """A pair has begun."""
        record = self._records.get(pair.target) or self.record(pair.target)
        record.pairs[pair] = None
        record.opened += 1
        self.connections += 1

    def removePair(self, pair: LivePair) -> None:
        """Both connections of a pair are gone. The caller calls L{settle} once it has told of that."""
        record = self._records[pair.target]
        del record.pairs[pair]
        record.bytesIn += pair.bytesIn
        record.bytesOut += pair.bytesOut
        self.connections -= 1
        if not record.pairs and not record.attempts:
            self._forget(record)

    def addAttempt(self, attempt: Abortable) -> None:
        """An attempt has begun."""
        record = self._records.get(attempt.target) or self.record(attempt.target)
        record.attempts[attempt] = None
        self.dialing += 1

    def removeAttempt(self, attempt: Abortable) -> None:
        """An attempt is over, however it ended."""
        record = self._records[attempt.target]
        del record.attempts[attempt]
        self.dialing -= 1
        if not record.pairs and not record.attempts:
            self._forget(record)
        if not self.dialing and not self.connections:
            self.settle()

    def abortPairs(self, target: str, reason: CloseReason) -> int:
        """
        Abort the pairs of a target.

        @return: how many were ended by this, exactly.
        """
        record = self._records.get(target)
        return _abort(record.pairs, reason) if record else 0

    def abortAttempts(self, target: str, reason: CloseReason) -> int:
        """Cancel the attempts of a target; see L{abortPairs}."""
        record = self._records.get(target)
        return _abort(record.attempts, reason) if record else 0

    def whenEmpty(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when no pair and no attempt is left, at once if so now.
        """
        if not self.connections and not self.dialing:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._whenEmpty.remove)
        self._whenEmpty.append(waiting)
        return waiting

    def settle(self) -> None:
        """Fire the Deferreds that L{whenEmpty} gave, if nothing is left."""
        if not self.connections and not self.dialing:
            waiting, self._whenEmpty = self._whenEmpty, []
            for deferred in waiting:
                deferred.callback(None)

    def _forget(self, record: Record) -> None:
        if not record.pairs and not record.attempts and record.target not in self._keep:
            self._records.pop(record.target, None)


def _abort(things: Iterable[Abortable], reason: CloseReason) -> int:
    """Abort over a copy, as that may remove things, and begin others elsewhere."""
    return sum(thing.abort(reason) for thing in tuple(things))
