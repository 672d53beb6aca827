"""Tiers: the lowest one that has a usable backend serves, and new connections return to it when it comes back."""

from __future__ import annotations

from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import PairOpened, Verdict
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer


class TierCase(BalancerTestCase):
    """Tests over C{a} and C{b} of tier 0, C{s} and C{t} of tier 1, and C{z} of tier 5."""

    def setUp(self) -> None:
        """All of them serve."""
        self.kit = self.balancer()
        for id, tier in {"a": 0, "b": 0, "s": 1, "t": 1, "z": 5}.items():
            self.kit.backends[id] = MemoryBackend(self.kit.clock, id, tier=tier)
        self.kit.publish(*self.kit.backends)

    def behave(self, behaviour: Behaviour, ids: str) -> None:
        """From now on these backends behave so."""
        for id in ids:
            self.kit.backends[id].behaviour = behaviour

    def judge(self, verdict: Verdict, ids: str) -> None:
        """Checks have found out how these are."""
        for id in ids:
            self.kit.balancer.setVerdict(id, verdict, "seen", by="checks")

    def clients(self, count: int) -> str:
        """So many clients come: who serves them."""
        before = len(served(self.kit))
        for _ in range(count):
            self.kit.connect()
        return served(self.kit)[before:]

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.kit.clock.pump([0.125] * 8 * seconds)


class TierTests(TierCase):
    """Which tier serves."""

    def test_lowest(self) -> None:
        """While the lowest tier serves the others get nobody, however many clients come."""
        self.assertEqual(self.clients(20), "ab" * 10)

    def test_oneIsEnough(self) -> None:
        """One usable backend of the lowest tier serves alone; the standby begins when there is none."""
        self.judge(Verdict.NOT_READY, "a")
        self.assertEqual(self.clients(4), "bbbb")
        self.judge(Verdict.DEAD, "b")
        self.assertEqual(self.clients(4), "stst")

    def test_nextAfterTheNext(self) -> None:
        """When the second tier is down as well it is the turn of the third."""
        self.judge(Verdict.DEAD, "abst")
        self.assertEqual(self.clients(3), "zzz")

    def test_returns(self) -> None:
        """When a backend of a better tier is back, new connections return to it at once; open ones stay."""
        self.judge(Verdict.DEAD, "abst")
        client = self.kit.connect()
        self.judge(Verdict.READY, "t")
        self.assertEqual(self.clients(2), "tt")
        self.judge(Verdict.READY, "b")
        self.assertEqual(self.clients(2), "bb")
        self.assertIsNone(client.ending)

    def test_learntFromDialling(self) -> None:
        """A tier of which all refuse costs the first client some attempts, and hands over to the next."""
        self.behave(Behaviour.REFUSES, "ab")
        self.assertEqual(self.clients(4), "stst")
        self.assertEqual([self.kit.backends[id].attempts for id in "ab"], [1, 1])
        self.assertEqual({event.dialSeconds for event in told(self.kit.events, PairOpened)}, {0.0})

    def test_returnsByItself(self) -> None:
        """Without any check clients return to the better tier once its rest is over, and it connects."""
        self.behave(Behaviour.REFUSES, "ab")
        self.clients(1)
        self.behave(Behaviour.CONNECTS, "ab")
        self.assertEqual(self.clients(2), "ts")
        self.wait(1)
        self.assertEqual(sorted(self.clients(4)), ["a", "a", "b", "b"])

    def test_triedByOne(self) -> None:
        """While one client finds out whether the better tier is back, the others have the standby, without a wait."""
        self.behave(Behaviour.REFUSES, "ab")
        self.clients(1)
        self.behave(Behaviour.HANGS, "ab")
        self.wait(1)
        self.assertEqual(self.clients(10), "st" * 4)
        self.assertEqual([self.kit.backends[id].pending for id in "ab"], [1, 1])

    def test_allRest(self) -> None:
        """While all tiers rest, the lowest of them is tried first."""
        self.behave(Behaviour.REFUSES, "abstz")
        self.clients(1)
        self.behave(Behaviour.CONNECTS, "abstz")
        self.assertEqual(self.clients(1), "a")

    def test_usableBeforeTier(self) -> None:
        """A standby that nothing speaks against is preferred to a better tier that rests or is down."""
        for verdict in (Verdict.RESTING, Verdict.NOT_READY, Verdict.DEAD):
            self.judge(verdict, "abst")
            self.assertEqual(self.clients(2), "zz")

    def test_newSet(self) -> None:
        """A set in which a backend has another tier is in force at once."""
        kit: MemoryBalancer = self.kit
        self.clients(2)
        kit.backends["s"].tier = 0
        kit.publish("a", "s", "t")
        self.assertEqual(sorted(self.clients(4)), ["a", "a", "s", "s"])
