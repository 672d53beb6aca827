"""A timeout in which a busy process's own time does not count."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb.health.timeout import FairTimeout

HOUR = 3600.0
STEP = 1 / 16


class FairTimeoutTests(SynchronousTestCase):
    """See L{FairTimeout}. It is one of five seconds."""

    def setUp(self) -> None:
        """It begins now."""
        self.clock = Clock()
        self.expired: list[float] = []
        self.timeout = FairTimeout(self.clock, 5.0, lambda: self.expired.append(self.clock.seconds()))

    def listen(self, seconds: float) -> None:
        """Let time pass, in which this process hears all that comes."""
        self.clock.pump([STEP] * round(seconds / STEP))

    def busy(self, seconds: float) -> None:
        """Let time pass, in which it hears nothing."""
        self.clock.advance(seconds)

    def test_expires(self) -> None:
        """It expires when the time is over, not before, and once."""
        self.listen(4.875)
        self.assertEqual(self.expired, [])
        self.assertTrue(self.timeout.isRunning)
        self.listen(0.125)
        (when,) = self.expired
        self.assertEqual(when, 5.0)
        self.assertFalse(self.timeout.isRunning)
        self.listen(20)
        self.assertEqual(len(self.expired), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_isOverWhenItExpires(self) -> None:
        """Whoever is called when it expires finds it over."""
        running: list[bool] = []
        timeout = FairTimeout(self.clock, 1.0, lambda: running.append(timeout.isRunning))
        self.listen(2)
        self.assertEqual(running, [False])

    def test_cancel(self) -> None:
        """A cancelled one does not expire, and leaves no timer."""
        self.listen(4.875)
        self.timeout.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.listen(5)
        self.assertEqual(self.expired, [])

    def test_cancelAgain(self) -> None:
        """It may be cancelled when it is over, and twice."""
        self.timeout.cancel()
        self.timeout.cancel()
        other = FairTimeout(self.clock, 1.0, lambda: None)
        self.listen(2)
        other.cancel()

    def test_stopped(self) -> None:
        """A process that was stopped for an hour listens for what is left, and little more, before it gives up."""
        self.listen(1.5)
        self.busy(HOUR)
        self.assertEqual(self.expired, [])
        self.listen(3.375)
        self.assertEqual(self.expired, [])
        self.listen(1.0)
        self.assertEqual(len(self.expired), 1)

    def test_stoppedFromTheBeginning(self) -> None:
        """If it was stopped at once, the whole time is still before it."""
        self.busy(HOUR)
        self.listen(4.875)
        self.assertEqual(self.expired, [])
        self.listen(0.125)
        self.assertEqual(len(self.expired), 1)

    def test_busyNowAndThen(self) -> None:
        """The times in which it was busy are made up for."""
        for _ in range(4):
            for _ in range(4):
                self.busy(1.2)
            self.listen(1.0)
        self.assertEqual(self.expired, [])
        self.listen(1.0)
        self.assertEqual(len(self.expired), 1)

    def test_alwaysBusy(self) -> None:
        """A process that is busy all the time gives up all the same, after five times as long."""
        for _ in range(24):
            self.busy(1.2)
        self.assertEqual(self.expired, [])
        self.busy(1.2)
        self.assertEqual(len(self.expired), 1)

    def test_slightlyLate(self) -> None:
        """Being late by what is usual in a busy program counts as listening."""
        for _ in range(5):
            self.busy(1.09)
        self.assertEqual(len(self.expired), 1)
