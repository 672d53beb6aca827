"""The order in which backends are preferred: by what is known of their health, then by tier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby

from zope.interface import implementer

from tinylb.backends import Member
from tinylb.events import Verdict
from tinylb.findings import Finding
from tinylb.interfaces import IBackend, ICandidate
from tinylb.registry import Record

Reasons = tuple[tuple[str, str], ...]
"""Why certain backends are not picked, by id."""


@implementer(ICandidate)
class Candidate:
    """
    A member of the set as dialer and policy see it, with the record of its target.

    @ivar isLastResort: whether it is known not to serve: not ready, or dead.
    @ivar isStandby: whether it only stands by; see L{IStandby <tinylb.interfaces.IStandby>}.
    @ivar proxyProtocol: see L{IProxyProtocol <tinylb.interfaces.IProxyProtocol>}; L{None} where it does not apply.
    @ivar passedOver: see L{tinylb.events.BackendPicked}.
    """

    __slots__ = (
        "backend",
        "id",
        "isLastResort",
        "isStandby",
        "passedOver",
        "proxyProtocol",
        "record",
        "target",
        "tier",
        "weight",
    )

    def __init__(
        self, member: Member, backend: IBackend, record: Record, isLastResort: bool, passedOver: Reasons
    ) -> None:
        self.id = member.id
        self.target = member.target
        self.tier = member.tier
        self.weight = member.weight
        self.isStandby = member.isStandby
        self.proxyProtocol = member.proxyProtocol
        self.backend = backend
        self.record = record
        self.isLastResort = isLastResort
        self.passedOver = passedOver

    @property
    def connections(self) -> int:
        """Connections to the target, open or being opened: the latter count, as many clients may come at once."""
        return len(self.record.pairs) + len(self.record.attempts)


class Ranking:
    """
    The members of a set, in order of preference.

    @param findings: each member, with what is known of it.
    @param candidate: makes a member's candidate; given whether it is a last resort, and which backends are behind it.
    @ivar groups: better verdicts first, and lower tiers first within a verdict. Draining backends are in none.
    @ivar behind: the backends that are not in the first group, and why.
    """

    def __init__(
        self,
        findings: Iterable[tuple[Member, Finding]],
        candidate: Callable[[Member, bool, Reasons], Candidate],
    ) -> None:
        self.groups: list[list[Candidate]] = []
        self.behind: Reasons = ()
        ranked = [list(group) for _, group in groupby(sorted(findings, key=_rank), key=_rank)]
        first = ranked[0][0] if ranked else None
        for number, group in reversed(tuple(enumerate(ranked))):
            isDraining = group[0][1].verdict is Verdict.DRAINING
            if not isDraining:
                self.groups.append([candidate(each, _isBad(finding), self.behind) for each, finding in group])
            if isDraining or number:
                self.behind = (*((each.id, _whyNot(each, finding, first)) for each, finding in group), *self.behind)
        self.groups.reverse()


def _rank(found: tuple[Member, Finding]) -> tuple[int, int]:
    member, finding = found
    return finding.rank, member.tier


def _isBad(finding: Finding) -> bool:
    return finding.verdict in (Verdict.NOT_READY, Verdict.DEAD)


def _whyNot(member: Member, finding: Finding, first: tuple[Member, Finding] | None) -> str:
    isDraining = finding.verdict is Verdict.DRAINING
    if first is not None and not isDraining and finding.rank == first[1].rank and member.tier != first[0].tier:
        if finding.rank:
            return f"tier {member.tier} is tried after tier {first[0].tier}"
        return f"tier {member.tier} stands by while a lower one serves"
    return f"{finding.verdict.value}: {finding.why}" if finding.why else finding.verdict.value
