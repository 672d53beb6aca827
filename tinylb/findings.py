"""What each source has found out about the health of targets, and which finding counts when they differ."""

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

    @ivar isDue: for a resting target: its rest is over, and it has its turns again, for one client at a time.
    @ivar isSparing: for a dead target: its open connections stay for now, as no other target is known to serve.
    @ivar since: since when the verdict has been this one; ISO 8601, UTC.
    @ivar ranked: since when the rank has been this one, likewise; L{None} if it has never been another.
    """

    verdict: Verdict = Verdict.READY
    why: str = ""
    isDue: bool = False
    isSparing: bool = False
    since: str | None = field(default=None, compare=False)
    ranked: str | None = field(default=None, compare=False)

    @property
    def rank(self) -> int:
        """How much it is preferred; 0 is best."""
        return 0 if self.isDue else _PREFERENCE[self.verdict]


UNKNOWN = Finding()
"""A target of which nothing is known is expected to serve."""


class Findings:
    """
    What each source (dials, checks, the application) has found, by target. The worst finding counts: a backend that
    answers checks may refuse clients, or the other way round.
    """

    def __init__(self) -> None:
        self._said: dict[str, dict[str, Finding]] = {}
        self._counts: dict[str, Finding] = {}

    def of(self, target: str) -> Finding:
        """The finding that counts for a target."""
        return self._counts.get(target, UNKNOWN)

    def set(self, target: str, by: str, finding: Finding) -> bool:
        """
        Take what a source has found, in place of what it said before.

        @return: whether the finding that counts has changed.
        """
        former = self.of(target)
        said = self._said.setdefault(target, {})
        said.pop(by, None)
        said[by] = finding
        # Of several findings that are equally bad, the latest counts.
        worst = max(reversed(said.values()), key=lambda each: (_PREFERENCE[each.verdict], not each.isDue))
        now = timestamp()
        since = former.since if former.verdict is worst.verdict else None
        ranked = former.ranked if former.rank == worst.rank else now
        self._counts[target] = replace(worst, since=since or now, ranked=ranked)
        return worst != former

    def forget(self, targets: Iterable[str]) -> None:
        """Forget targets that are gone. If they come back, nothing is known of them."""
        for target in targets:
            self._said.pop(target, None)
            self._counts.pop(target, None)

    def dead(self) -> frozenset[str]:
        """The targets that are dead, and whose connections are not to be spared."""
        return frozenset(
            target for target, found in self._counts.items() if found.verdict is Verdict.DEAD and not found.isSparing
        )
