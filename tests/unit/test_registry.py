"""What is alive, by target."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from tinylb import CloseReason
from tinylb.registry import Registry


class Thing:
    """Something that can be aborted, and is removed by whoever put it in."""

    def __init__(self, target: str, bytesIn: int = 0, bytesOut: int = 0) -> None:
        self.target = target
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.reasons: list[CloseReason] = []

    def abort(self, reason: CloseReason) -> bool:
        self.reasons.append(reason)
        return len(self.reasons) == 1


class RegistryTests(SynchronousTestCase):
    """See L{Registry}."""

    def setUp(self) -> None:
        self.registry = Registry()

    def addPair(self, target: str, **counts: int) -> Thing:
        pair = Thing(target, **counts)
        self.registry.addPair(pair)
        return pair

    def addAttempt(self, target: str) -> Thing:
        attempt = Thing(target)
        self.registry.addAttempt(attempt)
        return attempt

    def test_counts(self) -> None:
        """It knows how many pairs and how many attempts there are, in all and at each target."""
        pair, _, _ = self.addPair("a"), self.addPair("a"), self.addPair("b")
        attempt = self.addAttempt("b")
        self.assertEqual((self.registry.connections, self.registry.dialing), (3, 1))
        self.assertEqual(len(self.registry.record("a").pairs), 2)
        self.assertEqual(len(self.registry.record("b").attempts), 1)
        self.registry.removePair(pair)
        self.registry.removeAttempt(attempt)
        self.assertEqual((self.registry.connections, self.registry.dialing), (2, 0))

    def test_abortsOnlyTheTarget(self) -> None:
        """Aborting the pairs of a target touches those of no other, and no attempts."""
        gone, stays, attempt = self.addPair("a"), self.addPair("b"), self.addAttempt("a")
        self.assertEqual(self.registry.abortPairs("a", CloseReason.TARGET_REMOVED), 1)
        self.assertEqual(gone.reasons, [CloseReason.TARGET_REMOVED])
        self.assertEqual((stays.reasons, attempt.reasons), ([], []))

    def test_abortsAttempts(self) -> None:
        """Aborting the attempts of a target touches those of no other, and no pairs."""
        gone, stays, pair = self.addAttempt("a"), self.addAttempt("b"), self.addPair("a")
        self.assertEqual(self.registry.abortAttempts("a", CloseReason.TARGET_REMOVED), 1)
        self.assertEqual(gone.reasons, [CloseReason.TARGET_REMOVED])
        self.assertEqual((stays.reasons, pair.reasons), ([], []))

    def test_countsEachAbortOnce(self) -> None:
        """A pair that is ending already, and is still here, is not counted again."""
        self.addPair("a")
        self.assertEqual(self.registry.abortPairs("a", CloseReason.TARGET_REMOVED), 1)
        self.addPair("a")
        self.assertEqual(self.registry.abortPairs("a", CloseReason.STOPPING), 1)
        self.assertEqual(self.registry.connections, 2)

    def test_nothingToAbort(self) -> None:
        """A target that nothing belongs to has nothing to abort, and asking leaves nothing behind."""
        self.assertEqual(self.registry.abortPairs("a", CloseReason.TARGET_REMOVED), 0)
        self.assertEqual(self.registry.abortAttempts("a", CloseReason.TARGET_REMOVED), 0)
        self.assertEqual(list(self.registry), [])

    def test_abortMayRemoveAndAdd(self) -> None:
        """Aborting something may remove it, and begin something else at the very same target."""
        registry, test = self.registry, self

        class Restless(Thing):
            def abort(self, reason: CloseReason) -> bool:
                registry.removeAttempt(self)
                test.addAttempt("a")
                return super().abort(reason)

        attempts = [Restless("a"), Restless("a")]
        for attempt in attempts:
            registry.addAttempt(attempt)
        self.assertEqual(registry.abortAttempts("a", CloseReason.TARGET_REMOVED), 2)
        self.assertEqual([len(attempt.reasons) for attempt in attempts], [1, 1])
        self.assertEqual(registry.dialing, 2)

    def test_sumsUpBytes(self) -> None:
        """The bytes of a pair are added to its target's when it is gone."""
        self.registry.keep({"a"})
        for pair in (self.addPair("a", bytesIn=1, bytesOut=20), self.addPair("a", bytesIn=2, bytesOut=30)):
            self.registry.removePair(pair)
        record = self.registry.record("a")
        self.assertEqual((record.opened, record.bytesIn, record.bytesOut), (2, 3, 50))

    def test_keepsCounts(self) -> None:
        """A target of the set keeps its counts while nothing lives there."""
        self.registry.keep({"a"})
        self.registry.removePair(self.addPair("a"))
        self.registry.keep({"a", "b"})
        self.assertEqual(self.registry.record("a").opened, 1)

    def test_forgets(self) -> None:
        """A target that left the set is forgotten, with its counts, once nothing lives there."""
        self.registry.keep({"a"})
        pair, attempt = self.addPair("a"), self.addAttempt("a")
        self.registry.keep(())
        self.registry.removePair(pair)
        self.assertEqual([record.target for record in self.registry], ["a"])
        self.registry.removeAttempt(attempt)
        self.assertEqual(list(self.registry), [])
        self.assertEqual(self.registry.record("a").opened, 0)

    def test_forgetsAtOnce(self) -> None:
        """A target at which nothing lives is forgotten the moment it leaves the set."""
        self.registry.keep({"a"})
        self.registry.record("a")
        self.registry.keep({"b"})
        self.assertEqual(list(self.registry), [])

    def test_comesBack(self) -> None:
        """A target that returns while something of it is still ending goes on with the same record."""
        self.registry.keep({"a"})
        pair = self.addPair("a")
        record = self.registry.record("a")
        self.registry.keep(())
        self.registry.keep({"a"})
        self.registry.removePair(pair)
        self.assertIs(self.registry.record("a"), record)

    def test_emptyFromTheStart(self) -> None:
        """Where there is nothing, there is nothing to wait for."""
        self.assertIsNone(self.successResultOf(self.registry.whenEmpty()))

    def test_whenEmpty(self) -> None:
        """Everybody who waits for it is told once neither a pair nor an attempt is left."""
        pair, attempt = self.addPair("a"), self.addAttempt("b")
        waiting = [self.registry.whenEmpty(), self.registry.whenEmpty()]
        self.registry.removePair(pair)
        for deferred in waiting:
            self.assertNoResult(deferred)
        self.registry.removeAttempt(attempt)
        for deferred in waiting:
            self.assertIsNone(self.successResultOf(deferred))

    def test_whenEmptyAgain(self) -> None:
        """Once empty is not empty for ever: who asks later waits for what is there then."""
        self.registry.removeAttempt(self.addAttempt("a"))
        attempt = self.addAttempt("a")
        waiting = self.registry.whenEmpty()
        self.assertNoResult(waiting)
        self.registry.removeAttempt(attempt)
        self.assertIsNone(self.successResultOf(waiting))

    def test_endIsToldFirst(self) -> None:
        """After the last pair, those who wait are told only once the pair's end has been settled."""
        pair = self.addPair("a")
        waiting = self.registry.whenEmpty()
        self.registry.settle()
        self.registry.removePair(pair)
        self.assertNoResult(waiting)
        self.registry.settle()
        self.assertIsNone(self.successResultOf(waiting))

    def test_waitingCanBeCancelled(self) -> None:
        """Who waits for it to be empty can stop waiting, and the others are told all the same."""
        pair = self.addPair("a")
        cancelled, other = self.registry.whenEmpty(), self.registry.whenEmpty()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        self.registry.removePair(pair)
        self.registry.settle()
        self.assertIsNone(self.successResultOf(other))
