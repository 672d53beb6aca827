"""The text of a scrape, in parts. This, and what it imports, needs prometheus-client."""

from __future__ import annotations

from collections.abc import Iterator

from tinylb.metrics.families import backendFamilies
from tinylb.metrics.general import generalFamilies
from tinylb.metrics.lines import Labels, text
from tinylb.metrics.reading import Reading, readings
from tinylb.metrics.sources import Sources

FILLED_A_PART = 100
"""How many times a backend's lines of a family are filled in for one part; it takes about 0.3 ms."""


class Page:
    """
    Writes the text of a scrape.

    @param sources: where its figures come from.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._families = backendFamilies()
        self._labels = Labels()

    def parts(self) -> Iterator[bytes]:
        """See L{Metrics.expose <tinylb.metrics.Metrics.expose>}."""
        known: list[Reading] = []
        for reading in readings(self._sources.service.balancer.pool, self._sources.tallies):
            if reading is None:
                yield b""
            else:
                known.append(reading)
        yield text(generalFamilies(self._sources, known))
        self._labels.begin()
        part, filled = [], 0
        for family in self._families:
            part.append(family.shape.header)
            for reading in known:
                values = family.values(reading, self._labels)
                if values is not None:
                    part.append(family.shape.fill(self._labels.of(reading.id), values))
                filled += 1
                if filled == FILLED_A_PART:
                    yield "".join(part).encode()
                    part, filled = [], 0
        yield "".join(part).encode()
