"""From outcomes of checks to a verdict."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tinylb.events import Verdict
from tinylb.health.answer import Outcome
from tinylb.health.judge import Judge

OUTCOMES = {"y": Outcome.YES, "n": Outcome.NO, "s": Outcome.SILENCE, "u": Outcome.UNREACHABLE}
VERDICTS = {Verdict.READY: "R", Verdict.NOT_READY: "N", Verdict.DEAD: "D"}


def judged(outcomes: str, rise: int = 2, fall: int = 3) -> str:
    """The verdict after each outcome, by their first letters."""
    judge = Judge(rise, fall)
    return "".join(VERDICTS[judge.hear(OUTCOMES[outcome])] for outcome in outcomes)


class JudgeTests(SynchronousTestCase):
    """See L{Judge}. Twice up and thrice down, unless said otherwise."""

    def assertJudged(self, outcomes: str, verdicts: str, **numbers: int) -> None:
        """These verdicts follow on these outcomes; spaces are for people."""
        self.assertEqual(judged(outcomes.replace(" ", ""), **numbers), verdicts.replace(" ", ""), outcomes)

    def test_none(self) -> None:
        """Before the first outcome there is no verdict."""
        self.assertIsNone(Judge(2, 3).verdict)

    def test_remembered(self) -> None:
        """The verdict stands until the next outcome."""
        judge = Judge(2, 3)
        for outcome in (Outcome.YES, Outcome.NO, Outcome.NO, Outcome.NO):
            self.assertIs(judge.hear(outcome), judge.verdict)
        self.assertIs(judge.verdict, Verdict.NOT_READY)

    def test_first(self) -> None:
        """The first outcome counts at once, for ready or not ready."""
        for outcome, verdict in (("y", "R"), ("n", "N"), ("s", "N"), ("u", "N")):
            self.assertJudged(outcome, verdict)

    def test_firstIsNoDeath(self) -> None:
        """One that cannot be reached from the beginning is dead after as many times as any other."""
        self.assertJudged("uuu", "NND")
        self.assertJudged("s" * 9, "N" * 8 + "D")

    def test_fall(self) -> None:
        """So many bad outcomes in a row, and no fewer, make a ready one not ready."""
        self.assertJudged("y nnn", "R RRN")
        self.assertJudged("y nny nny", "R RRR RRR")
        self.assertJudged("y nnnnn", "R RRRRN", fall=5)

    def test_rise(self) -> None:
        """So many good outcomes in a row, and no fewer, make one that is not ready ready."""
        self.assertJudged("n yy", "N NR")
        self.assertJudged("n yn yn yy", "N NN NN NR")
        self.assertJudged("n yyyy", "N NNNR", rise=4)

    def test_badOfAnyKind(self) -> None:
        """Bad outcomes of different kinds add up to not ready."""
        self.assertJudged("y nsu", "R RRN")
        self.assertJudged("y usn", "R RRN")

    def test_dead(self) -> None:
        """One that was ready and cannot be reached so many times in a row is dead."""
        self.assertJudged("y uuu", "R RRD")
        self.assertJudged("n uuu", "N NND")

    def test_notReachedNowAndThen(self) -> None:
        """It has to be in a row; else it is only not ready."""
        self.assertJudged("y uunuunuu", "R RRNNNNNN")

    def test_sayingNo(self) -> None:
        """Whoever answers, be it no for ever, is not dead."""
        self.assertJudged("y" + "n" * 100, "RRR" + "N" * 98)
        self.assertJudged("n" * 100, "N" * 100, fall=1)

    def test_silence(self) -> None:
        """Silence makes not ready as anything bad, and dead only when it lasts three times as long."""
        self.assertJudged("y" + "s" * 10, "RRR" + "N" * 6 + "DD")

    def test_silenceBroken(self) -> None:
        """An answer in between, good or bad, shows that it lives."""
        for answer in "yn":
            self.assertNotIn("D", judged(("s" * 8 + answer) * 10))

    def test_silentAndUnreachable(self) -> None:
        """Who is now silent, now unreachable, is unheard all the while, and dead at last."""
        self.assertJudged("y" + "su" * 4 + "s", "RRR" + "N" * 6 + "D")

    def test_deadAnswersNo(self) -> None:
        """The dead are back when they have answered so many times in a row, and not ready."""
        self.assertJudged("uuu nn", "NND DN")
        self.assertJudged("uuu nunsy n", "NND DDDDD N")

    def test_deadAnswersYes(self) -> None:
        """Good answers alone make the dead ready, as they do others."""
        self.assertJudged("uuu yy", "NND DR")

    def test_deadByDegrees(self) -> None:
        """From dead it goes by way of not ready where the first answers are not all good."""
        self.assertJudged("uuu ny y", "NND DN R")

    def test_deadStayDead(self) -> None:
        """One answer, and silence in between, bring nobody back."""
        self.assertJudged("uuu ysysys nsnuys", "NND DDDDDD DDDDDD")

    def test_again(self) -> None:
        """Who is back can die again, after as many times."""
        self.assertJudged("uuu yy uuu nn uuu", "NND DR RRD DN NND")

    def test_one(self) -> None:
        """With 1 and 1 every outcome counts at once."""
        self.assertJudged("ynuynsyu", "RNDRNNRD", rise=1, fall=1)


class JudgePropertyTests(SynchronousTestCase):
    """What holds for every history of outcomes."""

    @REPEATABLE
    @given(st.text("ynsu", max_size=60), st.integers(1, 4), st.integers(1, 4))
    def test_always(self, outcomes: str, rise: int, fall: int) -> None:
        """A verdict changes when, and only when, enough outcomes in a row speak for it."""
        verdicts = judged(outcomes, rise, fall)
        for number in range(1, len(outcomes)):
            before, after, heard = verdicts[number - 1], verdicts[number], outcomes[: number + 1]

            def last(count: int, kinds: str, heard: str = heard) -> bool:
                return len(heard) >= count and set(heard[-count:]) <= set(kinds)

            isUnheard = last(fall, "u") or last(3 * fall, "su")
            if last(rise, "y"):
                expected = "R"
            elif isUnheard:
                expected = "D"
            elif before == "D":
                expected = "N" if last(rise, "yn") else "D"
            else:
                expected = "N" if last(fall, "nsu") else before
            self.assertEqual(after, expected, heard)

    @REPEATABLE
    @given(st.text("ynsu", max_size=60), st.integers(1, 4), st.integers(1, 4))
    def test_neverStuck(self, outcomes: str, rise: int, fall: int) -> None:
        """Whatever has been, enough good outcomes make it ready, and enough of not being reached make it dead."""
        self.assertEqual(judged(outcomes + "y" * rise, rise, fall)[-1], "R")
        self.assertEqual(judged(outcomes + "u" * fall, rise, fall)[-1], "D")
