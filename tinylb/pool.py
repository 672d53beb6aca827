"""A live set of backends: which can be picked, what is known of each, what it carries, and what changes lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from tinylb.backends import BackendSet, Member
from tinylb.decisions import Decisions
from tinylb.events import BackendsReplaced, CloseReason, TargetRemoved, Verdict, VerdictChanged
from tinylb.findings import Finding
from tinylb.interfaces import IPolicy
from tinylb.logs import LogObserver
from tinylb.observers import Observers
from tinylb.registry import Registry
from tinylb.rests import Rests
from tinylb.selection import Selection


class Pool:
    """
    Holds the current set, and ends what belongs to a target when the target leaves the set or is found dead.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1).
    @param onDown: C{"abort"} or C{"keep"}, what becomes of the connections of a dead target.
    @raise ValueError: for any other C{onDown}.
    @raise TypeError: when C{policy} is none.
    @ivar observers: told of all that happens; the log is one of them.
    """

    def __init__(self, clock: IReactorTime, policy: IPolicy, random: Callable[[], float], onDown: str) -> None:
        if not all(hasattr(policy, name) for name in IPolicy):
            raise TypeError(f"the policy is {policy!r}; expected: an IPolicy, such as RoundRobin()")
        if onDown not in ("abort", "keep"):
            raise ValueError(f"onDown is {onDown!r}, not 'abort' or 'keep'")
        self.registry = Registry()
        self.selection = Selection(policy, random, self.registry)
        self.rests = Rests(clock, random, self.judge)
        self._log = LogObserver(clock)
        self._decisions = Decisions(self.selection)
        self.observers = Observers([self._log], organs=(self._decisions, self.rests))
        self._endsTheDead = onDown == "abort"
        self._hasReady = False

    def replace(self, backends: BackendSet) -> None:
        """Make another set the current one. Pairs and attempts of targets that are gone end in the same turn."""
        with self.observers.held():
            change = self.selection.replace(backends)
            if change.distinct:
                self.observers.tell(
                    BackendsReplaced,
                    revision=self.selection.revision,
                    backends=tuple((member.id, member.target) for member in backends.members),
                    added=change.added,
                    removed=change.removed,
                    moved=change.moved,
                    standby=tuple(member.id for member in backends.members if member.isStandby),
                    draining=tuple(member.id for member in backends.members if member.draining),
                    changed=change.changed,
                )
            for target in sorted(change.gone):
                pairs = self.registry.abortPairs(target, CloseReason.TARGET_REMOVED)
                dials = self.registry.abortAttempts(target, CloseReason.TARGET_REMOVED)
                self.observers.tell(TargetRemoved, target, pairs, dials)
            self._tellOfTheDead(self._abortTheDead())

    def judge(self, target: str, finding: Finding, *, by: str) -> bool:
        """
        Take a finding about a target.

        @param by: the source of the finding, which replaces the source's former one.
        @return: whether the target is in the set; if not, the finding is ignored.
        """
        with self.observers.held():
            former = self.selection.finding(target)
            if self.selection.setFinding(target, finding, by):
                counts = self.selection.finding(target)
                pairs = len(self.registry.record(target).pairs)
                others = self._abortTheDead(target)
                ended = others.pop(target, 0)
                if ended or (counts.verdict, counts.why) != (former.verdict, former.why):
                    self._tell(target, former.verdict, ended, pairs - ended)
                self._tellOfTheDead(others)
        return target in self.selection.backends.targets

    def describe(self, *, addsUp: bool = True) -> dict[str, Any]:
        """See L{LoadBalancer.describe <tinylb.LoadBalancer.describe>}."""
        return {
            "ready": self.selection.isUsable(),
            "revision": self.selection.revision,
            "connections": self.registry.connections,
            "backends": [self._describeMember(member, addsUp) for member in self.selection.backends.members],
        }

    def explain(self) -> list[dict[str, str | None]]:
        """See L{LoadBalancer.explain <tinylb.LoadBalancer.explain>}."""
        return self._decisions.explain()

    def suspend(self) -> None:
        """Schedule nothing any more, until L{resume}."""
        self.rests.suspend()
        self._log.close()

    def resume(self) -> None:
        """Schedule again what L{suspend} has stopped."""
        self.rests.resume()

    def _abortTheDead(self, news: str | None = None) -> dict[str, int]:
        """
        Abort what belongs to dead targets, provided that a backend is ready. While none is, they are spared; they are
        aborted as soon as one is ready again.

        @param news: the target whose finding is new; it may be dead.
        """
        hadReady, self._hasReady = self._hasReady, self.selection.ready > 0
        if not self._endsTheDead or not self._hasReady:
            return {}
        ended = {}
        for target in self.selection.dead():
            if target == news or not hadReady:
                ended[target] = self.registry.abortPairs(target, CloseReason.TARGET_DEAD)
                self.registry.abortAttempts(target, CloseReason.TARGET_DEAD)
        return ended

    def _tellOfTheDead(self, ended: dict[str, int]) -> None:
        for target, pairs in ended.items():
            if pairs:
                self._tell(target, Verdict.DEAD, pairs, 0)

    def _tell(self, target: str, former: Verdict, pairs: int, kept: int) -> None:
        counts = self.selection.finding(target)
        ids = self.selection.idsAt(target)
        ready, standby = self.selection.ready, self.selection.readyStandby()
        self.observers.tell(
            VerdictChanged, target, counts.verdict, counts.why, pairs, former, ids, ready, kept, standby
        )

    def _describeMember(self, member: Member, addsUp: bool) -> dict[str, Any]:
        record = self.registry.record(member.target)
        finding = self.selection.findingOf(member)
        pairs = record.pairs if addsUp else ()
        return {
            "id": member.id,
            "target": member.target,
            "state": finding.verdict.value,
            "why": finding.why,
            "since": finding.since,
            "tier": member.tier,
            "weight": member.weight,
            "standby": member.isStandby,
            "proxyProtocol": member.proxyProtocol,
            "connections": len(record.pairs),
            "opened": record.opened,
            "failed": record.failed,
            "bytesIn": record.bytesIn + sum(pair.bytesIn for pair in pairs),
            "bytesOut": record.bytesOut + sum(pair.bytesOut for pair in pairs),
        }
