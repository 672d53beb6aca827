"""Findings: what several sources say of a target, what counts of it, and since when."""

from __future__ import annotations

from itertools import permutations

from twisted.trial.unittest import SynchronousTestCase

from tinylb import Verdict, findings
from tinylb.findings import UNKNOWN, Finding, Findings

READY = Finding(Verdict.READY, "it answers")
RESTING = Finding(Verdict.RESTING, "refused")
DUE = Finding(Verdict.RESTING, "refused a while ago", isDue=True)
NOT_READY = Finding(Verdict.NOT_READY, "503")
DEAD = Finding(Verdict.DEAD, "no answer")
DRAINING = Finding(Verdict.DRAINING, "maintenance")


class FindingsCase(SynchronousTestCase):
    """Findings, and a wall clock that ticks each time it is looked at."""

    def setUp(self) -> None:
        """Nothing is known."""
        self.moment = 0
        self.patch(findings, "timestamp", self.timestamp)
        self.findings = Findings()

    def timestamp(self) -> str:
        """It is a moment later each time."""
        self.moment += 1
        return f"moment {self.moment}"

    def say(self, **said: Finding) -> list[bool]:
        """What each source says of C{a}, one after the other. Whether it was news."""
        return [self.findings.set("a", by, finding) for by, finding in said.items()]


class RankTests(SynchronousTestCase):
    """Which is preferred."""

    def test_order(self) -> None:
        """Ready is best, then resting, not ready, dead, draining."""
        ranks = [finding.rank for finding in (READY, RESTING, NOT_READY, DEAD, DRAINING)]
        self.assertEqual(ranks, [0, 1, 2, 3, 4])

    def test_due(self) -> None:
        """Who has rested has its turn as those who are ready."""
        self.assertEqual(DUE.rank, READY.rank)

    def test_unknown(self) -> None:
        """Of whom nothing is known is expected to serve."""
        self.assertEqual((UNKNOWN.verdict, UNKNOWN.rank, UNKNOWN.why, UNKNOWN.since), (Verdict.READY, 0, "", None))


class CountsTests(FindingsCase):
    """What counts when sources differ."""

    def test_nothingSaid(self) -> None:
        """Nothing is known of a target that nobody has spoken of, whatever is known of others."""
        self.findings.set("b", "checks", DEAD)
        self.assertEqual(self.findings.of("a"), UNKNOWN)

    def test_theWorst(self) -> None:
        """The worst that is said counts, in whatever order it is said."""
        for order in permutations((READY, RESTING, NOT_READY, DEAD)):
            self.findings.forget(["a"])
            for number, finding in enumerate(order):
                self.findings.set("a", f"source {number}", finding)
            self.assertEqual(self.findings.of("a"), DEAD)

    def test_eachOneVoice(self) -> None:
        """What a source says replaces what it said before; then the next worst counts."""
        self.say(checks=DEAD, dials=RESTING)
        self.assertEqual(self.findings.of("a"), DEAD)
        self.say(checks=READY)
        self.assertEqual(self.findings.of("a"), RESTING)
        self.say(dials=READY)
        self.assertIs(self.findings.of("a").verdict, Verdict.READY)

    def test_latestOfEquals(self) -> None:
        """Of findings that are as bad the latest gives the reason."""
        self.say(checks=NOT_READY, application=Finding(Verdict.NOT_READY, "maintenance"))
        self.assertEqual(self.findings.of("a").why, "maintenance")
        self.say(checks=NOT_READY)
        self.assertEqual(self.findings.of("a").why, "503")

    def test_restingBeforeDue(self) -> None:
        """Who has rested for one source, and is to rest for another, rests."""
        for said in ({"dials": DUE, "application": RESTING}, {"application": RESTING, "dials": DUE}):
            self.findings.forget(["a"])
            self.say(**said)
            self.assertFalse(self.findings.of("a").isDue)

    def test_dead(self) -> None:
        """It names the targets that are dead, by what counts; not those whose connections are to be spared."""
        for target in "abc":
            self.findings.set(target, "checks", DEAD)
        self.findings.set("b", "checks", READY)
        self.findings.set("c", "application", DRAINING)
        self.findings.set("d", "checks", Finding(Verdict.DEAD, "nobody answers", isSparing=True))
        self.assertEqual(self.findings.dead(), {"a"})

    def test_sparedNoMore(self) -> None:
        """That a dead target is to be spared no more is news, though the verdict and the words are the same."""
        self.say(checks=Finding(Verdict.DEAD, "no answer", isSparing=True))
        self.assertEqual(self.say(checks=DEAD), [True])
        self.assertEqual(self.findings.dead(), {"a"})

    def test_forget(self) -> None:
        """Who is forgotten is as if nothing had been said, by anybody."""
        self.say(checks=DEAD, application=DRAINING)
        self.findings.forget(["a", "somebody else"])
        self.assertEqual((self.findings.of("a"), self.findings.dead()), (UNKNOWN, frozenset()))
        self.say(checks=READY)
        self.assertEqual(self.findings.of("a"), READY)


class NewsTests(FindingsCase):
    """What is news, and since when."""

    def test_news(self) -> None:
        """It is news when something else counts: another verdict, another reason, or that a rest is over."""
        steps = [RESTING, RESTING, DUE, DUE, Finding(Verdict.RESTING, "timed out"), DEAD, READY]
        news = [self.findings.set("a", "dials", finding) for finding in steps]
        self.assertEqual(news, [True, False, True, False, True, True, True])

    def test_outweighed(self) -> None:
        """What is outweighed by what another said is no news, nor is it when that is taken back."""
        self.assertEqual(self.say(checks=DEAD, dials=RESTING), [True, False])
        self.assertEqual(self.say(dials=READY), [False])

    def test_since(self) -> None:
        """A verdict is as old as its beginning: other reasons, rests that are over and other sources renew nothing."""
        self.say(dials=RESTING)
        since = self.findings.of("a").since
        self.assertEqual(since, "moment 1")
        self.say(checks=READY)
        self.say(dials=DUE, application=Finding(Verdict.RESTING, "asked to"))
        self.assertEqual(self.findings.of("a").since, since)

    def test_sinceAnew(self) -> None:
        """Another verdict begins now, also when it was this one before."""
        moments = []
        for finding in (DEAD, READY, DEAD):
            self.say(checks=finding)
            moments.append(self.findings.of("a").since)
        self.assertEqual(moments, ["moment 1", "moment 2", "moment 3"])

    def test_sinceIsNoNews(self) -> None:
        """Two findings that differ in their beginning alone are the same."""
        self.assertEqual(Finding(Verdict.DEAD, "x", since="now"), Finding(Verdict.DEAD, "x", since="then"))
