"""Observers that act on what they are told: whatever they do, and whenever, the balancer's promises hold."""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import (
    BackendPicked,
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    DialFailed,
    PairClosed,
    PairHalfClosed,
    PairOpened,
    TargetRemoved,
    Verdict,
)
from tinylb.events import Event
from tinylb.interfaces import IObserver
from tinylb.testing import Behaviour, MemoryBalancer


@implementer(IObserver)
class Reaction:
    """Does something, once, about the first event of a kind."""

    def __init__(self, kit: MemoryBalancer, kind: type[Event], act: Callable[[], object]) -> None:
        self._kind = kind
        self._act: Callable[[], object] | None = act
        kit.balancer.observers.append(self)

    def observe(self, event: Event) -> None:
        act = self._act
        if act is not None and isinstance(event, self._kind):
            self._act = None
            act()


class RemovingTests(BalancerTestCase):
    """An observer takes a target out of the set, in the middle of things."""

    def test_whoFailed(self) -> None:
        """Taking out a backend that failed sends the client to another, and counts no dial that it ended."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        Reaction(kit, DialFailed, lambda: kit.publish("b"))
        kit.connect()
        self.assertEqual(served(kit), "b")
        self.assertEqual(told(kit.events, TargetRemoved), [TargetRemoved("a", pairs=0, dials=0)])

    def test_whoIsBeingTried(self) -> None:
        """Taking out a backend as it is picked: it is not even tried."""
        kit = self.balancer("a", "b")
        Reaction(kit, BackendPicked, lambda: kit.publish("b"))
        kit.connect()
        self.assertEqual((served(kit), kit.backends["a"].attempts), ("b", 0))

    def test_whoWasSlow(self) -> None:
        """Taking out a backend that was overtaken leaves the winner alone."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.publish("b"))
        client = kit.connect()
        kit.advance(0.25)
        self.assertEqual(served(kit), "b")
        self.assertIsNone(client.ending)

    def test_whoHasWon(self) -> None:
        """Taking out the very backend that has just won: the client is not joined to it, but to another."""
        kit = self.balancer("a", "b", "c")
        kit.backends["a"].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.publish("c"))
        client = kit.connect()
        kit.advance(0.25)
        self.assertEqual(served(kit), "c")
        self.assertEqual(kit.server("b").ending, "reset")
        self.assertIsNone(client.ending)

    def test_whoWasGivenUp(self) -> None:
        """Taking out the backend whose attempt was given up for the next one: the dial goes on."""
        kit = self.balancer(*"abcdef")
        for id in "abcde":
            kit.backends[id].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.publish(*"bcdef"))
        kit.connect()
        kit.clock.pump([0.25] * 6)
        self.assertEqual(served(kit), "f")

    def test_atTheDeadline(self) -> None:
        """Changing the set when the time is over starts nothing more for this client."""
        kit = self.balancer("a", dialTimeout=1)
        kit.backends["a"].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.publish("b"))
        kit.connect()
        kit.clock.pump([0.25] * 5)
        self.assertEqual(told(kit.events, ClientUnserved)[0].reason, CloseReason.DIAL_TIMEOUT)
        self.assertEqual(kit.backends["b"].attempts, 0)

    def test_whoIsJoined(self) -> None:
        """Taking out a backend as its pair opens ends that pair, and counts it."""
        kit = self.balancer("a")
        Reaction(kit, PairOpened, lambda: kit.publish("b"))
        client = kit.connect()
        self.assertEqual(client.ending, "reset")
        self.assertEqual(told(kit.events, TargetRemoved), [TargetRemoved("a", pairs=1, dials=0)])
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.TARGET_REMOVED)

    def test_whoHalfCloses(self) -> None:
        """Taking out a backend as its pair half-closes ends that pair."""
        kit = self.balancer("a", "b")
        Reaction(kit, PairHalfClosed, lambda: kit.publish("b"))
        client = kit.connect()
        client.finish()
        kit.advance()
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.TARGET_REMOVED)

    def test_anotherSetAtOnce(self) -> None:
        """A set published in answer to a set is current afterwards, and events come in order."""
        kit = self.balancer("a")
        kit.connect()
        Reaction(kit, BackendsReplaced, lambda: kit.publish("c"))
        kit.publish("b")
        kit.advance()
        self.assertEqual(list(kit.balancer.backends), ["c"])
        changes = [event for event in kit.events if isinstance(event, (BackendsReplaced, TargetRemoved))]
        names = [event.target if isinstance(event, TargetRemoved) else event.revision for event in changes]
        self.assertEqual(names, [1, 2, "a", 3, "b"])

    def test_judgingWhoFailed(self) -> None:
        """A verdict in answer to a failure holds for this very client's next pick."""
        kit = self.balancer("a", "b", "c")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        Reaction(kit, DialFailed, lambda: kit.balancer.setVerdict("b", Verdict.RESTING, "its neighbour fell"))
        kit.connect()
        self.assertEqual(served(kit), "c")


class StoppingTests(BalancerTestCase):
    """An observer stops the balancer, in the middle of things."""

    def test_whenSomethingFails(self) -> None:
        """A stop in answer to a failed attempt ends the dial."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        Reaction(kit, DialFailed, lambda: kit.balancer.drain(0))
        client = kit.connect()
        self.assertTrue(client.hasFinished)
        self.assertEqual((served(kit), kit.backends["b"].attempts), ("", 0))
        self.assertEqual(told(kit.events, ClientUnserved)[0].reason, CloseReason.STOPPING)

    def test_whenEverythingFails(self) -> None:
        """A stop in answer to the last failure."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        Reaction(kit, DialFailed, lambda: kit.balancer.drain(0))
        self.assertTrue(kit.connect().hasFinished)
        self.assertEqual(len(told(kit.events, ClientUnserved)), 1)

    def test_atTheDeadline(self) -> None:
        """A stop in answer to a dial that took too long."""
        kit = self.balancer("a", dialTimeout=0.5)
        kit.backends["a"].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.balancer.drain(0))
        client = kit.connect()
        kit.clock.pump([0.25] * 3)
        self.assertTrue(client.hasFinished)
        self.assertEqual(len(told(kit.events, ClientUnserved)), 1)

    def test_whenSomebodyHasWon(self) -> None:
        """A stop in answer to an attempt that was overtaken: the connection that won is dropped."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.balancer.drain(60))
        client = kit.connect()
        kit.advance(0.25)
        self.assertTrue(client.hasFinished)
        self.assertEqual((served(kit), kit.server("b").ending), ("", "reset"))

    def test_whenSomebodyIsPicked(self) -> None:
        """A stop as the first backend is picked waits for no dial either."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        over: list[object] = []
        Reaction(kit, BackendPicked, lambda: kit.balancer.drain(60).addCallback(over.append))
        client = kit.connect()
        self.assertTrue(client.hasFinished)
        self.assertEqual((kit.backends["a"].pending, over), (0, [None]))

    def test_whenAPairOpens(self) -> None:
        """A stop without patience, as a pair opens: it ends."""
        kit = self.balancer("a")
        Reaction(kit, PairOpened, lambda: kit.balancer.drain(0))
        client = kit.connect()
        self.assertEqual(client.ending, "reset")
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.STOPPING)
