"""
Who is next, and what is said of it. The rows are those of behaviour's table of what the original does wrong.
"""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock

from tests.unit.loglines import logLines
from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import BackendPicked, BackendSet, DialFailed, LoadBalancer, PairClosed
from tinylb.testing import Behaviour, MemoryBackend, MemoryEndpoint, Recorder


class SelectionRowTests(BalancerTestCase):
    """Rows 19 to 22: who is next, and what is said of it."""

    def test_severalBalancers(self) -> None:
        """Row 19: balancers in one reactor, over the very same backends, know nothing of one another."""
        clock = Clock()
        backend = MemoryBackend(clock, "a")
        balancers = [LoadBalancer(clock), LoadBalancer(clock)]
        clients, recorders = [], []
        for balancer in balancers:
            recorders.append(Recorder())
            balancer.observers.append(recorders[-1])
            balancer.replaceBackends(BackendSet({"a": backend}))
            endpoint = MemoryEndpoint(clock)
            endpoint.listen(balancer)
            clients.append(endpoint.connect())
        balancers[0].replaceBackends(BackendSet())
        clock.advance(0)
        self.assertEqual([client.ending for client in clients], ["reset", None])
        self.assertEqual([len(told(recorder.events, PairClosed)) for recorder in recorders], [1, 0])
        for balancer in balancers:
            drained = balancer.drain(0)
            clock.advance(0)
            self.successResultOf(drained)

    def test_nobodyStarves(self) -> None:
        """Row 20: with the sets a, b and b alone in turn, a is served each time that it is there."""
        kit = self.balancer("a", "b")
        for _ in range(5):
            kit.publish("a", "b")
            kit.connect()
            kit.publish("b")
            kit.connect()
        self.assertEqual(served(kit), "ab" * 5)

    def test_nextIsTheFirstAfterTheLast(self) -> None:
        """Row 20: a change of the set neither skips nor repeats: next is the first id after the one picked last."""
        kit = self.balancer("b", "d", "f")
        kit.connect()
        kit.publish("a", "b", "c", "d", "f")
        for _ in range(3):
            kit.connect()
        kit.publish("a", "b", "c", "d")
        for _ in range(3):
            kit.connect()
        self.assertEqual(served(kit), "bcdfabc")

    def test_clientsThatComeTogether(self) -> None:
        """Row 20: the cursor moves with each pick: who comes together goes to different backends."""
        kit = self.balancer("a", "b", "c")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        for _ in range(3):
            kit.connect()
        self.assertEqual([event.backend for event in told(kit.events, BackendPicked)], ["a", "b", "c"])

    def test_failedAttemptsTakeTheirTurn(self) -> None:
        """Row 20: an attempt that fails is a turn, so the next one does not get all clients of a refusing one."""
        kit = self.balancer("a", "b", "c")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        for _ in range(6):
            kit.connect()
            kit.advance(60)  # its rest is over then
        self.assertEqual(served(kit).count("b"), 3)
        self.assertEqual(len(told(kit.events, DialFailed)), 3)

    def test_startIsRandom(self) -> None:
        """Row 21: balancers that start together begin with different backends."""
        firsts = set()
        for seed in range(30):
            kit = self.balancer("a", "b", "c", random=Random(seed).random)
            kit.connect()
            firsts.add(served(kit))
        self.assertEqual(firsts, {"a", "b", "c"})

    def test_startCanBeGiven(self) -> None:
        """Row 21: the same seed begins with the same backend, and goes on in order."""
        for start, order in ((0.0, "abc"), (0.34, "bca"), (0.99, "cab")):
            kit = self.balancer("a", "b", "c", random=lambda start=start: start)
            for _ in range(3):
                kit.connect()
            self.assertEqual(served(kit), order)

    def test_changesAreLogged(self) -> None:
        """Row 22: what changed is logged, not the whole set; the same set again is not news."""
        kit = self.balancer("a", "b", "c")
        lines = logLines(self)
        kit.publish("b", "c", "d")
        kit.publish("b", "c", "d")
        self.assertEqual(lines, ["info: Backend set 2: 3 backends; added d; removed a"])
