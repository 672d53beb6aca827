"""The figures of one backend for one scrape, read at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinylb.backends import Member
from tinylb.events import Verdict
from tinylb.metrics.histogram import cumulated
from tinylb.metrics.tallies import Tallies
from tinylb.metrics.tally import ENDS, Tally
from tinylb.pool import Pool
from tinylb.registry import PAIRS_A_TURN, LivePair

_A_BACKEND = 40
"""Reading a backend takes as long as adding up so many connections."""


@dataclass(frozen=True)
class Presence:
    """
    What only a backend of the set has.

    @ivar connections: how many are open at its target.
    """

    target: str
    isStandby: bool
    tier: int
    weight: int
    verdict: Verdict
    connections: int


@dataclass(frozen=True)
class Reading:
    """
    One backend. Histograms are as L{cumulated} gives them.

    @ivar presence: L{None} for a backend that has left the set.
    @ivar closed: in the order of L{ENDS}; C{failures}: in the order of L{DialFailure <tinylb.DialFailure>}.
    """

    id: str
    presence: Presence | None
    picked: float
    opened: float
    bytesIn: float
    bytesOut: float
    dials: Sequence[float]
    failures: Sequence[int]
    closed: Sequence[int]
    durations: Sequence[float]


def readings(pool: Pool, tallies: Tallies) -> Iterator[Reading | None]:
    """
    The backends of the set, then those that have left it. L{None} comes in between where there was much to add up, so
    that others have their turns. The bytes of open connections may be read a little later than the rest, never sooner,
    so that no counter falls from one scrape to the next.
    """
    spent = 0
    both = ((tallies.present(), pool.selection.backends.members), (list(tallies.departed()), ()))
    for group, members in both:
        of = {member.id: member for member in members}
        for tally in group:
            reader = _Reader(pool, tally, of.get(tally.id))
            for batch in reader.batches:
                spent += _A_BACKEND + len(batch)
                if spent > PAIRS_A_TURN:
                    yield None
                    spent = len(batch)
                reader.add(batch)
            yield reader.reading()


class _Reader:
    """Reads all counts of a backend at once, and then adds up the connections that were open at that moment."""

    def __init__(self, pool: Pool, tally: Tally, member: Member | None) -> None:
        pairs: tuple[LivePair, ...] = () if tally.record is None else tuple(tally.record.pairs)
        self.batches = [pairs[start : start + PAIRS_A_TURN] for start in range(0, max(1, len(pairs)), PAIRS_A_TURN)]
        self._id = tally.id
        self._numbers = tally.numbers(0, 0)
        self._bytesIn = self._bytesOut = 0
        self._failures = tuple(tally.failures.values())
        self._closed = tuple(tally.closed[reason] for reason in ENDS)
        self._durations = cumulated(tally.durations.counts, tally.durations.sum)
        self._presence = None if member is None else _presence(pool, member, len(pairs))

    def add(self, pairs: Sequence[LivePair]) -> None:
        for pair in pairs:
            self._bytesIn += pair.bytesIn
            self._bytesOut += pair.bytesOut

    def reading(self) -> Reading:
        picked, opened, bytesIn, bytesOut, seconds, *times = self._numbers
        return Reading(
            id=self._id,
            presence=self._presence,
            picked=picked,
            opened=opened,
            bytesIn=bytesIn + self._bytesIn,
            bytesOut=bytesOut + self._bytesOut,
            dials=cumulated([int(count) for count in times], seconds),
            failures=self._failures,
            closed=self._closed,
            durations=self._durations,
        )


def _presence(pool: Pool, member: Member, connections: int) -> Presence:
    verdict = pool.selection.findingOf(member).verdict
    return Presence(member.target, member.isStandby, member.tier, member.weight, verdict, connections)
