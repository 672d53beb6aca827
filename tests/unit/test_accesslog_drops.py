"""What becomes of lines of the access log that cannot be written: dropped, counted and reported, never held against
anybody."""

from __future__ import annotations

from tests.unit.accesslogcase import AccessLogCase, Disk
from tinylb import accesslog
from tinylb.accesslog import TOGETHER, AccessLog
from tinylb.accessnews import REPORT

SIZE = 260
"""Bytes of a line, about."""


class SlowTests(AccessLogCase):
    """The disk is slow, or hangs."""

    def setUp(self) -> None:
        """There is room for ten lines."""
        super().setUp()
        self.patch(accesslog, "MOST", 10)
        self.patch(accesslog, "AT_ONCE", 5)

    def test_bounded(self) -> None:
        """Only so many lines wait; the others are dropped. What waits is written when the disk is back."""
        log = self.accessLog()
        self.close(log, 3)
        self.clock.advance(TOGETHER)
        self.close(log, 1000)
        self.assertEqual(log.dropped, 990)
        self.clock.advance(3600)
        self.thread.work()
        self.clock.advance(TOGETHER)
        self.thread.work()
        self.assertCounted(log, written=13, dropped=990)
        self.assertEqual(self.lines[-1], f"info: Access log {self.path} is written again")

    def test_reported(self) -> None:
        """The first one is reported at once, the rest every ten seconds, each of them once; then there is silence."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        self.close(log, 10)
        for _ in range(25):
            self.close(log, 4)
            self.clock.advance(1)
        self.clock.advance(REPORT)
        why = "dropped: they come faster than they can be written"
        self.assertEqual(
            [line for line in self.lines if line.startswith("error")],
            [
                f"error: Access log {self.path}: {count} {why}"
                for count in ("1 line", "39 lines", "40 lines", "20 lines")
            ],
        )
        self.assertEqual(log.dropped, 100)
        self.clock.advance(2 * REPORT)
        self.assertEqual((len(self.lines), self.clock.getDelayedCalls()), (5, []))

    def test_takesNothing(self) -> None:
        """Whoever takes nothing for ten seconds is told of, once, with what waits."""
        log = self.accessLog()
        self.close(log, 2)
        self.clock.advance(TOGETHER)
        self.close(log, 3)
        self.clock.advance(9.9)
        self.assertEqual(self.lines, [])
        for _ in range(3):
            self.clock.advance(20)
            self.assertEqual(
                self.lines, [f"warn: Access log {self.path}: nothing could be written for 10 s; 5 lines to be written"]
            )
        self.thread.work()
        self.clock.advance(TOGETHER)
        self.thread.work()
        self.assertCounted(log, written=5, dropped=0)


class FailingTests(AccessLogCase):
    """The disk is full, or the file cannot be opened."""

    def setUp(self) -> None:
        super().setUp()
        self.disk = Disk(self)

    def test_full(self) -> None:
        """Lines that find no room are dropped, counted and reported, with the reason; the others are there, whole."""
        log = self.accessLog()
        self.disk.room = 2 * SIZE
        self.close(log, 5)
        self.write()
        written = len(self.texts())
        self.assertIn(written, (1, 2))
        self.assertCounted(log, written, 5 - written)
        self.assertEqual(
            self.lines, [f"error: Access log {self.path}: {5 - written} lines dropped: no space left on device"]
        )

    def test_again(self) -> None:
        """When there is room it goes on by itself. All that was dropped is told before that."""
        log = self.accessLog()
        self.disk.room = 0
        for _ in range(3):
            self.close(log, 2)
            self.write()
        self.disk.room = None
        self.close(log)
        self.write()
        self.assertCounted(log, written=1, dropped=6)
        dropped = [f"error: Access log {self.path}: {count} lines dropped: no space left on device" for count in (2, 4)]
        again = f"info: Access log {self.path} is written again"
        self.assertEqual(self.lines, [*dropped, again])
        for _ in range(2):
            self.close(log)
            self.write()
            self.clock.advance(2 * REPORT)
        self.assertEqual((len(self.lines), self.clock.getDelayedCalls()), (3, []))

    def test_nowAndThen(self) -> None:
        """A disk that is full every other moment fills nothing else: what is said stays little, and right."""
        log = self.accessLog()
        for number in range(600):
            self.disk.room = None if number % 2 else 0
            self.close(log)
            self.write()
        self.clock.advance(REPORT)
        self.assertCounted(log, written=300, dropped=300)
        self.assertLessEqual(len(self.lines), 3 * 60 / REPORT)
        self.assertEqual(self.toldDropped(), 300)

    def toldDropped(self) -> int:
        """How many dropped lines the log told of, in all."""
        reports = [line.partition(f"{self.path}: ")[2] for line in self.lines if "dropped" in line]
        return sum(int(report.split()[0]) for report in reports)

    def test_lastWord(self) -> None:
        """However often it came and went: when all is well, that is the last that is said of it."""
        log = self.accessLog()
        for room in (0, None, 0, None):
            self.disk.room = room
            self.close(log)
            self.write()
        self.assertIn("is written again", self.lines[1])
        self.clock.advance(REPORT)
        self.close(log)
        self.write()
        self.assertEqual(len(self.lines), 4)
        self.assertIn("1 line dropped", self.lines[2])
        self.assertIn("is written again", self.lines[3])

    def moved(self) -> AccessLog:
        """A log whose file was moved away, and cannot be made anew."""
        log = self.accessLog()
        self.path.rename(self.folder / "moved")
        self.disk.mayOpen = False
        return log

    def test_cannotBeMadeAnew(self) -> None:
        """It is written to where it was moved; that is said once, and once when it is over."""
        log = self.moved()
        for _ in range(3):
            self.close(log)
            self.write()
        trouble = "cannot be opened: permission denied; lines go on into the file that was moved"
        self.assertEqual(self.lines, [f"error: Access log {self.path} {trouble}"])
        self.assertEqual((len(self.texts(self.folder / "moved")), log.written, log.dropped), (3, 3, 0))
        self.disk.mayOpen = True
        self.close(log)
        self.write()
        self.assertEqual((len(self.texts()), log.written), (1, 4))
        self.assertEqual(self.lines[1:], [f"info: Access log {self.path} is written again"])

    def test_refreshedInVain(self) -> None:
        """Whoever asks it to look again hears at once that it cannot, and that it can."""
        log = self.moved()
        log.refresh()
        self.thread.work()
        self.assertIn("cannot be opened: permission denied", self.lines[0])
        self.disk.mayOpen = True
        log.refresh()
        self.thread.work()
        self.assertEqual(self.lines[1:], [f"info: Access log {self.path} is written again"])

    def test_refreshedWithNothingOpen(self) -> None:
        """When what it was moved to is gone as well, nothing is well again before it can be made anew."""
        log = self.moved()
        log.refresh()
        self.thread.work()
        (self.folder / "moved").unlink()
        for _ in range(2):
            log.refresh()
            self.thread.work()
        self.close(log)
        self.write()
        cannot = f"error: Access log {self.path} cannot be opened: permission denied"
        dropped = f"error: Access log {self.path}: 1 line dropped: permission denied"
        moved, nowhere = "lines go on into the file that was moved", "lines are dropped until it can"
        self.assertEqual(self.lines, [f"{cannot}; {moved}", f"{cannot}; {nowhere}", dropped])
        self.disk.mayOpen = True
        log.refresh()
        self.thread.work()
        self.assertEqual(self.lines[3:], [f"info: Access log {self.path} is written again"])
        self.assertTrue(self.path.exists())

    def test_refreshedWithoutThread(self) -> None:
        """Where there is no thread to open it anew no line is lost, and the next lines find it."""
        log = self.accessLog()
        self.path.rename(self.folder / "moved")
        self.thread.failure = RuntimeError("can't start new thread")
        log.refresh()
        self.thread.failure = None
        self.assertEqual((self.lines, log.dropped), ([], 0))
        self.close(log)
        self.write()
        self.assertCounted(log, written=1, dropped=0)

    def test_removed(self) -> None:
        """A file that is gone, and cannot be made anew, takes no lines: they are dropped."""
        log = self.accessLog()
        self.path.unlink()
        self.disk.mayOpen = False
        self.close(log, 2)
        self.write()
        self.assertEqual((log.written, log.dropped), (0, 2))
        self.assertEqual(self.lines, [f"error: Access log {self.path}: 2 lines dropped: permission denied"])
