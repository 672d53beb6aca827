"""The text of a scrape, in parts. This, and what it imports, needs prometheus-client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence

from tinylb.events import Verdict
from tinylb.metrics.families import backendFamilies, relayedShape
from tinylb.metrics.general import generalFamilies
from tinylb.metrics.lines import Labels, text
from tinylb.metrics.relayed import Relayed
from tinylb.metrics.sources import Sources
from tinylb.registry import PAIRS_A_TURN

FILLED_A_PART = 100
"""How many times a backend's lines of a family are filled in for one part; it takes about 0.3 ms."""

_PAIRS_A_FILLING = PAIRS_A_TURN // FILLED_A_PART
_VERDICTS_A_PART = 1000


class Page:
    """
    Writes the text of a scrape. Each figure is read when its line is written: so what a client leaves unread holds no
    memory but its backends' ids, and a scrape that takes long has newer figures towards its end.

    @param sources: where its figures come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._selection = sources.service.balancer.pool.selection
        self._labels = Labels()
        self._families = backendFamilies(self._selection, self._labels)
        self._relayed = relayedShape()

    def parts(self) -> Iterator[bytes]:
        """See L{Metrics.expose <tinylb.metrics.Metrics.expose>}."""
        ids = self._sources.tallies.ids()
        states = yield from self._states()
        yield text(generalFamilies(self._sources, states))
        self._labels.begin()
        part, work = [], 0
        for lines, cost in self._lines(ids):
            part.append(lines)
            work += cost
            if work >= FILLED_A_PART:
                work = 0
                if lines:
                    yield "".join(part).encode()
                    part = []
                else:
                    yield b""  # in the middle of a sum, which is not left to a client that does not read
        yield "".join(part).encode()

    def _states(self) -> Generator[bytes, None, Counter[Verdict]]:
        """
        @return: how many backends of the set are in each state.
        """
        states: Counter[Verdict] = Counter()
        members = self._selection.backends.members
        for start in range(0, len(members), _VERDICTS_A_PART):
            if start:
                yield b""
            batch = members[start : start + _VERDICTS_A_PART]
            states.update(self._selection.findingOf(member).verdict for member in batch)
        return states

    def _lines(self, ids: Sequence[str]) -> Iterator[tuple[str, int]]:
        """
        The lines of these backends.

        @return: lines, if there are any, and what they cost: one for each time that a backend's were filled in.
        """
        for family in self._families:
            yield family.shape.header, 0
            for id in ids:
                tally = self._sources.tallies.known(id)
                values = None if tally is None else family.values(tally)
                yield "" if values is None else family.shape.fill(self._labels.of(id), values), 1
        yield self._relayed.header, 0
        for id in ids:
            tally = self._sources.tallies.known(id)
            if tally is not None:
                relayed = Relayed(tally)
                for pairs in relayed.addUp():
                    yield "", pairs // _PAIRS_A_FILLING
                yield self._relayed.fill(self._labels.of(id), (relayed.bytesIn, relayed.bytesOut)), 1
