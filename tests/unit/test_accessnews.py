"""What the log says of how an access log is written."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb.accessnews import REPORT, AccessLogNews

WELL = "info: Access log a.log is written again"


class AccessLogNewsTests(SynchronousTestCase):
    """See L{AccessLogNews}."""

    def setUp(self) -> None:
        """Nothing has happened."""
        self.clock = Clock()
        self.lines = logLines(self)
        self.news = AccessLogNews("a.log", self.clock)

    def tearDown(self) -> None:
        """It leaves no timer."""
        self.news.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_good(self) -> None:
        """While all goes well there is no news, and no timer when nothing is being written."""
        for _ in range(3):
            self.news.begun(lambda: 5)
            self.clock.advance(REPORT - 0.1)
            self.news.ended()
            self.news.wrote(5, None)
            self.news.wrote(0, None)
        self.assertEqual((self.lines, self.clock.getDelayedCalls()), ([], []))

    def test_overdue(self) -> None:
        """Writing that takes ten seconds is told of once, with what there is to be written then."""
        count = 3
        self.news.begun(lambda: count)
        count = 8
        self.clock.pump([REPORT] * 3)
        self.assertEqual(
            self.lines, ["warn: Access log a.log: nothing could be written for 10 s; 8 lines to be written"]
        )
        self.news.ended()

    def test_dropped(self) -> None:
        """The first dropped lines are told of at once, those of the next ten seconds together, with each cause once."""
        for why in ("full", "slow", "full"):
            self.news.dropped(2, why)
        self.assertEqual(self.lines, ["error: Access log a.log: 2 lines dropped: full"])
        self.clock.advance(REPORT)
        self.assertEqual(self.lines[1:], ["error: Access log a.log: 4 lines dropped: full, slow"])

    def test_well(self) -> None:
        """Its end is told when lines were written, after all that was dropped; opening the file is no such end."""
        for _ in range(2):
            self.news.dropped(1, "full")
        self.news.wrote(0, None)
        self.assertNotIn(WELL, self.lines)
        self.news.wrote(1, None)
        dropped = "error: Access log a.log: 1 line dropped: full"
        self.assertEqual(self.lines, [dropped, dropped, WELL])
        self.news.wrote(1, None)
        self.assertEqual(len(self.lines), 3)

    def test_wellAgain(self) -> None:
        """It is told every ten seconds at the most; what was put off is told with the next lines."""
        for _ in range(5):
            self.news.dropped(1, "full")
            self.news.wrote(1, None)
        self.assertEqual(self.lines.count(WELL), 1)
        self.clock.advance(REPORT)
        self.assertEqual(self.lines.count(WELL), 1)
        self.news.wrote(1, None)
        self.assertEqual((self.lines.count(WELL), self.lines[-1]), (2, WELL))

    def test_trouble(self) -> None:
        """That the file cannot be opened is told once for each kind of trouble; that it can, also without lines."""
        for trouble in ("no; moved", "no; moved", "no; dropped", None, None):
            self.news.wrote(0, trouble)
        cannot = "error: Access log a.log cannot be opened: no;"
        self.assertEqual(self.lines, [f"{cannot} moved", f"{cannot} dropped", WELL])

    def test_troubleIsShort(self) -> None:
        """Trouble that is over too soon after the last is not forgotten: its end is told with the next lines."""
        for trouble in ("no", None, "no", None):
            self.news.wrote(1, trouble)
        self.assertEqual(self.lines.count(WELL), 1)
        self.clock.advance(REPORT)
        self.news.wrote(1, None)
        self.assertEqual(self.lines.count(WELL), 2)

    def test_missed(self) -> None:
        """Connections that end after the log are told of with the first, each time that it was closed."""
        for count in (1, 2):
            self.news.close()
            for _ in range(3):
                self.news.missed()
            self.assertEqual(len(self.lines), count)

    def test_close(self) -> None:
        """What is still to be told is told at the end; what hangs is told of no more."""
        self.news.begun(lambda: 1)
        for _ in range(3):
            self.news.dropped(1, "full")
        self.news.close()
        self.assertEqual(self.lines[1:], ["error: Access log a.log: 2 lines dropped: full"])
        self.clock.advance(2 * REPORT)
        self.assertEqual(len(self.lines), 2)
