"""What checks and applications say of a target, what comes of it, and what counts when they differ."""

from __future__ import annotations

from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import CloseReason, LoadBalancer, PairClosed, Verdict, VerdictChanged
from tinylb.findings import Finding
from tinylb.testing import Behaviour, MemoryBalancer, MemoryPeer


class DownCase(BalancerTestCase):
    """Tests over C{a}, which has one client, and C{b}."""

    def open(self, **options: str) -> tuple[MemoryBalancer, MemoryPeer]:
        """The balancer, and a client that C{a} serves."""
        kit = self.balancer("a", "b", **options)
        return kit, kit.connect()

    def judge(self, kit: MemoryBalancer, by: str = "checks", **verdicts: Verdict) -> None:
        """Somebody has found this out, and what follows from it has followed."""
        for target, verdict in verdicts.items():
            kit.balancer.setVerdict(target, verdict, f"{by} say so", by=by)
        kit.advance()

    def state(self, kit: MemoryBalancer, id: str = "a") -> str:
        """What counts of a backend."""
        states: dict[str, str] = {known["id"]: known["state"] for known in kit.balancer.describe()["backends"]}
        return states[id]


class SparedTests(DownCase):
    """The connections of a dead target, while nothing else is usable, and afterwards."""

    def spared(self, other: Verdict) -> tuple[MemoryBalancer, MemoryPeer]:
        """C{a} is dead, C{b} is no better than this; and so the client stays."""
        kit, client = self.open()
        self.judge(kit, b=other)
        self.judge(kit, a=Verdict.DEAD)
        self.assertIsNone(client.ending, f"the other was {other}")
        return kit, client

    def test_nothingElse(self) -> None:
        """While the others rest, are not ready, dead or draining, nothing is aborted."""
        for other in Verdict:
            if other is not Verdict.READY:
                self.spared(other)

    def test_recovers(self) -> None:
        """When a check finds another one ready they end, and the event of the dead one says how many."""
        kit, client = self.spared(Verdict.DEAD)
        self.judge(kit, b=Verdict.NOT_READY)
        self.assertIsNone(client.ending)
        self.judge(kit, b=Verdict.READY)
        self.assertEqual(client.ending, "reset")
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.TARGET_DEAD)
        self.assertEqual([event.pairs for event in told(kit.events, VerdictChanged) if event.target == "a"], [0, 1])

    def test_joins(self) -> None:
        """When another one joins the set they end."""
        kit, client = self.spared(Verdict.DEAD)
        kit.publish("a", "b", "c")
        kit.advance()
        self.assertEqual(client.ending, "reset")

    def test_aClientGetsThrough(self) -> None:
        """When a client's connection shows that another one serves they end, and that client is served."""
        kit, client = self.open()
        kit.backends["b"].behaviour = Behaviour.REFUSES
        kit.connect().reset()
        self.judge(kit, a=Verdict.DEAD)
        kit.backends["b"].behaviour = Behaviour.CONNECTS
        self.assertIsNone(client.ending)
        last = kit.connect()
        kit.advance()
        self.assertEqual((client.ending, last.ending, served(kit)[-1]), ("reset", None, "b"))

    def test_dueIsNotEnough(self) -> None:
        """That another one's rest is over does not show that it serves: nothing is aborted for that."""
        kit, client = self.open()
        kit.backends["b"].behaviour = Behaviour.REFUSES
        kit.connect()
        self.judge(kit, a=Verdict.DEAD)
        kit.clock.pump([0.125] * 80)
        self.assertIsNone(client.ending)

    def test_back(self) -> None:
        """A target that comes back to life in time keeps its connections for good."""
        kit, client = self.spared(Verdict.DEAD)
        self.judge(kit, a=Verdict.NOT_READY)
        self.judge(kit, b=Verdict.READY)
        self.assertIsNone(client.ending)


class DialTests(DownCase):
    """Clients that are being dialled to a target when it is found dead."""

    def test_goElsewhere(self) -> None:
        """Where somebody else is ready they go there at once."""
        kit = self.balancer("a", "b", attemptDelay=5)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        self.judge(kit, a=Verdict.DEAD)
        self.assertEqual((served(kit), kit.backends["a"].pending), ("b", 0))

    def test_stay(self) -> None:
        """Where nobody is they go on: it may answer yet."""
        kit = self.balancer("a", attemptDelay=5)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        self.judge(kit, a=Verdict.DEAD)
        self.assertEqual(kit.backends["a"].pending, 1)
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        self.assertEqual(served(kit), "a")

    def test_nowhereElse(self) -> None:
        """A client that has tried the others in vain goes on, also if one of them is said to be ready just then."""
        kit = self.balancer("a", "b")
        self.judge(kit, b=Verdict.DEAD)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.backends["a"].answer()
        kit.balancer.answered("a")
        kit.advance()
        self.assertEqual(served(kit), "b")

    def test_lastResort(self) -> None:
        """A client that a dead one serves after all, as the others do not, is left alone by other news."""
        kit = self.balancer("a", "b")
        kit.backends["b"].behaviour = Behaviour.HANGS
        self.judge(kit, a=Verdict.DEAD)
        client = kit.connect()
        kit.clock.pump([0.125] * 20)
        self.assertEqual(served(kit), "a")
        self.judge(kit, by="somebody", b=Verdict.READY)
        self.judge(kit, by="somebody", a=Verdict.NOT_READY)
        self.assertIsNone(client.ending)


class ReactionTests(DownCase):
    """What an operator may choose."""

    def test_keep(self) -> None:
        """With C{keep} the connections of a dead target stay, whatever else there is; new ones go elsewhere."""
        kit, client = self.open(onDown="keep")
        self.judge(kit, a=Verdict.DEAD)
        kit.connect()
        kit.connect()
        kit.publish("a", "b", "c")
        kit.advance()
        self.assertEqual((client.ending, served(kit)), (None, "abb"))

    def test_keepIsNotForever(self) -> None:
        """They end all the same when their target leaves the set."""
        kit, client = self.open(onDown="keep")
        self.judge(kit, a=Verdict.DEAD)
        kit.publish("b")
        kit.advance()
        self.assertEqual(client.ending, "reset")

    def test_anythingElse(self) -> None:
        """Any other reaction is an error that names what there is."""
        clock = self.balancer().clock
        error = self.assertRaises(ValueError, LoadBalancer, clock, onDown="drop")
        self.assertEqual(str(error), "onDown is 'drop', not 'abort' or 'keep'")


class SourceTests(DownCase):
    """Dials, checks and applications, side by side."""

    def test_theWorstCounts(self) -> None:
        """What one says does not undo what another said, in whatever order they say it."""
        kit, _ = self.open()
        self.judge(kit, by="application", a=Verdict.NOT_READY)
        self.judge(kit, by="checks", a=Verdict.READY)
        self.assertEqual(self.state(kit), "not-ready")
        self.judge(kit, by="checks", a=Verdict.DEAD)
        self.assertEqual(self.state(kit), "dead")
        self.judge(kit, by="checks", a=Verdict.RESTING)
        self.assertEqual(self.state(kit), "not-ready")
        self.judge(kit, by="application", a=Verdict.READY)
        self.assertEqual(self.state(kit), "resting")

    def test_onlyWhatCountsIsTold(self) -> None:
        """That somebody finds what is outweighed by what another said is no event."""
        kit, _ = self.open()
        self.judge(kit, by="application", a=Verdict.DRAINING)
        self.judge(kit, by="checks", a=Verdict.NOT_READY)
        self.judge(kit, by="checks", a=Verdict.READY)
        self.judge(kit, by="application", a=Verdict.READY)
        changes = [(event.former, event.verdict, event.why) for event in told(kit.events, VerdictChanged)]
        self.assertEqual(
            changes,
            [
                (Verdict.READY, Verdict.DRAINING, "application say so"),
                (Verdict.DRAINING, Verdict.READY, "application say so"),
            ],
        )

    def test_otherReasonIsTold(self) -> None:
        """That a verdict has another reason now is one."""
        kit, _ = self.open()
        for why in ("status 503", "status 500", "status 500"):
            kit.balancer.setVerdict("a", Verdict.NOT_READY, why)
        self.assertEqual([event.why for event in told(kit.events, VerdictChanged)], ["status 503", "status 500"])

    def test_sparedIsNotTold(self) -> None:
        """Nor is it one that a dead target's connections are spared for now, or no longer, if it has none."""
        kit, client = self.open()
        client.reset()
        kit.advance()
        for isSparing in (False, True, False):
            finding = Finding(Verdict.DEAD, "refused", isSparing=isSparing)
            kit.balancer.judge("a", finding, by="checks")
        self.assertEqual([event.why for event in told(kit.events, VerdictChanged)], ["refused"])

    def test_noLongerSpared(self) -> None:
        """It is one that they end, and the event says how many."""
        kit, client = self.open()
        kit.balancer.judge("a", Finding(Verdict.DEAD, "refused", isSparing=True), by="checks")
        self.assertIsNone(client.ending)
        kit.balancer.judge("a", Finding(Verdict.DEAD, "refused"), by="checks")
        kit.advance()
        self.assertEqual(client.ending, "reset")
        self.assertEqual([event.pairs for event in told(kit.events, VerdictChanged)], [0, 1])

    def test_checksDoNotEndARest(self) -> None:
        """A backend that refuses clients rests, though it passes all checks."""
        kit, _ = self.open()
        kit.backends["b"].behaviour = Behaviour.REFUSES
        kit.connect()
        self.judge(kit, by="checks", b=Verdict.READY)
        self.assertEqual(self.state(kit, "b"), "resting")

    def test_clientsDoNotUndoChecks(self) -> None:
        """A backend that accepts connections is not ready all the same, while checks say so."""
        kit, _ = self.open()
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.REFUSES
        kit.connect()
        self.judge(kit, a=Verdict.NOT_READY, b=Verdict.NOT_READY)
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.CONNECTS
        kit.connect()
        kit.connect()
        self.assertEqual((self.state(kit, "a"), self.state(kit, "b")), ("not-ready", "not-ready"))
        self.judge(kit, a=Verdict.READY, b=Verdict.READY)
        self.assertEqual((self.state(kit, "a"), self.state(kit, "b")), ("ready", "ready"))

    def test_byDefault(self) -> None:
        """Who does not say who he is speaks for the application, with one voice."""
        kit, _ = self.open()
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "maintenance")
        kit.balancer.setVerdict("a", Verdict.READY, "done", by="application")
        self.assertEqual(self.state(kit), "ready")

    def test_forgotten(self) -> None:
        """Whatever anybody said of a target is forgotten when it leaves the set."""
        kit, _ = self.open()
        self.judge(kit, by="application", b=Verdict.NOT_READY)
        self.judge(kit, by="checks", b=Verdict.DEAD)
        kit.publish("a")
        kit.publish("a", "b")
        self.assertEqual(self.state(kit, "b"), "ready")
