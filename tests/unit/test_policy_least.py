"""Least connections: who has the most room for the next one."""

from __future__ import annotations

from dataclasses import replace

from zope.interface.verify import verifyObject

from tests.unit.rigs import BalancerTestCase, served
from tests.unit.test_policy import Candidate, PolicyCase
from tinylb import LeastConnections
from tinylb.interfaces import IPolicy
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer


class LeastConnectionsTests(PolicyCase):
    """The fewest open connections for the weight."""

    policy = LeastConnections()

    def fill(self, count: int, *candidates: Candidate) -> str:
        """Pick several times; each choice has one connection more from then on."""
        present = {each.id: each for each in candidates}
        picked = ""
        for _ in range(count):
            id = self.pick(*present.values())
            present[id] = replace(present[id], connections=present[id].connections + 1)
            picked += id
        return picked

    def test_fewest(self) -> None:
        """The one with the fewest connections is picked, again and again while that is so."""
        candidates = [Candidate("a", connections=3), Candidate("b", connections=1), Candidate("c", connections=2)]
        self.assertEqual(self.picks(3, *candidates), "bbb")

    def test_forTheWeight(self) -> None:
        """A heavier one is to have more: what counts is how many there are for each unit of its weight."""
        heavy = Candidate("b", weight=4, connections=7)
        self.assertEqual(self.pick(Candidate("a", connections=2), heavy), "b")
        self.assertEqual(self.pick(Candidate("a", connections=1), heavy), "a")

    def test_tiesInTurn(self) -> None:
        """Of several that are as good, the first after the one picked last, wrapping around."""
        self.assertEqual(self.picks(7, "a", "b", "c"), "abcabca")

    def test_tiesAmongTheBest(self) -> None:
        """Whoever has more is no part of the round."""
        candidates = [Candidate("a"), Candidate("b", connections=1), Candidate("c"), Candidate("d")]
        self.assertEqual(self.picks(6, *candidates), "acdacd")

    def test_tiesOfWeights(self) -> None:
        """As many for each unit of weight is a tie, whatever the numbers are."""
        candidates = [Candidate("a", 3, 1), Candidate("b", 6, 2), Candidate("c", 9, 3)]
        self.assertEqual(self.picks(6, *candidates), "abcabc")

    def test_start(self) -> None:
        """Balancers that start together do not begin with the same one."""
        firsts = ""
        for start in (0.0, 0.34, 0.67):
            self.state = self.policy.start(lambda: start)  # noqa: B023, called at once
            firsts += self.pick("a", "b", "c")
        self.assertEqual(firsts, "abc")

    def test_catchesUp(self) -> None:
        """A newcomer gets new connections until it has as many as the others."""
        picked = self.fill(9, Candidate("a", connections=4), Candidate("b", connections=4), Candidate("c"))
        self.assertEqual((picked[:4], sorted(picked[4:])), ("cccc", sorted("abcab")))

    def test_shares(self) -> None:
        """Connections that stay are spread as the weights say."""
        self.assertEqual(sorted(self.fill(9, Candidate("a", 1), Candidate("b", 2))), sorted("a" * 3 + "b" * 6))

    def test_interface(self) -> None:
        """It is a policy."""
        self.assertTrue(verifyObject(IPolicy, self.policy))


class BalancerTests(BalancerTestCase):
    """The policy at work, over connections that are really there."""

    def test_leaves(self) -> None:
        """When a connection ends, the next client goes to that backend."""
        kit = self.balancer("a", "b", "c", policy=LeastConnections())
        clients = [kit.connect() for _ in range(6)]
        for number in (1, 4):
            clients[number].reset()
        kit.advance()
        for _ in range(2):
            kit.connect()
        self.assertEqual(served(kit), "abcabc" + "bb")

    def weighted(self) -> MemoryBalancer:
        """A balancer over C{a}, and C{b} of twice its weight."""
        kit = self.balancer(policy=LeastConnections())
        kit.backends = {id: MemoryBackend(kit.clock, id, weight=weight) for id, weight in (("a", 1), ("b", 2))}
        kit.publish("a", "b")
        return kit

    def test_whoComeTogether(self) -> None:
        """Connections that are being opened count: clients that come together are spread as the weights say."""
        kit = self.weighted()
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        for _ in range(30):
            kit.connect()
        self.assertEqual([backend.pending for backend in kit.backends.values()], [10, 20])

    def test_weights(self) -> None:
        """Of clients that stay, a backend of twice the weight has twice as many."""
        kit = self.weighted()
        for _ in range(30):
            kit.connect()
        self.assertEqual([len(backend.connections) for backend in kit.backends.values()], [10, 20])

    def test_tiersFirst(self) -> None:
        """A standby has no connections, and gets none for that."""
        kit = self.balancer(policy=LeastConnections())
        kit.backends = {id: MemoryBackend(kit.clock, id, tier=tier) for id, tier in (("a", 0), ("b", 1))}
        kit.publish("a", "b")
        for _ in range(3):
            kit.connect()
        self.assertEqual(served(kit), "aaa")

    def test_failing(self) -> None:
        """A backend that refuses has the fewest connections of all, and nevertheless gets no clients."""
        kit = self.balancer("a", "b", policy=LeastConnections())
        kit.backends["a"].behaviour = Behaviour.REFUSES
        for _ in range(20):
            kit.connect()
        self.assertEqual((served(kit), kit.backends["a"].attempts), ("b" * 20, 1))
