"""The measurements of a run, their medians and ratios, and the file that keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.works.base import Sample

SUBJECT = "tinylb"


@dataclass(frozen=True)
class Measurement:
    """A sample, with the round, work and peer that it belongs to."""

    round: int
    work: str
    peer: str
    sample: Sample


@dataclass
class Results:
    """
    All results of a run.

    @ivar about: the machine and the options.
    @ivar versions: of all that took part, with their names.
    @ivar notes: what was left out, and what went wrong.
    """

    about: dict[str, Any] = field(default_factory=dict)
    versions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    def addVersions(self, versions: Iterable[str]) -> None:
        """Add versions that are not there yet."""
        for version in versions:
            if version not in self.versions:
                self.versions.append(version)

    def note(self, what: str) -> None:
        """Add a note, if it is not there yet."""
        if what not in self.notes:
            self.notes.append(what)

    def values(self, figure: str, peer: str) -> dict[int, float]:
        """The figure of a peer, by round."""
        return {
            each.round: each.sample.figures[figure]
            for each in self.measurements
            if each.peer == peer and figure in each.sample.figures
        }

    def middle(self, figure: str, peer: str) -> float | None:
        """The median over the rounds; L{None} if there are no values."""
        values = self.values(figure, peer)
        return median(values.values()) if values else None

    def ratio(self, figure: str, peer: str, other: str) -> float | None:
        """
        The figure of one peer divided by that of the other: the median over the rounds of the ratio inside a round,
        which is steadier than the figures are.
        """
        ours, theirs = self.values(figure, peer), self.values(figure, other)
        ratios = [ours[round] / theirs[round] for round in ours.keys() & theirs.keys() if theirs[round] > 0]
        return median(ratios) if ratios else None

    def write(self, path: Path) -> None:
        """Write everything as JSON, with a line for each measurement."""
        kept = asdict(self)
        measurements = ",\n".join(map(json.dumps, kept.pop("measurements")))
        head = json.dumps(kept, indent=1).removesuffix("\n}")
        path.write_text(f'{head},\n "measurements": [\n{measurements}\n ]\n}}\n')

    @classmethod
    def read(cls, path: Path) -> Results:
        """Read what L{write} has written."""
        kept = json.loads(path.read_text())
        measurements = [
            Measurement(each["round"], each["work"], each["peer"], Sample(**each["sample"]))
            for each in kept.pop("measurements")
        ]
        return cls(**kept, measurements=measurements)
