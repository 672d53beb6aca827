"""When the access log is written, and that no connection waits for it."""

from __future__ import annotations

import os
from typing import Any

from tests.unit.accesslogcase import AccessLogCase, openedOn
from tinylb.accesslog import AT_ONCE, TOGETHER


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
