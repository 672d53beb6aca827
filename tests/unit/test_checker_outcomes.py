"""One target that is checked again and again: what comes of answers, and of there being none."""

from __future__ import annotations

import errno
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError, ConnectionRefusedError, DNSLookupError
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import classImplements

from tests.unit.checkrig import CheckerCase
from tests.unit.rigs import HandBackend
from tinylb.events import Verdict
from tinylb.health.answer import Answer, Outcome
from tinylb.interfaces import INamed
from tinylb.testing import Behaviour

HOUR = 3600.0
OUT_OF_DESCRIPTORS = ConnectBindError(errno.EMFILE, "too many open files")


class LookingUp(HandBackend):
    """A backend whose name is being looked up."""

    isLookingUp = True


classImplements(LookingUp, INamed)


class OutcomeTests(CheckerCase):
    """What comes of answers, and of there being none."""

    def test_told(self) -> None:
        """An answer that makes a verdict is told with it."""
        self.start()
        self.check.asked[0].yes()
        self.assertEqual(self.told, [("a", Verdict.READY, "check: yes, by hand")])

    def test_changes(self) -> None:
        """Enough answers in a row change the verdict; those that are too few tell nothing, and give no reasons."""
        self.answerEach(Outcome.YES, Outcome.NO, Outcome.NO)
        self.assertEqual(self.verdicts(), ["ready"])
        self.check.asked[-1].no()
        self.assertEqual(self.told[1:], [("a", Verdict.NOT_READY, "check: no, by hand")])
        self.listen(2)
        self.check.asked[-1].yes()
        self.assertEqual(len(self.told), 2)
        self.listen(2)
        self.check.asked[-1].yes()
        self.assertEqual(self.told[2:], [("a", Verdict.READY, "check: yes, by hand")])

    def test_answered(self) -> None:
        """Each good answer is passed on at once, whether it changes the verdict or not; others are not."""
        self.answerEach(Outcome.NO, Outcome.YES, Outcome.YES, Outcome.NO, Outcome.UNREACHABLE, Outcome.SILENCE)
        self.assertEqual(self.answered, ["a", "a"])

    def test_silence(self) -> None:
        """One that accepts the connection and says nothing is silent, and not ready."""
        self.memory()
        self.start()
        self.check.asked[0].connect()
        self.listen(1.25)
        self.assertTrue(self.check.asked[0].isCancelled)
        self.assertEqual(self.told, [("a", Verdict.NOT_READY, "check: no answer within 1.25 s")])

    def test_silenceUntilDeath(self) -> None:
        """Silence for three times as many checks is death."""
        self.memory()
        self.check.onAsk = lambda asked: asked.connect()
        self.start()
        self.listen(16)
        self.assertEqual(self.verdicts(), ["not-ready"] * 8)
        self.listen(2)
        self.assertEqual(self.told[-1], ("a", Verdict.DEAD, "check: no answer within 1.25 s, again and again"))

    def assertDies(self, why: str) -> None:
        """It is not ready after the first check, and dead after the third."""
        self.check.onAsk = lambda asked: asked.connect()
        self.start()
        self.listen(2)
        self.assertEqual(self.told[0], ("a", Verdict.NOT_READY, f"check: {why}"))
        self.listen(1.9375)
        self.assertNotIn("dead", self.verdicts())
        self.listen(1.3125)
        self.assertEqual(self.told[-1], ("a", Verdict.DEAD, f"check: {why}, again and again"))

    def test_noConnection(self) -> None:
        """One to which no connection is made within the time cannot be reached; three times of that are death."""
        self.memory(behaviour=Behaviour.HANGS)
        self.assertDies("no connection within 1.25 s")

    def test_refused(self) -> None:
        """Nor can one that refuses."""
        self.memory(behaviour=Behaviour.REFUSES)
        self.assertDies("Connection was refused by other side.")

    def test_badOfAnyKind(self) -> None:
        """Whichever answer is the last of those that make it not ready, that is told, with its reason."""
        for last in (Outcome.NO, Outcome.SILENCE, Outcome.UNREACHABLE):
            self.answerEach(Outcome.YES, Outcome.NO, Outcome.SILENCE)
            self.check.asked[-1].say(last, f"{last.value} at last")
            self.assertEqual(self.told[-1], ("a", Verdict.NOT_READY, f"check: {last.value} at last"))
            self.stop(self.running[0])

    def assertNeverDies(self, fail: Callable[[], None], why: str) -> None:
        """However often a check ends so, it is not ready, for this reason, and lives."""
        self.start()
        for _ in range(20):
            fail()
            self.listen(2)
        self.assertEqual(self.told, [("a", Verdict.NOT_READY, why)] * 20)

    def cannotConnect(self, error: Exception) -> Callable[[], None]:
        """
        @return: lets the present check try to connect, which fails with this error.
        """
        backend = self.backends["a"] = HandBackend(self.clock, "a")

        def fail() -> None:
            self.check.asked[-1].connect()
            backend.fail(error)

        return fail

    def test_errorOfAConnection(self) -> None:
        """An error when there was a connection, as TLS and HTTP have them, is an answer nobody understands."""

        def fail() -> None:
            self.check.asked[-1].connect()
            self.clock.advance(0)
            self.check.asked[-1].fail(ValueError("that is not HTTP"))

        self.assertNeverDies(fail, "check: that is not HTTP")

    def test_refusedWithinAConnection(self) -> None:
        """So is whatever it says, once there was a connection."""

        def fail() -> None:
            self.check.asked[-1].connect()
            self.clock.advance(0)
            self.check.asked[-1].fail(ConnectionRefusedError())

        self.assertNeverDies(fail, "check: Connection was refused by other side.")

    def test_unknownName(self) -> None:
        """A name that is not found makes not ready, and nobody dead: it may be the resolver's trouble."""
        fail = self.cannotConnect(DNSLookupError("no such host"))
        self.assertNeverDies(fail, "check: DNS lookup failed: no such host.")

    def test_slowResolver(self) -> None:
        """The same holds for a name that was not even looked up in time."""

        def connect() -> None:
            self.check.asked[-1].connect()
            self.listen(1.25)

        self.backends["a"] = LookingUp(self.clock, "a")
        self.start()
        for _ in range(20):
            connect()
            self.listen(0.75)
        self.assertEqual(self.told, [("a", Verdict.NOT_READY, "check: not looked up within 1.25 s")] * 20)

    def test_brokenCheck(self) -> None:
        """A check that fails before it has tried to connect has found out nothing that would be anybody's death."""
        self.assertNeverDies(lambda: self.check.asked[-1].fail(TypeError("that is no host")), "check: that is no host")

    def test_raisingCheck(self) -> None:
        """Nor has one that raises."""

        def check(endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
            raise TypeError("that is no host")

        self.patch(self.check, "check", check)
        self.start()
        self.listen(39)
        self.assertEqual(self.told, [("a", Verdict.NOT_READY, "check: that is no host")] * 20)

    def test_localError(self) -> None:
        """An error of this machine says nothing about the target, and does not count. The next check follows."""
        fail = self.cannotConnect(OUT_OF_DESCRIPTORS)
        self.answerEach(Outcome.YES, Outcome.NO, Outcome.NO)
        for _ in range(5):
            fail()
            self.listen(2)
        self.assertEqual(self.verdicts(), ["ready"])
        self.check.asked[-1].no()
        self.assertEqual(self.verdicts(), ["ready", "not-ready"])

    def test_localErrorFirst(self) -> None:
        """Nor does it as the first of all; the first answer is still the first."""
        fail = self.cannotConnect(OUT_OF_DESCRIPTORS)
        self.start()
        fail()
        self.listen(2)
        self.assertEqual(self.told, [])
        self.check.asked[-1].yes()
        self.assertEqual(self.verdicts(), ["ready"])

    def test_unknown(self) -> None:
        """A check that cannot tell may say so."""
        self.answerEach(*[Outcome.UNKNOWN] * 10)
        self.assertEqual((self.told, len(self.check.asked)), ([], 11))

    def test_whileStopped(self) -> None:
        """A check during which this process was stopped for long has not failed: the answer may be there."""
        self.start()
        self.listen(1)
        self.clock.advance(HOUR)
        self.assertEqual((self.told, self.check.underWay), ([], ["a"]))
        self.check.asked[0].yes()
        self.assertEqual(self.verdicts(), ["ready"])
