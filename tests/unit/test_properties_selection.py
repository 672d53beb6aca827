"""Round robin over a set that changes at random."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tinylb import BackendSet, RoundRobin
from tinylb.registry import Registry
from tinylb.selection import Selection
from tinylb.testing import MemoryBackend

IDS = "abcdef"
WEIGHTS = (1, 2, 3)
CLOCK = Clock()

ids = st.sets(st.sampled_from(IDS), min_size=1).map(frozenset)
origins = st.floats(0, 1, exclude_max=True)

# Sets that follow one another, each with how many clients come while it is current.
plainHistories = st.lists(st.tuples(ids, st.integers(0, 5)), min_size=1, max_size=12)
weighted = st.dictionaries(st.sampled_from(IDS), st.sampled_from(WEIGHTS), min_size=1)
weightedHistories = st.lists(st.tuples(weighted, st.integers(1, 4)), min_size=1, max_size=12)


class Balance:
    """
    A selection, and what was picked of what.

    @ivar picks: for each pick the ids that there were, and the one that was picked.
    """

    def __init__(self, origin: float) -> None:
        self.selection = Selection(RoundRobin(), lambda: origin, Registry())
        self.picks: list[tuple[frozenset[str], str]] = []

    def publish(self, weights: dict[str, int]) -> None:
        """Make this the set: weights by id."""
        self.selection.replace(BackendSet({id: MemoryBackend(CLOCK, id, weight=weights[id]) for id in weights}))

    def pick(self, without: frozenset[str] = frozenset()) -> str:
        """Pick one that is not among these, which have been tried for this client."""
        choice = self.selection.pick(without, lambda _: True)
        assert choice is not None
        self.picks.append((self.selection.backends.targets - without, choice.id))
        return choice.id


class RoundRobinTests(SynchronousTestCase):
    """See L{RoundRobin} and L{Selection}."""

    def play(self, origin: float, history: list[tuple[frozenset[str], int]]) -> Balance:
        """A history of sets without weights."""
        balance = Balance(origin)
        for members, clients in history:
            balance.publish(dict.fromkeys(members, 1))
            for _ in range(clients):
                balance.pick()
        return balance

    @REPEATABLE
    @given(origins, plainHistories)
    def test_nextAfterLast(self, origin: float, history: list[tuple[frozenset[str], int]]) -> None:
        """The next one is the first id after the last pick, wrapping around, whatever the set was then and is now."""
        picks = self.play(origin, history).picks
        for (_, last), (members, choice) in pairwise(picks):
            self.assertEqual(choice, min((id for id in members if id > last), default=min(members)))

    @REPEATABLE
    @given(origins, plainHistories)
    def test_nobodyTwiceNobodyStarves(self, origin: float, history: list[tuple[frozenset[str], int]]) -> None:
        """Nobody is picked a second time before everybody who was there all the while has been picked."""
        picks = self.play(origin, history).picks
        for first, (_, choice) in enumerate(picks):
            present, picked = frozenset(IDS), set[str]()
            for members, other in picks[first + 1 :]:
                present &= members
                picked.add(other)
                if other == choice:
                    break
            else:
                continue
            self.assertLessEqual(present, picked)

    @REPEATABLE
    @given(origins, ids, st.lists(st.frozensets(st.sampled_from(IDS)), max_size=20))
    def test_attemptsCount(self, origin: float, members: frozenset[str], failing: list[frozenset[str]]) -> None:
        """
        A client whose attempts fail goes on to the next, each once; the next client begins after the last
        attempt, so that clients that arrive together go to different backends.
        """
        balance = Balance(origin)
        balance.publish(dict.fromkeys(members, 1))
        for fails in failing:
            tried: list[str] = []
            while len(tried) < len(members) and (not tried or tried[-1] in fails):
                tried.append(balance.pick(frozenset(tried)))
            self.assertEqual(len(set(tried)), len(tried))
        for (_, last), (candidates, choice) in pairwise(balance.picks):
            self.assertEqual(choice, min((id for id in candidates if id > last), default=min(candidates)))

    @REPEATABLE
    @given(origins, weighted, st.integers(0, 20))
    def test_shares(self, origin: float, weights: dict[str, int], before: int) -> None:
        """Of as many picks in a row as the weights add up to, from any one on, each has exactly its share."""
        balance = Balance(origin)
        balance.publish(weights)
        for _ in range(before):
            balance.pick()
        heaviest = max(weights.values())
        total = sum(weights.values())
        counted = Counter(balance.pick() for _ in range(3 * total))
        self.assertEqual(counted, {id: 3 * weight for id, weight in weights.items()})
        self.assertGreaterEqual(min(counted.values()) * heaviest, max(counted.values()))

    @REPEATABLE
    @given(origins, st.integers(0, 40))
    def test_oneToTwo(self, origin: float, before: int) -> None:
        """Weights 1 and 2 give 10 and 20 of any 30 clients in a row."""
        balance = Balance(origin)
        balance.publish({"a": 1, "b": 2})
        for _ in range(before):
            balance.pick()
        self.assertEqual(Counter(balance.pick() for _ in range(30)), {"a": 10, "b": 20})

    @REPEATABLE
    @given(origins, st.sampled_from(IDS), st.sampled_from(WEIGHTS), weightedHistories)
    @example(0.0, "b", 1, [({"a": 1, "c": 2}, 1), ({"a": 1}, 1)])
    @example(0.0, "b", 1, [({"a": 1, "c": 3}, 1), ({"a": 1}, 1)])
    def test_nobodyStarvesWithWeights(
        self, origin: float, stays: str, weight: int, history: list[tuple[dict[str, int], int]]
    ) -> None:
        """Whoever stays in the set is served again and again, whatever weights come and go around it."""
        balance = Balance(origin)
        # Each id is picked once in a turn at the most; within as many turns as the weights' least common
        # multiple everybody has one.
        enough = len(IDS) * (6 + 1)
        waiting = 0
        while len(balance.picks) < 5 * enough:
            for weights, clients in history:
                balance.publish({**weights, stays: weight})
                for _ in range(clients):
                    waiting = 0 if balance.pick() == stays else waiting + 1
                    self.assertLessEqual(waiting, enough)
