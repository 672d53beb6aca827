"""How late the event loop is."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb.metrics import LoopDelay
from tinylb.metrics.loopdelay import BOUNDS, BUSY_INTERVAL, IDLE_INTERVAL, MINUTE


class LoopDelayTests(SynchronousTestCase):
    """See L{LoopDelay}. A clock that takes a big step is a loop that was held up."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.cpu = 0.0
        self.ticks = 0
        self.delay = LoopDelay(self.clock, cpu=lambda: self.cpu, ticked=self.ticked)
        self.delay.start()
        self.addCleanup(self.delay.stop)

    def ticked(self) -> None:
        self.ticks += 1

    def delayed(self, seconds: float) -> None:
        """The next timer comes so late."""
        (call,) = self.clock.getDelayedCalls()
        self.clock.advance(call.getTime() - self.clock.seconds() + seconds)

    def counts(self) -> dict[float, int]:
        """How many delays there were up to each bound, and above the one before."""
        bounds = (*BOUNDS, float("inf"))
        return {bound: count for bound, count in zip(bounds, self.delay.histogram.counts, strict=True) if count}

    def test_inTime(self) -> None:
        """Timers that come in time are counted as such."""
        for _ in range(3):
            self.delayed(0)
        self.assertEqual((self.counts(), self.delay.histogram.sum), ({BOUNDS[0]: 3}, 0))
        self.assertEqual(self.delay.longest(), 0)

    def test_late(self) -> None:
        """A late one is counted as late as it was; a bound is part of what lies below it."""
        for seconds in (0.25, 0.5, 8):
            self.delayed(seconds)
        self.assertEqual(self.counts(), {0.25: 1, 0.5: 1, float("inf"): 1})
        self.assertEqual(self.delay.histogram.sum, 8.75)

    def test_longest(self) -> None:
        """The longest is told for a minute, then the longest of those that came after it."""
        for seconds in (0.5, 4, 1, 2, 0.25):
            self.delayed(seconds)
        self.assertEqual(self.delay.longest(), 4)
        self.clock.pump([0.125] * int((MINUTE - 8) / 0.125))
        self.assertEqual(self.delay.longest(), 4)
        self.clock.pump([0.125] * 8 * 4)
        self.assertEqual(self.delay.longest(), 2)
        self.clock.pump([0.125] * int(MINUTE / 0.125))
        self.assertEqual(self.delay.longest(), 0)

    def test_bounded(self) -> None:
        """However long it runs, what it remembers is bounded."""
        for number in range(5000):
            self.cpu += 1
            self.delayed(0.001 * (100 - number % 100))
        self.assertLessEqual(len(self.delay._longest), MINUTE / BUSY_INTERVAL)

    def test_overdue(self) -> None:
        """Who asks before a timer that is overdue has come knows of it already."""
        asked: list[float] = []
        self.clock.callLater(0.5, lambda: asked.append(self.delay.longest()))
        self.clock.advance(3)
        self.assertEqual(asked, [2.0])

    def test_idle(self) -> None:
        """While the process does next to nothing, there is one timer a second."""
        for _ in range(100):
            self.cpu += 0.001
            self.clock.advance(0.1)
        self.assertIn(self.ticks, (9, 10))

    def test_busy(self) -> None:
        """While it has work to do there are ten, from the second after that began."""
        self.cpu += 0.5
        self.clock.advance(IDLE_INTERVAL)
        self.ticks = 0
        for _ in range(20):
            self.cpu += 0.05
            self.clock.advance(BUSY_INTERVAL)
        self.assertIn(self.ticks, (19, 20))
        self.delayed(0)
        self.ticks = 0
        self.clock.pump([0.1] * 30)
        self.assertLessEqual(self.ticks, 3)

    def test_stop(self) -> None:
        """Once it is stopped there is no timer, and what was found can still be asked for. It may be started again."""
        self.delayed(2)
        for _ in range(2):
            self.delay.stop()
            self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.delay.longest(), 2)
        for _ in range(2):
            self.delay.start()
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(IDLE_INTERVAL)
        self.assertEqual(self.ticks, 2)
        self.assertEqual(sum(self.delay.histogram.counts), 2)
