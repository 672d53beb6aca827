"""Policies by themselves, over whatever candidates there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.test_policy import Candidate
from tinylb import LeastConnections, RoundRobin

IDS = "abcdef"
Policy = RoundRobin | LeastConnections

policies = st.sampled_from((RoundRobin(), LeastConnections()))
origins = st.floats(0, 1, exclude_max=True)
weights = st.one_of(st.integers(1, 3), st.integers(1, 50))
candidates = st.builds(Candidate, st.sampled_from(IDS), weights, st.integers(0, 5))
groups = st.lists(candidates, min_size=1, max_size=len(IDS), unique_by=lambda each: each.id).map(
    lambda group: sorted(group, key=lambda each: each.id)
)
# All there are, each with a weight that it keeps, in no order; and which of them are present.
everybody = st.permutations(IDS).flatmap(
    lambda ids: st.tuples(*(st.builds(Candidate, st.just(id), weights) for id in ids))
)
present = st.frozensets(st.sampled_from(IDS))


def play(policy: Policy, origin: float, history: Sequence[list[Candidate]]) -> tuple[Any, list[str]]:
    """Pick from one group after the other: the state afterwards, and who was picked."""
    state, picked = policy.start(lambda: origin), []
    for group in history:
        choice, state = policy.pick(group, state)
        picked.append(choice.id)
    return state, picked


def load(candidate: Candidate) -> float:
    """How much it has to do, for its weight."""
    return candidate.connections / candidate.weight


class AnyPolicyTests(SynchronousTestCase):
    """What holds for all policies."""

    @REPEATABLE
    @given(policies, origins, st.lists(groups, max_size=20), groups)
    def test_pure(self, policy: Policy, origin: float, history: list[list[Candidate]], group: list[Candidate]) -> None:
        """The same arguments give the same choice and the same state, and are left as they were."""
        state, _ = play(policy, origin, history)
        before = deepcopy((group, state))
        results = [policy.pick(group, state) for _ in range(3)]
        results.append(type(policy)().pick(group, deepcopy(state)))
        self.assertEqual((group, state), before)
        self.assertEqual(results, results[:1] * 4)

    @REPEATABLE
    @given(policies, origins, st.lists(groups, min_size=1, max_size=40))
    def test_fromTheCandidates(self, policy: Policy, origin: float, history: list[list[Candidate]]) -> None:
        """The choice is one of the candidates, the very object, whoever was there before."""
        state = policy.start(lambda: origin)
        for group in history:
            choice, state = policy.pick(group, state)
            self.assertTrue(any(choice is each for each in group))

    @REPEATABLE
    @given(policies, origins, groups, st.integers(0, 30))
    def test_alone(self, policy: Policy, origin: float, group: list[Candidate], before: int) -> None:
        """Whoever is alone is picked, whatever went before."""
        state, _ = play(policy, origin, [group] * before)
        for candidate in group:
            choice, _ = policy.pick([candidate], state)
            self.assertIs(choice, candidate)

    @REPEATABLE
    @given(policies, origins, groups)
    def test_nobodyStarves(self, policy: Policy, origin: float, group: list[Candidate]) -> None:
        """While the candidates stay as they are, and are equally busy, everybody is picked."""
        idle = [replace(each, connections=0) for each in group]
        _, picked = play(policy, origin, [idle] * sum(each.weight for each in group))
        self.assertEqual(set(picked), {each.id for each in group})


class RoundRobinTests(SynchronousTestCase):
    """Shares."""

    @REPEATABLE
    @given(origins, groups, st.integers(0, 60))
    def test_exactShares(self, origin: float, group: list[Candidate], before: int) -> None:
        """In as many picks as the weights add up to, from any one on, everybody has exactly its share."""
        total = sum(each.weight for each in group)
        _, picked = play(RoundRobin(), origin, [group] * (before + total))
        parts = {each.weight for each in group}
        if len(parts) > 1:
            self.assertEqual(Counter(picked[before:]), {each.id: each.weight for each in group})
        else:
            self.assertEqual(set(Counter(picked[before:]).values()), parts)

    @REPEATABLE
    @given(groups)
    def test_smooth(self, group: list[Candidate]) -> None:
        """At any moment of a round everybody has had its share so far, but for a pick and a quarter."""
        total = sum(each.weight for each in group)
        _, picked = play(RoundRobin(), 0.0, [group] * total)
        had: Counter[str] = Counter()
        for count, id in enumerate(picked, 1):
            had[id] += 1
            for each in group:
                self.assertLess(abs(had[each.id] - count * each.weight / total), 1.25)

    @REPEATABLE
    @given(origins, groups)
    def test_connectionsAreNoMatter(self, origin: float, group: list[Candidate]) -> None:
        """It does not look at connections."""
        idle = [replace(each, connections=0) for each in group]
        self.assertEqual(play(RoundRobin(), origin, [group] * 20)[1], play(RoundRobin(), origin, [idle] * 20)[1])

    @REPEATABLE
    @given(origins, everybody, st.lists(present, min_size=1, max_size=8))
    def test_whoStays(self, origin: float, all_: tuple[Candidate, ...], history: list[frozenset[str]]) -> None:
        """Whoever stays is served again and again, however often the others come and go, whatever their weights."""
        stays = all_[0]
        around = [sorted([stays, *(each for each in all_[1:] if each.id in ids)], key=_id) for ids in history]
        heaviest = max(sum(each.weight for each in group) for group in around)
        enough = 3 * -(-heaviest // stays.weight)
        turns = -(-3 * enough // len(around))
        _, picked = play(RoundRobin(), origin, around * turns)
        waiting = 0
        for id in picked:
            waiting = 0 if id == stays.id else waiting + 1
            self.assertLessEqual(waiting, enough, picked)


class LeastConnectionsTests(SynchronousTestCase):
    """Loads."""

    @REPEATABLE
    @given(origins, st.lists(groups, min_size=1, max_size=20))
    def test_least(self, origin: float, history: list[list[Candidate]]) -> None:
        """Nobody has less to do for its weight than the choice; of several it is the first after the last choice."""
        state, last = LeastConnections().start(lambda: origin), None
        for group in history:
            choice, state = LeastConnections().pick(group, state)
            least = min(map(load, group))
            equals = [each.id for each in group if load(each) == least]
            self.assertIn(choice.id, equals)
            if last is not None:
                self.assertEqual(choice.id, min((id for id in equals if id > last), default=equals[0]))
            last = choice.id

    @REPEATABLE
    @given(origins, groups, st.integers(1, 200))
    def test_balanced(self, origin: float, group: list[Candidate], clients: int) -> None:
        """Of clients that come and stay nobody gets one that another would have had more room for."""
        present = {each.id: replace(each, connections=0) for each in group}
        state = LeastConnections().start(lambda: origin)
        for _ in range(clients):
            choice, state = LeastConnections().pick(list(present.values()), state)
            present[choice.id] = replace(present[choice.id], connections=present[choice.id].connections + 1)
        for each in present.values():
            for other in present.values():
                if each.connections:
                    self.assertLessEqual((each.connections - 1) / each.weight, load(other))


def _id(candidate: Candidate) -> str:
    return candidate.id
