"""Remembers the balancer's latest decisions and the reasons for them."""

from __future__ import annotations

from collections import deque
from heapq import merge

from zope.interface import implementer

from tinylb.events import BackendsReplaced, Event, TargetRemoved, VerdictChanged
from tinylb.interfaces import ISelectiveObserver
from tinylb.selection import Selection
from tinylb.standings import PassedOver, Preferred
from tinylb.wording import counted, timestamp

MOST = 200
"""How many decisions are remembered."""


@implementer(ISelectiveObserver)
class Decisions:
    """Remembers the changes of sets and verdicts, and not every pick."""

    kinds = frozenset((BackendsReplaced, TargetRemoved, VerdictChanged))

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._latest: deque[dict[str, str | None]] = deque(maxlen=MOST)
        self._another: dict[str, dict[str, str | None]] = {}

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if isinstance(event, BackendsReplaced):
            number = f"set {event.revision}"
            for id, target in event.added:
                self._add(id, target, "added", f"it is in {number}")
            for id, target in event.removed:
                self._another.pop(id, None)
                self._add(id, target, "removed", f"it is not in {number}")
            for id, former, target in event.moved:
                self._add(id, target, "moved", f"it was at {former} before {number}")
            targets = dict(event.backends)
            for id, what in event.changed:
                self._add(id, targets[id], "changed", f"{what} since {number}")
        elif isinstance(event, TargetRemoved):
            if event.pairs or event.dials:
                ended = f"{counted(event.pairs, 'connection')} ended, {counted(event.dials, 'dial')} cancelled"
                self._add(None, event.target, "target removed", ended)
        elif isinstance(event, VerdictChanged):
            ended = f"; {counted(event.pairs, 'connection')} ended" if event.pairs else ""
            for id in event.backends:
                self._forgetOther(id)
                self._add(id, event.target, event.verdict.value, event.why + ended)
                if event.verdict is event.former:
                    self._another[id] = self._latest[0]

    def explain(self) -> list[dict[str, str | None]]:
        """See L{LoadBalancer.explain <tinylb.LoadBalancer.explain>}."""
        standings = self._selection.standings
        picked = [
            _decision(each.since, each.backend, each.target, "picked", f"{each.why}, {_among(each)} since")
            for each in standings.preferred()
        ]
        passedOver = [
            _decision(each.since, each.backend, each.target, "passed over", f"{each.why}; {_without(each)} since")
            for each in standings.passedOver()
        ]
        present = sorted((*passedOver, *picked), key=_time, reverse=True)
        # The decisions stay in their order, even where somebody has set the wall clock back.
        return list(merge(present, self._latest, key=_time, reverse=True))

    def _forgetOther(self, backend: str) -> None:
        """
        Forget the last decision that only gave another reason for the same verdict: each check may give another. When
        the verdict came about, and why, stays remembered.
        """
        other = self._another.pop(backend, None)
        if other is not None and other in self._latest:
            self._latest.remove(other)

    def _add(self, backend: str | None, target: str, what: str, why: str) -> None:
        self._latest.appendleft(_decision(timestamp(), backend, target, what, why))


def _decision(time: str, backend: str | None, target: str, what: str, why: str) -> dict[str, str | None]:
    return {"time": time, "backend": backend, "target": target, "what": what, "why": why}


def _time(decision: dict[str, str | None]) -> str:
    return decision["time"] or ""


def _among(preferred: Preferred) -> str:
    others = f"one of {preferred.among}" if preferred.among > 1 else "the only one"
    return f"{others}; {preferred.picks} of {counted(preferred.all, 'pick')}"


def _without(passedOver: PassedOver) -> str:
    return f"{counted(passedOver.picks, 'pick')} without it"
