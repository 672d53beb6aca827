"""Who can be picked now: the current set, grouped by what is known of its targets, under a policy."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, cast

from zope.interface import implementer

from tinylb.backends import BackendSet, Member
from tinylb.events import Verdict
from tinylb.interfaces import IBackend, ICandidate, IPolicy
from tinylb.registry import Record, Registry


@dataclass(frozen=True)
class Finding:
    """What is known of a target's health, and why."""

    verdict: Verdict = Verdict.READY
    why: str = ""


@implementer(ICandidate)
class Candidate:
    """A member of the set as dialer and policy see it, with what lives at its target."""

    __slots__ = ("backend", "id", "record", "target", "weight")

    def __init__(self, member: Member, backend: IBackend, record: Record) -> None:
        self.id = member.id
        self.target = member.target
        self.weight = member.weight
        self.backend = backend
        self.record = record

    @property
    def connections(self) -> int:
        """How many connections to the target are open."""
        return len(self.record.pairs)


class Change(NamedTuple):
    """What a new set changed: see L{tinylb.events.BackendsReplaced}.

    @ivar gone: the targets that are in it no longer."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, str, str], ...]
    gone: frozenset[str]
    distinct: bool


class Selection:
    """
    Holds the current set, what is known of its targets and the policy's state. The order in which
    candidates are preferred is worked out when something changes, never at a pick.

    @ivar backends: the current set.
    @ivar revision: how many distinct sets there have been.
    """

    def __init__(self, policy: IPolicy, random: Callable[[], float], registry: Registry) -> None:
        self.backends = BackendSet()
        self.revision = 0
        self._policy = policy
        self._state: Any = policy.start(random)
        self._registry = registry
        self._findings: dict[str, Finding] = {}
        self._groups: list[list[Candidate]] = []

    def replace(self, backends: BackendSet) -> Change:
        """Make another set the current one."""
        old, self.backends = self.backends, backends
        change = _compare(old, backends, first=self.revision == 0)
        self.revision += change.distinct
        for target in change.gone:
            self._findings.pop(target, None)
        self._registry.keep(backends.targets)
        self._regroup()
        return change

    def setFinding(self, target: str, finding: Finding) -> bool:
        """
        Remember what was found out about a target of the current set.

        @return: whether that is news.
        """
        if target not in self.backends.targets or self.finding(target) == finding:
            return False
        self._findings[target] = finding
        self._regroup()
        return True

    def finding(self, target: str) -> Finding:
        """What is known of a target; it is ready until something else is known."""
        return self._findings.get(target, Finding())

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
        """The targets that are known to be dead."""
        return frozenset(target for target, found in self._findings.items() if found.verdict is Verdict.DEAD)

    def pick(self, without: Collection[str], usable: Callable[[Candidate], bool]) -> Candidate | None:
        """
        The next backend by the policy, from the best group that has one.

        @param without: targets that are out of the question.
        @param usable: asked of each remaining candidate.
        """
        for group in self._groups:
            if not without:  # the first pick for a client, nearly always the only one
                choice, state = self._policy.pick(group, self._state)
                if usable(cast(Candidate, choice)):
                    self._state = state
                    return cast(Candidate, choice)
            candidates = [each for each in group if each.target not in without and usable(each)]
            if candidates:
                choice, self._state = self._policy.pick(candidates, self._state)
                return cast(Candidate, choice)
        return None

    def remain(self, without: Collection[str]) -> bool:
        """Whether there is a candidate besides the targets C{without}."""
        return any(each.target not in without for group in self._groups for each in group)

    def _regroup(self) -> None:
        """Better verdicts first, and within one the lower tiers; who is draining gets nobody."""
        preference = list(Verdict)

        def rank(member: Member) -> tuple[int, int]:
            return preference.index(self.findingOf(member).verdict), member.tier

        eligible = [
            member for member in self.backends.members if self.findingOf(member).verdict is not Verdict.DRAINING
        ]
        self._groups = [
            [Candidate(each, self.backends[each.id], self._registry.record(each.target)) for each in group]
            for _, group in groupby(sorted(eligible, key=rank), key=rank)
        ]


def _compare(old: BackendSet, new: BackendSet, first: bool) -> Change:
    before = {member.id: member.target for member in old.members}
    after = {member.id: member.target for member in new.members}
    return Change(
        added=tuple((id, target) for id, target in after.items() if id not in before),
        removed=tuple((id, target) for id, target in before.items() if id not in after),
        moved=tuple((id, before[id], after[id]) for id in after if id in before and before[id] != after[id]),
        gone=old.targets - new.targets,
        distinct=first or old.members != new.members,
    )
