"""What is counted for one backend id, through all changes of its target."""

from __future__ import annotations

from collections.abc import Sequence

from tinylb.backends import Member
from tinylb.events import CloseReason, DialFailed, DialFailure, PairClosed
from tinylb.metrics.histogram import Histogram
from tinylb.registry import Record

DURATIONS = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0)
"""The upper bounds of the buckets for the duration of connections, in seconds."""

_CLIENTS_ONLY = frozenset(
    (CloseReason.NO_BACKENDS, CloseReason.DIAL_FAILED, CloseReason.DIAL_TIMEOUT, CloseReason.CLIENT_LIMIT)
)
ENDS = tuple(reason for reason in CloseReason if reason not in _CLIENTS_ONLY)
"""Why a pair may end; the other reasons are for clients that got no backend."""


class Tally:
    """
    The counts of one id. None of them ever falls.

    There are two kinds of counts. Events name an id, and are counted here: failed attempts, ends, durations. What
    happens too often for events is counted at the target, in its L{Record}: attempts, dial times, opened connections,
    bytes. Of these an id gets what its target counts while the id leads there. When it changes to another target it
    keeps what it has, and goes on from there. Two ids that lead to the same target at the same time both get what is
    counted there meanwhile, as in L{LoadBalancer.describe <tinylb.LoadBalancer.describe>}.

    @ivar id: the backend's.
    @ivar member: what the set says of it; L{None} while it is not in the set.
    @ivar record: of the target that the id leads to, or last led to; L{None} once another id leads there instead.
    @ivar leftAt: since when the id is not in the set; L{None} while it is.
    """

    __slots__ = ("_base", "_past", "closed", "durations", "failures", "id", "leftAt", "member", "record")

    def __init__(self, id: str) -> None:
        self.id = id
        self.member: Member | None = None
        self.record: Record | None = None
        self.leftAt: float | None = None
        self.closed = dict.fromkeys(CloseReason, 0)
        self.failures = dict.fromkeys(DialFailure, 0)
        self.durations = Histogram(DURATIONS)
        self._past: Sequence[float] | None = None
        self._base: Sequence[float] | None = None

    def pairClosed(self, event: PairClosed) -> None:
        """One of its connections has ended."""
        self.closed[event.reason] += 1
        self.durations.add(event.duration)

    def dialFailed(self, event: DialFailed) -> None:
        """An attempt to reach it has failed."""
        self.failures[event.kind] += 1

    def follow(self, record: Record | None, isKnown: bool) -> None:
        """
        From now on the id leads to this target, or to none.

        @param isKnown: whether what was counted there so far belongs to another id.
        """
        if record is self.record:
            return
        if self.record is not None:
            live = sumOf(self.record)
            self._past = self.numbers(*live)
        self.record = record
        self._base = None if record is None or not isKnown else _numbers(record, *sumOf(record))

    def numbers(self, bytesIn: int, bytesOut: int) -> Sequence[float]:
        """
        This id's part of the targets' counts: attempts, opened connections, bytes from clients, bytes from the
        backend, seconds of dialling, and the counts of L{Record.dialTimes}.

        @param bytesIn: of the connections that are open; C{bytesOut} likewise.
        """
        if self.record is None:
            return self._past or NOTHING
        numbers = _numbers(self.record, bytesIn, bytesOut)
        if self._base is not None:
            numbers = [number - base for number, base in zip(numbers, self._base, strict=True)]
        if self._past is not None:
            numbers = [past + number for past, number in zip(self._past, numbers, strict=True)]
        return numbers


def sumOf(record: Record) -> tuple[int, int]:
    """The bytes that the open connections of a target have moved so far, both ways."""
    return sum(pair.bytesIn for pair in record.pairs), sum(pair.bytesOut for pair in record.pairs)


def _numbers(record: Record, bytesIn: int, bytesOut: int) -> list[float]:
    return [
        record.picked,
        record.opened,
        record.bytesIn + bytesIn,
        record.bytesOut + bytesOut,
        record.dialSeconds,
        *record.dialTimes,
    ]


NOTHING = _numbers(Record(""), 0, 0)
