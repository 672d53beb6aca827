"""Round robin: who is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tinylb import LeastConnections, RoundRobin
from tinylb.interfaces import ICandidate, IPolicy


@implementer(ICandidate)
@dataclass(frozen=True)
class Candidate:
    """A candidate that is nothing but that."""

    id: str
    weight: int = 1
    connections: int = 0


@implementer(ICandidate)
class Watched:
    """
    A candidate of a huge weight.

    @ivar looks: how often somebody has looked at it.
    """

    id = "a"
    connections = 0

    def __init__(self) -> None:
        self.looks = 0

    @property
    def weight(self) -> int:
        """Its weight."""
        self.looks += 1
        return 10**12


class PolicyCase(SynchronousTestCase):
    """Picks, one after the other, with the state that came from the last one."""

    policy: RoundRobin | LeastConnections = RoundRobin()

    def setUp(self) -> None:
        """Begin with the first id."""
        self.state = self.policy.start(lambda: 0.0)

    def pick(self, *candidates: Candidate | str) -> str:
        """Pick once; a candidate given by its id alone has weight 1."""
        given = [each if isinstance(each, Candidate) else Candidate(each) for each in candidates]
        choice, self.state = self.policy.pick(given, self.state)
        return choice.id

    def picks(self, count: int, *candidates: Candidate | str) -> str:
        """Pick several times."""
        return "".join(self.pick(*candidates) for _ in range(count))


class OrderTests(PolicyCase):
    """Equal weights: the first id after the one picked last."""

    def test_inTurn(self) -> None:
        """Everybody has one turn in a round, in the order of the ids."""
        self.assertEqual(self.picks(7, "a", "b", "c"), "abcabca")

    def test_alone(self) -> None:
        """One candidate is picked each time."""
        self.assertEqual(self.picks(3, "a"), "aaa")

    def test_lastHasLeft(self) -> None:
        """The round goes on where it was when the id picked last has gone."""
        self.assertEqual(self.picks(2, "a", "b", "c"), "ab")
        self.assertEqual(self.picks(2, "a", "c"), "ca")

    def test_newcomer(self) -> None:
        """A newcomer has its turn in its place, and takes nobody else's."""
        self.assertEqual(self.picks(1, "a", "c"), "a")
        self.assertEqual(self.picks(3, "a", "b", "c"), "bca")

    def test_nobodyIsLeftWaiting(self) -> None:
        """With {a, b} and {b} in turn, a is served all the same."""
        picked = [(self.pick("a", "b"), self.pick("b")) for _ in range(5)]
        self.assertEqual(picked, [("a", "b")] * 5)

    def test_attemptsCount(self) -> None:
        """A pick among the others, after a failed attempt, moves on; the next client does not meet the same one."""
        self.assertEqual(self.pick("a", "b", "c"), "a")
        self.assertEqual(self.pick("b", "c"), "b")
        self.assertEqual(self.pick("a", "b", "c"), "c")

    def test_completelyNewSet(self) -> None:
        """Among ids that are all new the round goes on with the first one after the last pick, or wraps."""
        self.picks(1, "k")
        self.assertEqual(self.pick("a", "z"), "z")
        self.assertEqual(self.pick("b", "c"), "b")

    def test_orderOfStrings(self) -> None:
        """Order is that of strings, as the set's is: 10 before 9."""
        self.assertEqual(self.picks(3, "10", "9"), "10910")


class StartTests(PolicyCase):
    """The first pick."""

    def test_random(self) -> None:
        """It falls where the random number says, anywhere in the set with the same probability."""
        firsts: Counter[str] = Counter()
        for step in range(300):
            self.state = self.policy.start(lambda: step / 300)  # noqa: B023, called at once
            firsts[self.pick("a", "b", "c")] += 1
        self.assertEqual(firsts, {"a": 100, "b": 100, "c": 100})

    def test_wraps(self) -> None:
        """From there on it is the same round."""
        self.state = self.policy.start(lambda: 0.999)
        self.assertEqual(self.picks(4, "a", "b", "c"), "cabc")

    def test_fixedAtStart(self) -> None:
        """The random number is drawn at the start; picking is a function of its arguments alone."""
        drawn: list[float] = []

        def random() -> float:
            drawn.append(0.5)
            return 0.5

        state = self.policy.start(random)
        candidates = [Candidate("a"), Candidate("b")]
        self.assertEqual(self.policy.pick(candidates, state), self.policy.pick(candidates, state))
        self.assertEqual(drawn, [0.5])

    def test_interfaces(self) -> None:
        """It is a policy."""
        self.assertTrue(verifyObject(IPolicy, self.policy))


class WeightTests(PolicyCase):
    """Weights."""

    def test_shares(self) -> None:
        """Weights 1 and 2 give 10 and 20 of 30 picks."""
        picked = self.picks(30, Candidate("a", 1), Candidate("b", 2))
        self.assertEqual(Counter(picked), {"a": 10, "b": 20})

    def test_anyShares(self) -> None:
        """In as many picks as the weights add up to, everybody has exactly its share."""
        candidates = [Candidate("a", 3), Candidate("b", 7), Candidate("c", 1), Candidate("d", 5)]
        for _ in range(3):
            self.assertEqual(Counter(self.picks(16, *candidates)), {"a": 3, "b": 7, "c": 1, "d": 5})

    def test_spread(self) -> None:
        """A lighter one's turns are spread evenly over the heaviest one's, not bunched."""
        self.assertEqual(self.picks(12, Candidate("a", 2), Candidate("b", 4)), "babbabbabbab")

    def test_smooth(self) -> None:
        """The others' turns come in the midst of a heavy one's, never after all of them."""
        candidates = [Candidate("a", 5), Candidate("b", 1), Candidate("c", 1)]
        self.assertEqual(self.picks(21, *candidates), "aabacaa" * 3)

    def test_alwaysNearTheShare(self) -> None:
        """Whenever one looks, nobody has had a whole pick more or less than its share so far."""
        weights = {"a": 20, "b": 7, "c": 2, "d": 1}
        candidates = [Candidate(id, weight) for id, weight in weights.items()]
        had: Counter[str] = Counter()
        for count in range(1, 121):
            had[self.pick(*candidates)] += 1
            for id, weight in weights.items():
                self.assertLess(abs(had[id] - count * weight / 30), 1, f"{id} after {count}: {had}")

    def test_changedWeight(self) -> None:
        """Another weight is in force at once, and its shares are exact over the next round."""
        self.picks(7, "a", "b")
        changed = [Candidate("a", 1), Candidate("b", 4)]
        self.assertEqual(Counter(self.picks(10, *changed)), {"a": 2, "b": 8})
        self.assertEqual(Counter(self.picks(10, "a", "b")), {"a": 5, "b": 5})

    def test_start(self) -> None:
        """Balancers that start together begin with each backend as often as its weight says."""
        firsts: Counter[str] = Counter()
        for step in range(70):
            self.state = self.policy.start(lambda: step / 70)  # noqa: B023, called at once
            firsts[self.pick(Candidate("a", 5), Candidate("b", 1), Candidate("c", 1))] += 1
        self.assertEqual(firsts, {"a": 50, "b": 10, "c": 10})

    def test_hugeWeights(self) -> None:
        """However large weights are, the first pick costs no more than a bounded start."""
        heavy = Watched()
        self.state = self.policy.start(lambda: 0.999)
        self.policy.pick([heavy, Candidate("b", 1)], self.state)
        self.assertLess(heavy.looks, 10_000)

    def test_equalWeights(self) -> None:
        """Equal weights, whatever they are, are as good as none."""
        self.assertEqual(self.picks(6, Candidate("a", 5), Candidate("b", 5), Candidate("c", 5)), "abcabc")

    def test_lightOneIsAlone(self) -> None:
        """Whoever is alone is picked, at any turn of the heavier ones."""
        light, heavy = Candidate("a", 1), Candidate("b", 9)
        for count in range(1, 20):
            self.picks(count, light, heavy)
            self.assertEqual(self.pick(light), "a")

    def test_heavyOneRefuses(self) -> None:
        """While a heavy one fails each time, so that the others are picked without it, all of them have a part."""
        light = [Candidate("a", 1), Candidate("b", 1)]
        for weight in range(1, 8):
            served: Counter[str] = Counter()
            for _ in range(300):
                first = self.pick(*light, Candidate("c", weight))
                served[first if first != "c" else self.pick(*light)] += 1
            self.assertGreaterEqual(min(served["a"], served["b"]), 30, f"{weight}: {served}")

    def test_heavyOneFlaps(self) -> None:
        """While a heavy one comes and goes, nobody who stays is left out."""
        light = [Candidate("a", 1), Candidate("b", 1)]
        for weight in range(1, 8):
            served: Counter[str] = Counter()
            for _ in range(100):
                served[self.pick(*light, Candidate("c", weight))] += 1
                served[self.pick(*light)] += 1
            self.assertGreaterEqual(min(served["a"], served["b"]), 10, f"{weight}: {served}")

    def test_heavyOneIsAwayNowAndThen(self) -> None:
        """While single picks are made without a heavy one, none of the light ones is left out for another."""
        light = [Candidate("a"), Candidate("c"), Candidate("d")]
        group = sorted([*light, Candidate("b", 48)], key=lambda each: each.id)
        for every in range(2, 12):
            served: Counter[str] = Counter()
            for number in range(1200):
                served[self.pick(*(light if number % every == 0 else group))] += 1
            counts = [served[each.id] for each in light]
            self.assertGreaterEqual(3 * min(counts), max(counts), f"each {every}th: {served}")
