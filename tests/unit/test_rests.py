"""Rests: what a failed attempt makes of its target, for how long, and what ends it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendRecovered, DialFailed, DialFailure, TargetRemoved, Verdict
from tinylb.findings import Finding
from tinylb.rests import Rests


class RestsCase(SynchronousTestCase):
    """Rests on a clock, of targets in a set; what they find is kept."""

    def setUp(self) -> None:
        """No jitter, unless a test wants some."""
        self.clock = Clock()
        self.targets = {"a", "b"}
        self.found: list[tuple[str, Finding]] = []
        self.jitter: Iterator[float] = repeat(0.0)
        self.rests = Rests(self.clock, lambda: next(self.jitter), self.judge)

    def judge(self, target: str, finding: Finding, *, by: str) -> bool:
        """As a pool does it."""
        self.assertEqual(by, "dials")
        self.found.append((target, finding))
        return target in self.targets

    def attemptFails(
        self,
        target: str = "a",
        kind: DialFailure = DialFailure.REFUSED,
        why: str = "refused",
        isEvidence: bool = True,
    ) -> None:
        """An attempt has failed."""
        self.rests.observe(DialFailed(None, target, target, kind, why, 0.0, isEvidence))

    def recover(self, target: str = "a") -> None:
        """An attempt has succeeded where the last one had failed."""
        self.rests.observe(BackendRecovered(None, target, target))

    def isDue(self, target: str = "a") -> bool:
        """Whether the latest that was found of a target is that its rest is over."""
        return next(finding.isDue for at, finding in reversed(self.found) if at == target)

    def rest(self, target: str = "a") -> float:
        """Fail once, and let the rest pass: how long that takes, to an eighth of a second."""
        self.attemptFails(target)
        return self.wait(target)

    def wait(self, target: str = "a") -> float:
        """Let a rest pass: how long that takes, to an eighth of a second."""
        began = self.clock.seconds()
        while not self.isDue(target):
            self.assertLess(self.clock.seconds() - began, 60, "it rests for ever")
            self.clock.advance(0.125)
        return self.clock.seconds() - began


class LengthTests(RestsCase):
    """How long a target rests."""

    def test_failure(self) -> None:
        """A failed attempt makes its target rest, and says why and for how long; then its turn comes again."""
        self.attemptFails(why="connection refused")
        self.assertEqual(self.found, [("a", Finding(Verdict.RESTING, "connection refused; it rests for 1.0 s"))])
        self.clock.advance(0.99)
        self.assertEqual(len(self.found), 1)
        self.clock.advance(0.01)
        target, finding = self.found[-1]
        self.assertEqual((target, finding.verdict, finding.isDue), ("a", Verdict.RESTING, True))
        self.assertIn("connection refused", finding.why)

    def test_grow(self) -> None:
        """With each failure after a rest the next is twice as long, and none is longer than the longest."""
        self.assertEqual([self.rest() for _ in range(8)], [1, 2, 4, 8, 16, 20, 20, 20])

    def test_bounds(self) -> None:
        """The first rest takes from 1 s to 1.5 s, and none takes more than 30 s, however often it fails."""
        self.jitter = repeat(0.999999)
        lengths = [self.rest() for _ in range(50)]
        self.assertEqual((lengths[0], max(lengths), lengths[-1]), (1.5, 30.0, 30.0))

    def test_jitter(self) -> None:
        """Each rest has a jitter of its own, so that those who failed together do not come back together."""
        self.jitter = chain((0.0, 0.5, 1.0), repeat(0.25))
        self.targets |= {"c"}
        for target in "abc":
            self.attemptFails(target)
        due = []
        for _ in range(6):
            self.clock.advance(0.25)
            due.append("".join(target for target in "abc" if self.isDue(target)))
        self.assertEqual(due, ["", "", "", "a", "ab", "abc"])
        self.assertEqual(self.rest(), 2.25)

    def test_failuresDuringARest(self) -> None:
        """What fails while the target rests neither lengthens the rest, nor is told, nor counts for the next one."""
        self.attemptFails()
        for _ in range(7):
            self.clock.advance(0.125)
            self.attemptFails()
        self.assertEqual(len(self.found), 1)
        self.assertEqual(self.wait(), 0.125)
        self.assertEqual(self.rest(), 2)

    def test_eachItsOwn(self) -> None:
        """The rests of one target say nothing about another."""
        self.rest("a")
        self.attemptFails("b")
        self.attemptFails("a")
        self.clock.advance(1)
        self.assertEqual((self.isDue("b"), self.isDue("a")), (True, False))


class CauseTests(RestsCase):
    """What counts as a failure."""

    def test_anyKind(self) -> None:
        """Whatever failed, too slow included, makes a rest."""
        for kind in DialFailure:
            self.targets.add(kind.value)
            self.attemptFails(kind.value, kind)
            self.assertEqual([(at, it.verdict) for at, it in self.found], [(kind.value, Verdict.RESTING)])
            self.found.clear()

    def test_noEvidence(self) -> None:
        """A failure that does not speak against the backend makes no rest."""
        self.attemptFails(kind=DialFailure.LOCAL, isEvidence=False)
        self.assertEqual((self.found, self.clock.getDelayedCalls()), ([], []))

    def test_noEvidenceBetween(self) -> None:
        """Between two failures that count, such a one makes the second one's rest neither longer nor shorter."""
        self.rest()
        self.attemptFails(isEvidence=False)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.rest(), 2)

    def test_notInTheSet(self) -> None:
        """A failure at a target that has left the set is nobody's: nothing waits for its end, nor is remembered."""
        self.targets.remove("a")
        self.attemptFails()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.targets.add("a")
        self.assertEqual(self.rest(), 1)


class EndTests(RestsCase):
    """What ends a rest before its time."""

    def test_success(self) -> None:
        """One success makes a target ready at once, in the midst of its rest, and nothing of the rest is left."""
        self.attemptFails()
        self.clock.advance(0.5)
        self.recover()
        self.assertEqual(self.found[-1], ("a", Finding(Verdict.READY, "it accepts connections again")))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_successAfterwards(self) -> None:
        """So it does when the rest is over already."""
        self.rest()
        self.recover()
        self.assertIs(self.found[-1][1].verdict, Verdict.READY)

    def test_beginsAnew(self) -> None:
        """After a success the rests begin with the shortest again."""
        lengths = [self.rest(), self.rest(), self.rest()]
        self.recover()
        self.assertEqual((lengths, self.rest()), ([1, 2, 4], 1))

    def test_successWithoutARest(self) -> None:
        """That somebody connects who does not rest is no news."""
        self.recover()
        self.attemptFails("b", isEvidence=False)
        self.recover("b")
        self.assertEqual(self.found, [])

    def test_answered(self) -> None:
        """Who has answered somebody else is as good as any, in the midst of its rest and after it."""
        for duration in (0.5, 1):
            self.attemptFails()
            self.clock.advance(duration)
            self.rests.answered("a")
            self.assertEqual(self.found[-1], ("a", Finding(Verdict.READY, "it can be reached again")))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answeredAndFails(self) -> None:
        """If it fails for the next client all the same, the rests begin anew."""
        self.rest()
        self.attemptFails()
        self.rests.answered("a")
        self.assertEqual([self.rest(), self.rest()], [1, 2])

    def test_answeredAndTooSlow(self) -> None:
        """If it was too slow for clients its rest goes on: whoever got an answer may have been more patient."""
        for kind in (DialFailure.OVERTAKEN, DialFailure.TIMEOUT):
            self.attemptFails(kind=kind)
            self.rests.answered("a")
            self.assertFalse(self.isDue())
            self.wait()

    def test_answeredForNothing(self) -> None:
        """Answers of those who do not rest are no news."""
        self.rests.answered("a")
        self.attemptFails("b")
        self.recover("b")
        count = len(self.found)
        self.rests.answered("b")
        self.assertEqual(len(self.found), count)

    def test_removed(self) -> None:
        """A target that leaves the set is forgotten, and begins with the shortest rest should it come back."""
        self.rest()
        self.attemptFails()
        self.rests.observe(TargetRemoved("a", pairs=0, dials=0))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.rest(), 1)

    def test_suspend(self) -> None:
        """While rests are suspended nothing is scheduled; afterwards they end when they would have ended."""
        self.attemptFails("a")
        self.rests.suspend()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(0.75)
        self.rests.resume()
        self.assertFalse(self.isDue("a"))
        self.clock.advance(0.25)
        self.assertTrue(self.isDue("a"))

    def test_overWhileSuspended(self) -> None:
        """A rest whose time came while rests were suspended is over as soon as they go on."""
        self.attemptFails("a")
        self.rests.suspend()
        self.clock.advance(10)
        self.rests.resume()
        self.clock.advance(0)
        self.assertTrue(self.isDue("a"))

    def test_afterSuspension(self) -> None:
        """What was learnt is kept: after a suspension, failures go on where they were."""
        self.rest()
        self.attemptFails()
        self.rests.suspend()
        self.clock.advance(2)
        self.rests.resume()
        self.clock.advance(0)
        self.assertEqual(self.rest(), 4)
