"""The bytes that a backend has relayed. Those of open connections are added up, of which there may be many."""

from __future__ import annotations

from collections.abc import Iterator

from tinylb.metrics.tally import Tally
from tinylb.registry import PAIRS_A_TURN, LivePair


class Relayed:
    """
    Reads the counts of a backend at once, then adds up the connections that were open at that moment. So no byte is
    missed or counted twice where a connection ends meanwhile. The bytes of open connections may be read a little later
    than the rest, never sooner, so that no counter falls from one scrape to the next.

    @ivar bytesIn: from clients; C{bytesOut}: from the backend. They are whole when L{addUp} has come to its end.
    """

    def __init__(self, tally: Tally) -> None:
        self._pairs: tuple[LivePair, ...] = () if tally.record is None else tuple(tally.record.pairs)
        _, _, self.bytesIn, self.bytesOut, *_ = tally.numbers(0, 0)

    def addUp(self) -> Iterator[int]:
        """Add up the connections, in steps of about a millisecond at the most. Each tells how many it added up."""
        for start in range(0, len(self._pairs), PAIRS_A_TURN):
            pairs = self._pairs[start : start + PAIRS_A_TURN]
            for pair in pairs:
                self.bytesIn += pair.bytesIn
                self.bytesOut += pair.bytesOut
            yield len(pairs)
        self._pairs = ()
