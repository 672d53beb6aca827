"""What is known of the health of targets, who found it out, and what counts when they differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tinylb.events import Verdict
from tinylb.wording import timestamp

_PREFERENCE = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True)
class Finding:
    """
    What is known of a target's health, and why.

    @ivar isDue: of a resting target, whether its rest is over: it has its turn again, for one client at a time.
    @ivar isSparing: of a dead target, that its open connections had better stay for now: nobody else is known to serve.
    @ivar since: when the verdict was first this one; ISO 8601, UTC.
    """

    verdict: Verdict = Verdict.READY
    why: str = ""
    isDue: bool = False
    isSparing: bool = False
    since: str | None = field(default=None, compare=False)

    @property
    def rank(self) -> int:
        """How much it is preferred; 0 is best."""
        return 0 if self.isDue else _PREFERENCE[self.verdict]


UNKNOWN = Finding()
"""Who nothing is known of is expected to serve."""


class Findings:
    """
    By target, what each source has found: the dials, the checks, the application itself. The worst of it counts; a
    backend that answers checks may refuse clients, or the other way round.
    """

    def __init__(self) -> None:
        self._said: dict[str, dict[str, Finding]] = {}
        self._counts: dict[str, Finding] = {}

    def of(self, target: str) -> Finding:
        """What counts."""
        return self._counts.get(target, UNKNOWN)

    def set(self, target: str, by: str, finding: Finding) -> bool:
        """
        A source has found something out, instead of what it said before.

        @return: whether something else counts now.
        """
        former = self.of(target)
        said = self._said.setdefault(target, {})
        said.pop(by, None)
        said[by] = finding
        # Of several that are as bad, the latest.
        worst = max(reversed(said.values()), key=lambda each: (_PREFERENCE[each.verdict], not each.isDue))
        since = former.since if former.verdict is worst.verdict else None
        self._counts[target] = replace(worst, since=since or timestamp())
        return worst != former

    def forget(self, targets: Iterable[str]) -> None:
        """They are gone; if they come back, they are like new."""
        for target in targets:
            self._said.pop(target, None)
            self._counts.pop(target, None)

    def dead(self) -> frozenset[str]:
        """The targets that are dead, and not to be spared."""
        return frozenset(
            target for target, found in self._counts.items() if found.verdict is Verdict.DEAD and not found.isSparing
        )
