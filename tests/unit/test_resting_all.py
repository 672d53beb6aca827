"""All backends rest, or are worse: nobody is taken out when nothing better is left, and nobody waits in vain."""

from __future__ import annotations

from tests.unit.restingcase import DELAY, RestingCase
from tests.unit.rigs import served, told
from tests.unit.test_reactions import Reaction
from tinylb import ClientUnserved, CloseReason, DialFailed, Verdict
from tinylb.dial import ATTEMPTS_PER_CLIENT
from tinylb.manners import MANNERS, RELUCTANCE
from tinylb.testing import Behaviour


class NobodyElseTests(RestingCase):
    """All backends rest, or are worse: all are tried."""

    def test_lastOne(self) -> None:
        """The only backend is tried for each client at once, though it rests: better than to send them away."""
        kit = self.suspects("a")
        clients = [kit.connect() for _ in range(5)]
        self.assertEqual(self.pending(kit), {"a": 5})
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        self.assertEqual(served(kit), "aaaaa")
        self.assertEqual([client.ending for client in clients], [None] * 5)

    def test_allRest(self) -> None:
        """When all rest all are tried, and those who come together are spread over them before anybody doubles."""
        kit = self.suspects("a", "b", "c")
        for _ in range(3):
            kit.connect()
        self.assertEqual(self.pending(kit), {"a": 1, "b": 1, "c": 1})
        for _ in range(3):
            kit.connect()
        self.assertEqual(sum(self.pending(kit).values()), 6)

    def test_allRefuse(self) -> None:
        """While all refuse each client tries each once, and is told at once; the first success changes that."""
        kit = self.balancer("a", "b", "c")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.REFUSES
        for _ in range(20):
            kit.connect()
        self.assertEqual([backend.attempts for backend in kit.backends.values()], [20, 20, 20])
        self.assertEqual(self.unserved(kit), [CloseReason.DIAL_FAILED] * 20)
        kit.backends["c"].behaviour = Behaviour.CONNECTS
        for _ in range(5):
            kit.connect()
        self.assertEqual(served(kit), "ccccc")
        self.assertLessEqual(sum(backend.attempts for backend in kit.backends.values()), 60 + 2 + 5)

    def test_allAreDown(self) -> None:
        """When checks speak against all of them, all are tried, the better ones first."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused", by="checks")
        kit.balancer.setVerdict("b", Verdict.NOT_READY, "503", by="checks")
        kit.connect()
        kit.backends["b"].behaviour = Behaviour.REFUSES
        kit.connect()
        self.assertEqual((served(kit), self.unserved(kit)), ("ba", []))

    def test_reluctance(self) -> None:
        """A backend that is down is no remedy for one that is slow: it is tried beside it only after a while."""
        kit = self.balancer("a", "b", attemptDelay=DELAY)
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused", by="checks")
        kit.backends["b"].behaviour = Behaviour.HANGS
        kit.connect()
        self.wait(kit, RELUCTANCE * DELAY - 0.125)
        self.assertEqual(kit.backends["a"].attempts, 0)
        self.wait(kit, 0.125)
        self.assertEqual(served(kit), "a")

    def test_lastOneOfMany(self) -> None:
        """However many are silent that nothing was known against, a resting one that serves is reached in the end."""
        kit = self.balancer(*"abcdef", attemptDelay=DELAY)
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        kit.balancer.setVerdict("f", Verdict.RESTING, "refused")
        kit.connect()
        self.wait(kit, 5 * DELAY)
        self.assertEqual((self.pending(kit)["f"], sum(self.pending(kit).values())), (1, ATTEMPTS_PER_CLIENT))
        kit.backends["f"].behaviour = Behaviour.CONNECTS
        kit.backends["f"].answer()
        self.assertEqual(served(kit), "f")

    def test_allHang(self) -> None:
        """While all hang each client waits for its own time and no longer; the first that is served ends it."""
        kit = self.balancer("a", "b", dialTimeout=2, attemptDelay=DELAY)
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        self.crowd(kit, 10)
        self.assertEqual(set(self.unserved(kit)), {CloseReason.DIAL_TIMEOUT})
        waited = {event.seconds for event in told(kit.events, ClientUnserved)}
        self.assertEqual(waited, {2.0})
        self.wait(kit, 2)
        self.assertEqual(kit.balancer.describe()["dialing"], 0)
        kit.backends["b"].behaviour = Behaviour.CONNECTS
        self.assertLessEqual(max(self.crowd(kit, 2, each=5)), DELAY)
        self.assertEqual(kit.balancer.describe()["dialing"], 0)


class WaitingTests(RestingCase):
    """A client that has an attempt under way, and for whom nobody else is left but one that another client tries."""

    def test_waits(self) -> None:
        """It does not join in the other's attempt, but waits to see what becomes of it."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=10)
        kit.connect()
        kit.connect()
        self.wait(kit, MANNERS * DELAY - 0.125)
        self.assertEqual(self.pending(kit), {"a": 1, "b": 1})

    def test_waitsNoLonger(self) -> None:
        """It does not wait for ever: when that comes to nothing either it joins in."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=10)
        kit.connect()
        kit.connect()
        self.wait(kit, MANNERS * DELAY)
        self.assertEqual(self.pending(kit), {"a": 2, "b": 2})

    def test_itsTurn(self) -> None:
        """When the other's attempt has failed it is its turn to try, at once."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=10)
        kit.connect()
        kit.connect()
        self.wait(kit, DELAY)
        before = kit.backends["a"].attempts
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.backends["a"].answer()
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.advance()
        self.assertEqual((served(kit), kit.backends["a"].attempts), ("a", before + 1))

    def test_nothingUnderWay(self) -> None:
        """A client that has no attempt under way any more waits for nobody: it joins in."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=10)
        kit.connect()
        kit.connect()
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.backends["a"].answer()
        self.assertEqual(self.pending(kit), {"a": 0, "b": 2})

    def test_allAreServed(self) -> None:
        """However many wait: as soon as the other's attempt succeeds, all are served within the attempt delay."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=10)
        for _ in range(20):
            kit.connect()
        self.wait(kit, 3)
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        self.wait(kit, DELAY)
        self.assertEqual((len(served(kit)), kit.balancer.describe()["dialing"]), (20, 0))

    def test_nobodyIsForgotten(self) -> None:
        """If nothing ever answers, each of them is told when its own time is over."""
        kit = self.suspects("a", "b", attemptDelay=DELAY, dialTimeout=3)
        kit.events.clear()
        self.crowd(kit, 2, each=3)
        self.wait(kit, 3)
        self.assertEqual(self.unserved(kit), [CloseReason.DIAL_TIMEOUT] * 48)
        self.assertEqual({event.seconds for event in told(kit.events, ClientUnserved)}, {3.0})
        self.assertEqual(self.pending(kit), {"a": 0, "b": 0})


class EndTests(RestingCase):
    """The end of a balancer."""

    def test_nothingIsLeft(self) -> None:
        """A balancer that has come to its end waits for no rest, also if it ended while failures were being told."""
        kit = self.balancer("a", "b", dialTimeout=1, attemptDelay=DELAY)
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        Reaction(kit, DialFailed, lambda: kit.balancer.drain(0))
        kit.connect()
        self.wait(kit, 1)
        self.assertEqual(self.unserved(kit), [CloseReason.STOPPING])
        self.assertEqual(kit.clock.getDelayedCalls(), [])
