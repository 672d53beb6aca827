"""Round robin: who is next."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tinylb import RoundRobin
from tinylb.interfaces import ICandidate, IPolicy


@implementer(ICandidate)
@dataclass(frozen=True)
class Candidate:
    """A candidate that is nothing but that."""

    id: str
    weight: int = 1
    connections: int = 0


class RoundRobinCase(SynchronousTestCase):
    """Picks, one after the other, with the state that came from the last one."""

    def setUp(self) -> None:
        """Begin with the first id."""
        self.policy = RoundRobin()
        self.state = self.policy.start(lambda: 0.0)

    def pick(self, *candidates: Candidate | str) -> str:
        """Pick once; a candidate given by its id alone has weight 1."""
        given = [each if isinstance(each, Candidate) else Candidate(each) for each in candidates]
        choice, self.state = self.policy.pick(given, self.state)
        return choice.id

    def picks(self, count: int, *candidates: Candidate | str) -> str:
        """Pick several times."""
        return "".join(self.pick(*candidates) for _ in range(count))


class OrderTests(RoundRobinCase):
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


class StartTests(RoundRobinCase):
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


class WeightTests(RoundRobinCase):
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
