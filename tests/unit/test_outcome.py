"""Something that happens once, and those who wait for it."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tinylb.outcome import Outcome


class OutcomeTests(SynchronousTestCase):
    """See L{Outcome}."""

    def test_succeeds(self) -> None:
        """Who waits is told of success, and so is whoever asks later."""
        outcome = Outcome()
        waiting = outcome.when(), outcome.when()
        for deferred in waiting:
            self.assertNoResult(deferred)
        outcome.succeed()
        for deferred in (*waiting, outcome.when()):
            self.assertIsNone(self.successResultOf(deferred))

    def test_fails(self) -> None:
        """Who waits is told of the failure, and so is whoever asks later."""
        outcome = Outcome()
        waiting = outcome.when(), outcome.when()
        outcome.fail(Failure(RuntimeError("in use")))
        for deferred in (*waiting, outcome.when()):
            self.assertEqual(self.failureResultOf(deferred, RuntimeError).getErrorMessage(), "in use")

    def test_isKnown(self) -> None:
        """It tells whether there is a result yet, also to those who are being told."""
        outcome = Outcome()
        known: list[bool] = [outcome.isKnown]
        outcome.when().addCallback(lambda _: known.append(outcome.isKnown))
        outcome.succeed()
        self.assertEqual(known, [False, True])

    def test_firstResultStays(self) -> None:
        """The first result is the result."""
        good, bad = Outcome(), Outcome()
        good.succeed()
        good.fail(Failure(RuntimeError()))
        bad.fail(Failure(RuntimeError()))
        bad.succeed()
        self.assertIsNone(self.successResultOf(good.when()))
        self.failureResultOf(bad.when(), RuntimeError)

    def test_unobservedFailure(self) -> None:
        """A failure that nobody waits for is no unhandled error."""
        Outcome().fail(Failure(RuntimeError()))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_deferredsAreSeparate(self) -> None:
        """What one waiter makes of the result, and a callback that raises, are its own affair."""
        outcome = Outcome()
        first = outcome.when().addCallback(lambda _: 1 / 0)
        second = outcome.when()
        outcome.succeed()
        self.assertIsNone(self.successResultOf(second))
        self.failureResultOf(first, ZeroDivisionError)

    def test_cancelled(self) -> None:
        """A waiter that gave up is not told; the others are."""
        outcome = Outcome()
        gaveUp, stayed = outcome.when(), outcome.when()
        gaveUp.cancel()
        self.failureResultOf(gaveUp, CancelledError)
        outcome.succeed()
        self.assertIsNone(self.successResultOf(stayed))

    def test_cancelledMeanwhile(self) -> None:
        """A waiter may be cancelled by another one that is being told; the rest are told still."""
        outcome = Outcome()
        first, second, third = outcome.when(), outcome.when(), outcome.when()
        first.addCallback(lambda _: second.cancel())
        outcome.succeed()
        self.assertIsNone(self.successResultOf(first))
        self.failureResultOf(second, CancelledError)
        self.assertIsNone(self.successResultOf(third))

    def test_askedMeanwhile(self) -> None:
        """Whoever asks while others are told is told at once."""
        outcome = Outcome()
        late: list[Deferred[None]] = []
        outcome.when().addCallback(lambda _: late.append(outcome.when()))
        outcome.succeed()
        self.assertIsNone(self.successResultOf(late[0]))
