"""Why a backend is picked or not: the events, the log of decisions, and the lines in the log."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.unit.explaincase import ExplainCase
from tests.unit.loglines import logLines
from tests.unit.rigs import told
from tinylb import BackendPicked, BackendSet, Verdict, VerdictChanged
from tinylb.decisions import MOST
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer


class DecisionTests(ExplainCase):
    """What was decided."""

    def test_sets(self) -> None:
        """Who came, who left, and who is somewhere else now, with the number of the set."""
        kit = self.balancer("a", "b")
        moved = MemoryBackend(kit.clock, "elsewhere")
        kit.balancer.replaceBackends(BackendSet({"a": moved, "c": MemoryBackend(kit.clock, "c")}))
        expected = [
            ("a", "moved", "it was at a before set 2"),
            ("b", "removed", "it is not in set 2"),
            ("c", "added", "it is in set 2"),
            ("b", "added", "it is in set 1"),
            ("a", "added", "it is in set 1"),
        ]
        self.assertEqual(self.decided(kit), expected)
        decision = next(each for each in kit.balancer.explain() if each["what"] == "moved")
        self.assertEqual(decision["target"], "elsewhere")

    def test_targetRemoved(self) -> None:
        """What a target's leaving ended; where it ended nothing there is no word of it."""
        kit = self.balancer("a", "b")
        kit.connect()
        kit.publish("b")
        kit.publish()
        removed = [each for each in kit.balancer.explain() if each["what"] == "target removed"]
        self.assertEqual(
            [(each["backend"], each["target"], each["why"]) for each in removed], [(None, "a", removed[0]["why"])]
        )
        self.assertEqual(removed[0]["why"], "1 connection ended, 0 dials cancelled")

    def test_verdicts(self) -> None:
        """Each change of a verdict, the newest first, with its evidence and what it ended."""
        kit = self.balancer("a", "b")
        kit.connect()
        for verdict, why in ((Verdict.NOT_READY, "503"), (Verdict.DEAD, "refused"), (Verdict.READY, "200")):
            kit.balancer.setVerdict("a", verdict, why)
        expected = [("a", "ready", "200"), ("a", "dead", "refused; 1 connection ended"), ("a", "not-ready", "503")]
        self.assertEqual(self.decided(kit)[:3], expected)

    def test_newestFirst(self) -> None:
        """Whatever they are about, the latest decisions come first, with times of ISO 8601 in UTC."""
        kit = self.balancer("a", "b", "c")
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        kit.publish("a", "b")
        kit.balancer.setVerdict("b", Verdict.NOT_READY, "503")
        moments = [datetime.fromisoformat(each["time"] or "") for each in kit.balancer.explain()]
        self.assertEqual(moments, sorted(moments, reverse=True))
        self.assertEqual({moment.utcoffset() for moment in moments}, {timedelta(0)})

    def test_clockSetBack(self) -> None:
        """They come in the order in which they were made, even where somebody has set the wall clock back meanwhile."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("a", Verdict.DEAD, "before")
        self.seconds -= 3600
        kit.balancer.setVerdict("a", Verdict.READY, "after")
        self.assertEqual([why for _, _, why in self.decided(kit)][:2], ["after", "before"])

    def test_bounded(self) -> None:
        """The latest are kept, and no more, however long it goes on; who is picked or passed over is always there."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("b", Verdict.DEAD, "gone for long")
        for number in range(1000):
            kit.balancer.setVerdict("a", (Verdict.READY, Verdict.NOT_READY)[number % 2], f"change {number}")
        decided = self.decided(kit)
        self.assertEqual(len(decided), MOST)
        self.assertEqual(decided[0], ("a", "not-ready", "change 999"))
        self.assertEqual(len(self.explained(kit)), MOST + 2)

    def test_dials(self) -> None:
        """What dialling taught is explained: the rest, that it is over, and the success that made it good."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.connect()
        self.assertRegex(self.latest(kit, "a"), "^resting: Connection was refused .*; it rests for 1.0 s$")
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.advance(1)
        self.assertRegex(self.latest(kit, "a"), "^resting: .*; it may be tried again, by one client at a time$")
        kit.connect()
        self.assertEqual(self.latest(kit, "a"), "ready: it accepts connections again")

    def test_otherReasons(self) -> None:
        """
        Beside the reason for which a verdict came about only the latest other one is told, so that checks do not drive
        out all the rest; and that one only while the verdict lasts.
        """
        kit = self.balancer("a", "b")
        for number in range(2 * MOST):
            kit.balancer.setVerdict("a", Verdict.NOT_READY, f"reason {number}")
            kit.balancer.setVerdict("b", Verdict.DEAD, f"reason {number}")
        decided = [what for _, what, _ in self.decided(kit)]
        self.assertEqual(decided, ["dead", "not-ready", "dead", "not-ready", "added", "added"])
        kit.balancer.setVerdict("b", Verdict.READY, "it is back")
        told = [f"{what}: {why}" for at, what, why in self.decided(kit) if at == "b"]
        self.assertEqual(told[:-1], ["ready: it is back", "dead: reason 0"])

    def latest(self, kit: MemoryBalancer, id: str) -> str:
        """The latest decision about a backend."""
        return next(f"{what}: {why}" for at, what, why in self.decided(kit) if at == id)


class EventTests(ExplainCase):
    """The same for observers."""

    def test_verdict(self) -> None:
        """A change names what the verdict was, all ids that lead there, and how many backends are ready now."""
        kit = self.balancer()
        backend = MemoryBackend(kit.clock, "x")
        kit.balancer.replaceBackends(BackendSet({"a": backend, "b": backend, "c": MemoryBackend(kit.clock, "y")}))
        kit.balancer.setVerdict("x", Verdict.NOT_READY, "503")
        kit.balancer.setVerdict("x", Verdict.DEAD, "refused")
        kit.balancer.setVerdict("y", Verdict.RESTING, "slow")
        kit.balancer.setVerdict("x", Verdict.READY, "200")
        changes = [
            (event.target, event.former.value, event.verdict.value, event.backends, event.ready)
            for event in told(kit.events, VerdictChanged)
        ]
        expected = [
            ("x", "ready", "not-ready", ("a", "b"), 1),
            ("x", "not-ready", "dead", ("a", "b"), 1),
            ("y", "ready", "resting", ("c",), 0),
            ("x", "dead", "ready", ("a", "b"), 2),
        ]
        self.assertEqual(changes, expected)

    def test_pick(self) -> None:
        """A pick says which backends were passed over for it, and why: those that are preferred less."""
        kit = self.balancer("a", "b", "c")
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        kit.balancer.setVerdict("c", Verdict.RESTING, "slow")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.REFUSES
        kit.connect()
        picks = [(pick.backend, dict(pick.passedOver)) for pick in told(kit.events, BackendPicked)]
        self.assertEqual(picks[0], ("b", {"c": "resting: slow", "a": "not-ready: 503"}))
        self.assertEqual((picks[1][0], set(picks[1][1])), ("c", {"a"}))
        self.assertEqual(picks[2], ("a", {}))

    def test_everybodyIsEqual(self) -> None:
        """Where nobody is passed over a pick says so."""
        kit = self.balancer("a", "b")
        kit.connect()
        (pick,) = told(kit.events, BackendPicked)
        self.assertEqual(pick.passedOver, ())


class LineTests(ExplainCase):
    """The same in the log: one line for each change."""

    def test_changes(self) -> None:
        """Each change of a verdict is a line, and the same one for another reason is none, however often."""
        kit = self.balancer("a", "b")
        lines = logLines(self)
        for verdict in (Verdict.NOT_READY, Verdict.DEAD, Verdict.READY):
            for number in range(100):
                kit.balancer.setVerdict("a", verdict, f"check {number}", by="checks")
        expected = [
            "warn: Backend a is not-ready: check 0; 1 ready",
            "warn: Backend a is dead: check 0; 1 ready",
            "info: Backend a is ready: check 0; 2 ready",
        ]
        self.assertEqual(lines, expected)

    def test_renewedRests(self) -> None:
        """A rest is a line; its end, a failure after it, and the next rest are none."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        lines = logLines(self)
        for _ in range(100):
            kit.connect()
            kit.advance(0.5)
        self.assertGreaterEqual(kit.backends["a"].attempts, 5)
        self.assertEqual([line.split(":")[1] for line in lines], [" Backend a is resting"])

    def test_nobodyLeft(self) -> None:
        """That nobody is ready any more is in the line of the last one, and that somebody is, in the next."""
        kit = self.balancer("a", "b")
        lines = logLines(self)
        for target in "ab":
            kit.balancer.setVerdict(target, Verdict.NOT_READY, "503")
        kit.balancer.setVerdict("b", Verdict.READY, "200")
        self.assertEqual(
            [line.rsplit("; ")[-1] for line in lines], ["1 ready", "no backend is ready, so all are tried", "1 ready"]
        )

    def test_endedLater(self) -> None:
        """Connections of a dead backend that were spared are a line of its own when they end."""
        kit = self.balancer("a", "b")
        kit.connect()
        for target in "ba":
            kit.balancer.setVerdict(target, Verdict.DEAD, "refused")
        lines = logLines(self)
        kit.balancer.setVerdict("b", Verdict.READY, "200")
        expected = [
            "info: Backend b is ready: 200; 1 ready",
            "warn: Backend a is dead: refused; 1 ready; 1 connection ended",
        ]
        self.assertEqual(lines, expected)
