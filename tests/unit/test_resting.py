"""What dialling teaches, as clients feel it: who meets a backend that does not connect, how often, and for how long."""

from __future__ import annotations

import errno

from twisted.internet.error import ConnectBindError, ConnectionRefusedError

from tests.unit.restingcase import DELAY, RestingCase
from tests.unit.rigs import HandBackend, served, told
from tinylb import BackendSet, DialFailed, PairOpened, Verdict
from tinylb.testing import Behaviour, MemoryBalancer


class BlackHoleTests(RestingCase):
    """A backend that does not answer at all, among others that do."""

    def test_onlyTheFirst(self) -> None:
        """Whoever comes before it has been found out waits for the attempt delay; everybody after that not at all."""
        kit = self.balancer("a", "b", "c", attemptDelay=DELAY)
        kit.backends["b"].behaviour = Behaviour.HANGS
        first = self.crowd(kit, DELAY, each=30)
        self.assertEqual(set(first), {0.0, DELAY})
        met = kit.backends["b"].attempts
        then = self.crowd(kit, 1 - DELAY, each=30)
        self.assertEqual((kit.backends["b"].attempts, kit.backends["b"].pending), (met, 0))
        # Those who met it at the last moment are among them.
        self.assertEqual(sum(waited > 0 for waited in first + then), met)
        self.assertEqual(self.unserved(kit), [])

    def test_oneClientAfterEachRest(self) -> None:
        """Later on one client now and then meets it, each time after a longer rest; nobody else waits."""
        kit = self.balancer("a", "b", attemptDelay=DELAY)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        self.wait(kit, DELAY)
        waits = self.crowd(kit, 100, each=3)
        # After rests of 1, 2, 4, 8, 16, 20, 20 and 20 s; each time it takes the delay to find out once more.
        self.assertEqual(kit.backends["a"].attempts, 1 + 8)
        self.assertEqual(sum(waited > 0 for waited in waits), 8)
        self.assertEqual(max(waits), DELAY)

    def test_oneClientAtATime(self) -> None:
        """While one client tries it after its rest, all others go elsewhere, and do not wait, however many come."""
        kit = self.balancer("a", "b", attemptDelay=8)
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.connect()
        kit.backends["a"].behaviour = Behaviour.HANGS
        self.wait(kit, 1)
        waits = self.crowd(kit, 5, each=20)
        self.assertEqual((kit.backends["a"].attempts, kit.backends["a"].pending), (2, 1))
        self.assertEqual((set(waits), len(waits)), ({0.0}, 5 * 8 * 20 - 1))

    def test_allAreBlackHolesButOne(self) -> None:
        """Of many black holes the clients find the one that serves, and those who come later begin with it."""
        kit = self.balancer(*"abcdefgh", attemptDelay=DELAY)
        for id in "abcdefg":
            kit.backends[id].behaviour = Behaviour.HANGS
        kit.connect()
        self.wait(kit, 7 * DELAY)
        self.assertEqual(told(kit.events, PairOpened)[0].dialSeconds, 7 * DELAY)
        kit.events.clear()
        for id in "abcdefg":
            kit.balancer.setVerdict(id, Verdict.RESTING, "still", by="test")  # no matter whose rest is over
        self.assertEqual(set(self.crowd(kit, 2, each=5)), {0.0})
        self.assertEqual(set(served(kit)), {"h"})

    def test_recovers(self) -> None:
        """The first client that gets through ends it: from then on it has its turns as ever."""
        kit = self.balancer("a", "b", attemptDelay=DELAY)
        kit.backends["a"].behaviour = Behaviour.HANGS
        self.crowd(kit, 3)
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        self.wait(kit, 4)
        kit.events.clear()
        for _ in range(10):
            kit.connect()
        self.assertEqual(sorted(served(kit)), ["a"] * 5 + ["b"] * 5)
        self.assertEqual(kit.balancer.describe()["backends"][0]["state"], "ready")

    def test_answersSomebodyElse(self) -> None:
        """A backend that has answered a check is tried again before its rest is over."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        self.crowd(kit, 40)  # its rest is a long one now
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.events.clear()
        self.crowd(kit, 1)
        self.assertNotIn("a", served(kit))
        kit.balancer.answered("a")
        kit.connect()
        kit.connect()
        self.assertIn("a", served(kit))


class RefusalTests(RestingCase):
    """A backend that refuses, among others that do not."""

    def test_nobodyWaits(self) -> None:
        """Nobody waits for it or fails for it, and it is tried a few times a minute at the most."""
        kit = self.balancer("a", "b", "c")
        kit.backends["b"].behaviour = Behaviour.REFUSES
        waits = self.crowd(kit, 120, each=2)
        self.assertEqual((set(waits), len(waits)), ({0.0}, 120 * 8 * 2))
        self.assertLess(kit.backends["b"].attempts, 12)
        self.assertEqual(self.unserved(kit), [])

    def test_flaps(self) -> None:
        """A backend that comes and goes all the time costs no client, and is used now and then."""
        kit = self.balancer("a", "b")
        for round_ in range(300):
            kit.backends["a"].behaviour = Behaviour.REFUSES if round_ % 2 else Behaviour.CONNECTS
            kit.connect()
            kit.connect()
            kit.advance(0.375)
        self.assertEqual((len(served(kit)), self.unserved(kit)), (600, []))
        self.assertIn("a", served(kit)[300:])

    def test_restingIsBetterThanDown(self) -> None:
        """A resting backend is preferred to those that checks speak against."""
        kit = self.balancer("a", "b", "c")
        for id, verdict in (("a", Verdict.DEAD), ("b", Verdict.RESTING), ("c", Verdict.NOT_READY)):
            kit.balancer.setVerdict(id, verdict, "")
        kit.connect()
        self.assertEqual(served(kit), "b")


class EvidenceTests(RestingCase):
    """What does not speak against a backend."""

    def rig(self, **options: float) -> tuple[MemoryBalancer, HandBackend]:
        """A balancer over C{a}, which is answered by hand, and C{b}."""
        kit = self.balancer("b", **options)
        hand = HandBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": hand, "b": kit.backends["b"]}))
        return kit, hand

    def state(self, kit: MemoryBalancer) -> str:
        """What is known of C{a}."""
        state: str = kit.balancer.describe()["backends"][0]["state"]
        return state

    def test_ownTrouble(self) -> None:
        """Errors of this machine make nobody rest, however many there are."""
        kit, hand = self.rig()
        for number in range(10):
            kit.connect()
            hand.fail(ConnectBindError(errno.EMFILE), number)
            kit.advance()
        self.assertEqual((self.state(kit), len(hand.dials)), ("ready", 10))

    def test_othersGotThrough(self) -> None:
        """One attempt without an answer, while others come through, is a lost packet and nothing more."""
        kit, hand = self.rig(attemptDelay=DELAY)
        for _ in range(3):
            kit.connect()
        hand.succeed(1)
        kit.advance(DELAY)
        self.assertEqual((sorted(served(kit)), self.state(kit)), (["a", "b", "b"], "ready"))
        self.assertFalse(told(kit.events, DialFailed)[0].isEvidence)

    def test_nobodyGotThrough(self) -> None:
        """Where nobody came through meanwhile the first one that was overtaken makes it rest."""
        kit, hand = self.rig(attemptDelay=DELAY)
        for _ in range(3):
            kit.connect()
        kit.advance(DELAY)
        self.assertEqual((served(kit), self.state(kit), hand.cancelled), ("bbb", "resting", 2))

    def test_errorsCount(self) -> None:
        """A refusal counts, also while others come through."""
        kit, hand = self.rig()
        for _ in range(3):
            kit.connect()
        hand.succeed(1)
        hand.fail(ConnectionRefusedError(), 0)
        self.assertEqual(self.state(kit), "resting")
