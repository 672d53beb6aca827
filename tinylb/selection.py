"""Which backends can be picked now: the current set, grouped by what is known of its targets, under a policy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from tinylb.backends import BackendSet, Member
from tinylb.events import Verdict
from tinylb.findings import Finding, Findings
from tinylb.interfaces import IPolicy
from tinylb.ranking import Candidate, Ranking, Reasons
from tinylb.registry import Registry
from tinylb.standings import Standings
from tinylb.wording import timestamp


class Change(NamedTuple):
    """What a new set changed: see L{tinylb.events.BackendsReplaced}.

    @ivar gone: the targets that have left the set, or only stand by now."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, str, str], ...]
    gone: frozenset[str]
    distinct: bool
    changed: tuple[tuple[str, str], ...] = ()


class Selection:
    """
    Holds the current set, what is known of its targets and the policy's state. The order in which candidates are
    preferred is worked out once after a change, and not at each pick.

    @ivar backends: the current set.
    @ivar revision: how many distinct sets there have been.
    @ivar ready: how many backends are ready.
    """

    def __init__(self, policy: IPolicy, random: Callable[[], float], registry: Registry) -> None:
        self.backends = BackendSet()
        self.revision = 0
        self.ready = 0
        self._policy = policy
        self._state: Any = policy.start(random)
        self._registry = registry
        self._findings = Findings()
        self._ids: dict[str, tuple[str, ...]] = {}
        self._groups: list[list[Candidate]] | None = None
        self._standings = Standings()
        self._replacedAt = self._changedAt = ""

    def replace(self, backends: BackendSet) -> Change:
        """Make another set the current one."""
        old, self.backends = self.backends, backends
        change = _compare(old, backends, first=self.revision == 0)
        self.revision += change.distinct
        self._findings.forget(old.targets - backends.targets)
        self._registry.keep(backends.targets)
        ids: dict[str, list[str]] = {}
        for member in backends.members:
            ids.setdefault(member.target, []).append(member.id)
        self._ids = {target: tuple(each) for target, each in ids.items()}
        self.ready = sum(self.findingOf(member).verdict is Verdict.READY for member in backends.members)
        self._groups = None
        if change.distinct:
            self._replacedAt = self._changedAt = timestamp()
        return change

    def readyStandby(self) -> int:
        """How many of the ready backends only stand by."""
        members = self.backends.members
        return sum(each.isStandby and self.findingOf(each).verdict is Verdict.READY for each in members)

    def idsAt(self, target: str) -> tuple[str, ...]:
        """The ids of the backends that lead to a target."""
        return self._ids.get(target, ())

    def setFinding(self, target: str, finding: Finding, by: str = "") -> bool:
        """
        Remember what was found out about a target of the current set.

        @param by: the source. The latest finding of each source is kept, and the worst of them counts.
        @return: whether what counts has changed.
        """
        if target not in self._ids:
            return False
        former = self.finding(target)
        if not self._findings.set(target, by, finding):
            return False
        counts = self.finding(target)
        if counts.rank != former.rank:
            self._changedAt = counts.ranked or ""
        if counts.verdict is not former.verdict:
            count = sum(not self.backends[id].draining for id in self._ids[target])
            self.ready += count * ((counts.verdict is Verdict.READY) - (former.verdict is Verdict.READY))
        self._groups = None
        return True

    def finding(self, target: str) -> Finding:
        """What is known of a target; it is ready until something else is known."""
        return self._findings.of(target)

    def findingOf(self, member: Member) -> Finding:
        """What is known of a member: its target's finding, unless it is itself draining."""
        if member.draining:
            return Finding(Verdict.DRAINING, "the provider says so")
        return self.finding(member.target)

    def isUsable(self) -> bool:
        """Whether there is a backend that can be expected to serve."""
        usable = (Verdict.READY, Verdict.RESTING)
        return any(self.findingOf(member).verdict in usable for member in self.backends.members)

    def dead(self) -> frozenset[str]:
        """The targets whose connections are to end, provided that a backend is ready."""
        return self._findings.dead()

    @property
    def standings(self) -> Standings:
        """Which backends get the picks at present, and which are passed over."""
        if self._groups is None:
            self._rank()
        return self._standings

    def pick(self, without: Collection[str], usable: Callable[[Candidate], bool]) -> Candidate | None:
        """
        The next backend by the policy, from the best group that has one.

        @param without: targets that must not be picked.
        @param usable: asked of each remaining candidate.
        """
        groups = self._groups
        if groups is None:
            groups = self._rank()
        for group in groups:
            if not without:  # the first pick for a client, nearly always the only one
                choice, state = self._policy.pick(group, self._state)
                if usable(cast(Candidate, choice)):
                    self._state = state
                    return self._picked(cast(Candidate, choice))
            candidates = [each for each in group if each.target not in without and usable(each)]
            if candidates:
                choice, self._state = self._policy.pick(candidates, self._state)
                return self._picked(cast(Candidate, choice))
        return None

    def remain(self, without: Collection[str], usable: Callable[[Candidate], bool] | None = None) -> bool:
        """Whether there is a candidate, C{usable} if that is given, besides the targets C{without}."""
        groups = self._rank() if self._groups is None else self._groups
        return any(
            each.target not in without and (usable is None or usable(each)) for group in groups for each in group
        )

    def _picked(self, choice: Candidate) -> Candidate:
        self._standings.picked(choice.id)
        return choice

    def _rank(self) -> list[list[Candidate]]:
        members = self.backends.members
        ranking = Ranking(((member, self.findingOf(member)) for member in members), self._candidate)
        self._groups = ranking.groups
        first = ranking.groups[0] if ranking.groups else []
        if first:
            rank, why = (self.finding(first[0].target).rank, first[0].tier), self._whyFirst(first)
        else:
            rank, why = (0, 0), ""
        preferred = [(each.id, each.target) for each in first]
        self._standings.ranked(preferred, rank, why, self._behind(ranking.behind, first), self._changedAt)
        return ranking.groups

    def _candidate(self, member: Member, isLastResort: bool, behind: Reasons) -> Candidate:
        record = self._registry.record(member.target)
        return Candidate(member, self.backends[member.id], record, isLastResort, behind)

    def _whyFirst(self, first: Sequence[Candidate]) -> str:
        # Those whose rest is over are among the ready ones.
        isReady = any(self.finding(each.target).verdict is Verdict.READY for each in first)
        verdict = Verdict.READY if isReady else self.finding(first[0].target).verdict
        return f"{verdict.value}, tier {first[0].tier}"

    def _behind(self, behind: Reasons, first: Collection[Candidate]) -> Iterator[tuple[str, str, str, str]]:
        if not behind:
            return
        # A backend is passed over once it is worse than others, or others have become better.
        since = max(self._replacedAt, self._rankedSince(first))
        for id, why in behind:
            target = self.backends[id].target
            yield id, target, why, max(since, self.finding(target).ranked or "")

    def _rankedSince(self, first: Iterable[Candidate]) -> str:
        """Since when one of these candidates has been where it is; empty if it has always been there."""
        moments = []
        for each in first:
            moment = self.finding(each.target).ranked
            if moment is None:
                return ""
            moments.append(moment)
        return min(moments, default="")


def _compare(old: BackendSet, new: BackendSet, first: bool) -> Change:
    before = {member.id: member for member in old.members}
    after = {member.id: member for member in new.members}
    stayed = [(before[id], member) for id, member in after.items() if id in before]
    return Change(
        added=tuple((id, member.target) for id, member in after.items() if id not in before),
        removed=tuple((id, member.target) for id, member in before.items() if id not in after),
        moved=tuple((new.id, old.target, new.target) for old, new in stayed if old.target != new.target),
        changed=tuple((new.id, new.difference(old)) for old, new in stayed if old.target == new.target and old != new),
        gone=(old.targets - new.targets) | (old.standing - new.standing),
        distinct=first or old.members != new.members,
    )
