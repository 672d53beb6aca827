"""How often waiting a moment is worth while."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tinylb.patience import MOMENT, Patience

HOUR = 3600.0


class PatienceTests(SynchronousTestCase):
    """See L{Patience}."""

    def setUp(self) -> None:
        """It is noon."""
        self.now = 12 * HOUR
        self.patience = Patience(self.now)

    def waitInVain(self) -> int:
        """Wait for a moment, in vain, as often as may be; how often that was."""
        count = 0
        while self.patience.has(self.now):
            self.patience.waitedInVain()
            count += 1
        return count

    def test_beginning(self) -> None:
        """There is none to begin with."""
        self.assertFalse(self.patience.has(self.now))

    def test_grows(self) -> None:
        """It grows with the time, also when it is asked for again and again: a moment in two hundred."""
        for _ in range(199):
            self.now += MOMENT
            self.assertFalse(self.patience.has(self.now))
        self.now += 2 * MOMENT
        self.assertEqual(self.waitInVain(), 1)

    def test_share(self) -> None:
        """Of a second in which it is asked for all the time, a twohundredth at most is spent in vain."""
        count = 0
        for _ in range(1000):
            self.now += 0.001
            count += self.waitInVain()
        self.assertApproximates(count * MOMENT, 0.005, 1.5 * MOMENT)

    def test_answered(self) -> None:
        """Waiting costs nothing unless it was in vain."""
        self.now += 201 * MOMENT
        for _ in range(1000):
            self.assertTrue(self.patience.has(self.now))

    def test_saved(self) -> None:
        """After a long time in which nothing happened it is used up within 5 ms all the same."""
        self.now += HOUR
        self.assertApproximates(self.waitInVain() * MOMENT, 0.005, 1.5 * MOMENT)
        self.assertFalse(self.patience.has(self.now))
