"""Who can be picked now: the current set, grouped by what is known of its targets, under a policy."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any, NamedTuple, cast

from zope.interface import implementer

from tinylb.backends import BackendSet, Member
from tinylb.events import Verdict
from tinylb.findings import Finding, Findings
from tinylb.interfaces import IBackend, ICandidate, IPolicy
from tinylb.registry import Record, Registry
from tinylb.wording import timestamp

Reasons = tuple[tuple[str, str], ...]
"""Why certain backends are not picked, by id."""


@implementer(ICandidate)
class Candidate:
    """
    A member of the set as dialer and policy see it, with what lives at its target.

    @ivar isLastResort: whether it is known not to serve: not ready, or dead.
    @ivar passedOver: see L{tinylb.events.BackendPicked}.
    """

    __slots__ = ("backend", "id", "isLastResort", "passedOver", "record", "target", "weight")

    def __init__(
        self, member: Member, backend: IBackend, record: Record, isLastResort: bool, passedOver: Reasons
    ) -> None:
        self.id = member.id
        self.target = member.target
        self.weight = member.weight
        self.backend = backend
        self.record = record
        self.isLastResort = isLastResort
        self.passedOver = passedOver

    @property
    def connections(self) -> int:
        """How many connections to the target are open, or are being opened: clients may come all at once."""
        return len(self.record.pairs) + len(self.record.attempts)


class PassedOver(NamedTuple):
    """A backend that others are preferred to.

    @ivar since: for how long; ISO 8601, UTC.
    @ivar picks: how many there have been since then."""

    backend: str
    target: str
    since: str
    why: str
    picks: int


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
        self._findings = Findings()
        self._groups: list[list[Candidate]] = []
        self._picks = 0
        self._passedOver: dict[str, PassedOver] = {}

    def replace(self, backends: BackendSet) -> Change:
        """Make another set the current one."""
        old, self.backends = self.backends, backends
        change = _compare(old, backends, first=self.revision == 0)
        self.revision += change.distinct
        self._findings.forget(change.gone)
        self._registry.keep(backends.targets)
        self._regroup()
        return change

    def setFinding(self, target: str, finding: Finding, by: str = "") -> bool:
        """
        Remember what was found out about a target of the current set.

        @param by: who says so. What different sources say stands side by side, and the worst counts.
        @return: whether that is news.
        """
        if target not in self.backends.targets or not self._findings.set(target, by, finding):
            return False
        self._regroup()
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

    def ready(self) -> int:
        """How many backends are ready."""
        return sum(self.findingOf(member).verdict is Verdict.READY for member in self.backends.members)

    def dead(self) -> frozenset[str]:
        """The targets whose connections are to end, if there is anything better."""
        return self._findings.dead()

    def passedOver(self) -> list[PassedOver]:
        """Who is passed over at present."""
        return [each._replace(picks=self._picks - each.picks) for each in self._passedOver.values()]

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
                    return self._picked(cast(Candidate, choice))
            candidates = [each for each in group if each.target not in without and usable(each)]
            if candidates:
                choice, self._state = self._policy.pick(candidates, self._state)
                return self._picked(cast(Candidate, choice))
        return None

    def remain(self, without: Collection[str], usable: Callable[[Candidate], bool] | None = None) -> bool:
        """Whether there is a candidate besides the targets C{without}, and a usable one."""
        return any(
            each.target not in without and (usable is None or usable(each)) for group in self._groups for each in group
        )

    def _picked(self, choice: Candidate) -> Candidate:
        self._picks += 1
        if choice.id in self._passedOver:  # not this time
            passedOver = self._passedOver[choice.id]
            self._passedOver[choice.id] = passedOver._replace(picks=passedOver.picks + 1)
        return choice

    def _regroup(self) -> None:
        """Better verdicts first, and within one the lower tiers; who is draining gets nobody."""

        def rank(member: Member) -> tuple[int, int]:
            return self.findingOf(member).rank, member.tier

        former, self._passedOver = self._passedOver, {}
        self._groups = []
        behind: Reasons = ()
        groups = [list(group) for _, group in groupby(sorted(self.backends.members, key=rank), key=rank)]
        for members in reversed(groups):
            isDraining = self.findingOf(members[0]).verdict is Verdict.DRAINING
            if not isDraining:
                self._groups.insert(0, [self._candidate(member, behind) for member in members])
            if isDraining or members is not groups[0]:
                for member in members:
                    self._passedOver[member.id] = self._passOver(member, former.get(member.id))
                behind = (*((member.id, self._whyNot(member)) for member in members), *behind)

    def _candidate(self, member: Member, passedOver: Reasons) -> Candidate:
        isLastResort = self.findingOf(member).verdict in (Verdict.NOT_READY, Verdict.DEAD)
        record = self._registry.record(member.target)
        return Candidate(member, self.backends[member.id], record, isLastResort, passedOver)

    def _passOver(self, member: Member, former: PassedOver | None) -> PassedOver:
        """C{picks} is, until somebody asks, how many picks there were before that."""
        since, picks = (former.since, former.picks) if former else (timestamp(), self._picks)
        return PassedOver(member.id, member.target, since, self._whyNot(member), picks)

    def _whyNot(self, member: Member) -> str:
        """Why others are preferred to this one."""
        finding = self.findingOf(member)
        if finding.rank:
            return f"{finding.verdict.value}: {finding.why}" if finding.why else finding.verdict.value
        return f"tier {member.tier} stands by while a lower one serves"


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
