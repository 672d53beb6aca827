"""When the access log is written, and that no connection waits for it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.unit.accesslogcase import CLOSED, AccessLogCase
from tinylb.accesslog import AT_ONCE, TOGETHER


def openedOn(path: Path) -> int:
    """How many descriptors of this process lead there."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            found += os.path.samefile(f"/proc/self/fd/{number}", path)
        except OSError:
            pass  # that with which the folder was listed
    return found


class WritingTests(AccessLogCase):
    """Lines are written in a thread, many at once."""

    def test_idle(self) -> None:
        """While no pair ends there is no timer and no thread, at first and later."""
        log = self.accessLog()
        self.assertEqual((self.clock.getDelayedCalls(), self.thread.jobs), ([], []))
        self.close(log)
        self.write()
        self.assertEqual((self.clock.getDelayedCalls(), self.thread.jobs), ([], []))

    def test_together(self) -> None:
        """Lines wait for others, a tenth of a second at the most, and all are written at once."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER * 0.9)
        self.close(log, 2)
        self.assertEqual((self.thread.jobs, log.written), ([], 0))
        self.clock.advance(TOGETHER * 0.1)
        self.assertEqual(len(self.thread.jobs), 1)
        self.assertEqual((self.texts(), log.written), ([], 0))
        self.thread.work()
        self.assertCounted(log, written=3, dropped=0)

    def test_order(self) -> None:
        """Pairs stand in the order in which they ended, however many there are."""
        log = self.accessLog()
        for number in range(3 * AT_ONCE):
            self.close(log, bytesIn=number)
            if not number % 100:
                self.write()
        self.write()
        self.assertEqual([line["bytesIn"] for line in self.objects()], list(range(3 * AT_ONCE)))

    def test_turnIsBounded(self) -> None:
        """When very many end together, a part of the lines is made in a turn; the rest follows without a pause."""
        log = self.accessLog()
        self.close(log, 2 * AT_ONCE + 1)
        self.clock.advance(TOGETHER)
        for written in (AT_ONCE, 2 * AT_ONCE):
            self.assertEqual(self.thread.work(1), 1)
            self.assertCounted(log, written, dropped=0)
        self.write()
        self.assertCounted(log, 2 * AT_ONCE + 1, dropped=0)

    def test_oneAfterTheOther(self) -> None:
        """While the thread is at work it gets nothing else to do; what comes meanwhile is written next."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        self.close(log, 5)
        self.clock.advance(60)
        self.assertEqual(len(self.thread.jobs), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.thread.work()
        self.assertEqual(log.written, 1)
        self.write()
        self.assertCounted(log, written=6, dropped=0)

    def test_reactorThread(self) -> None:
        """Whatever may wait for a disk is done in the thread, whatever happens to the file."""
        log = self.accessLog()
        strays: list[str] = []

        def watch(name: str) -> None:
            original = getattr(os, name)

            def watched(*arguments: Any, **others: Any) -> Any:
                if not self.thread.isWorking:
                    strays.append(name)
                return original(*arguments, **others)

            self.patch(os, name, watched)

        for name in ("open", "write", "stat", "fstat", "ftruncate", "lseek"):
            watch(name)
        for disturb in (lambda: None, log.refresh, lambda: self.path.rename(self.folder / "moved"), log.refresh):
            disturb()
            self.thread.work()
            self.close(log)
            self.write()
        self.assertEqual((strays, log.written), ([], 4))

    def test_noThread(self) -> None:
        """Where there is no thread to be had the lines are dropped, and the next ones find one."""
        log = self.accessLog()
        self.thread.failure = RuntimeError("can't start new thread")
        self.close(log, 2)
        self.write()
        self.assertCounted(log, written=0, dropped=2)
        self.assertEqual(self.lines, [f"error: Access log {self.path}: 2 lines dropped: can't start new thread"])
        self.thread.failure = None
        self.close(log)
        self.write()
        self.assertCounted(log, written=1, dropped=2)


class RefreshTests(AccessLogCase):
    """The file is opened anew when somebody says so."""

    def test_moved(self) -> None:
        """The file is there again at once, although there is nothing to write."""
        log = self.accessLog()
        self.path.rename(self.folder / "moved")
        log.refresh()
        self.assertFalse(self.path.exists())
        self.thread.work()
        self.assertTrue(self.path.exists())
        self.assertEqual(openedOn(self.folder / "moved"), 0)
        self.assertEqual(self.lines, [])

    def test_whatWaits(self) -> None:
        """What has ended before goes to the new file, without a wait."""
        log = self.accessLog()
        self.close(log, 2)
        self.path.rename(self.folder / "moved")
        log.refresh()
        self.thread.work()
        self.assertCounted(log, written=2, dropped=0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_whileWriting(self) -> None:
        """What is being written goes where it went; then the file is opened anew."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        log.refresh()
        log.refresh()
        self.assertEqual(len(self.thread.jobs), 1)
        self.thread.work(1)
        self.path.rename(self.folder / "moved")
        self.thread.work()
        self.assertEqual((self.texts(), len(self.texts(self.folder / "moved"))), ([], 1))

    def test_burst(self) -> None:
        """However often it is told, it does not pile up."""
        log = self.accessLog()
        for _ in range(1000):
            log.refresh()
        self.assertLessEqual(self.thread.work(), 2)
        self.close(log)
        self.write()
        self.assertCounted(log, written=1, dropped=0)


class StopTests(AccessLogCase):
    """A stop writes what there is, and waits for it, but not for long."""

    def test_writes(self) -> None:
        """All lines are in the file when it is over; nothing is open, and no timer is left."""
        log = self.accessLog()
        self.close(log, 2 * AT_ONCE + 1)
        stopped = log.stopService()
        self.assertNoResult(stopped)
        self.thread.work()
        self.assertIsNone(self.successResultOf(stopped))
        self.assertCounted(log, 2 * AT_ONCE + 1, dropped=0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(openedOn(self.path), 0)

    def test_nothingToWrite(self) -> None:
        """Without anything to write it is over at once."""
        log = self.accessLog()
        self.assertIsNone(self.successResultOf(log.stopService()))
        self.assertEqual((self.clock.getDelayedCalls(), openedOn(self.path)), ([], 0))

    def test_whileWriting(self) -> None:
        """What is being written, and what has come since, is waited for."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        self.close(log)
        stopped = log.stopService()
        self.thread.work(1)
        self.assertNoResult(stopped)
        self.thread.work(1)
        self.successResultOf(stopped)
        self.assertCounted(log, written=2, dropped=0)

    def test_diskHangs(self) -> None:
        """It waits for a second; what is not written then is dropped, and that is said. What comes late is too late."""
        log = self.accessLog()
        self.close(log, 3)
        self.clock.advance(TOGETHER)
        self.close(log, 4)
        stopped = log.stopService()
        self.clock.advance(0.99)
        self.assertNoResult(stopped)
        self.clock.advance(0.01)
        self.successResultOf(stopped)
        self.assertEqual((log.written, log.dropped), (0, 7))
        self.assertEqual(
            self.lines, [f"error: Access log {self.path}: 7 lines dropped: there was no time to write them"]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.thread.work()
        self.assertEqual((log.written, log.dropped, self.clock.getDelayedCalls()), (0, 7, []))

    def test_over(self) -> None:
        """After its end it neither writes lines nor opens its file again, until it is started."""
        log = self.accessLog()
        self.successResultOf(log.stopService())
        self.path.unlink()
        log.refresh()
        self.close(log)
        self.assertEqual((self.thread.jobs, self.clock.getDelayedCalls()), ([], []))
        log.startService()
        self.close(log)
        self.write()
        self.assertCounted(log, written=1, dropped=1)

    def test_tooEarly(self) -> None:
        """Pairs that end after it are counted, and after each stop the first one is told of."""
        log = self.accessLog()
        said = f"warn: Access log {self.path} is stopped; connections that end now are not in it"
        for count in (1, 2):
            self.successResultOf(log.stopService())
            self.close(log, 3)
            self.assertEqual((self.lines, log.dropped), ([said] * count, 3 * count))
            log.startService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_diskFull(self) -> None:
        """Lines that cannot be written are reported before the end."""
        log = self.accessLog()
        self.thread.failure = OSError("no")
        self.close(log)
        self.write()
        self.close(log, 4)
        self.successResultOf(log.stopService())
        self.assertEqual([line.split(": ")[2] for line in self.lines], ["1 line dropped", "4 lines dropped"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_startedAgain(self) -> None:
        """After another start it goes on in the same file, also while a thread of before still hangs."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        stopped = log.stopService()
        self.clock.advance(1)
        self.successResultOf(stopped)
        log.startService()
        log.observe(CLOSED)
        self.clock.advance(TOGETHER)
        self.thread.work(1)
        self.assertEqual((log.written, log.dropped), (0, 1))
        self.thread.work(1)
        self.assertEqual((log.written, log.dropped), (1, 1))
        stopped = log.stopService()
        self.successResultOf(stopped)
        log.startService()
        self.close(log)
        self.write()
        self.assertEqual((log.written, len(self.texts())), (2, 3))

    def test_twice(self) -> None:
        """Two stops wait for the same end."""
        log = self.accessLog()
        self.close(log)
        stopping = [log.stopService(), log.stopService()]
        self.thread.work()
        self.clock.advance(1)
        for stopped in stopping:
            self.successResultOf(stopped)
        self.assertCounted(log, written=1, dropped=0)
