"""The end of the access log, and another start."""

from __future__ import annotations

import os

from twisted.internet.defer import CancelledError

from tests.unit.accesslogcase import CLOSED, AccessLogCase, openedOn
from tinylb.accesslog import AT_ONCE, TOGETHER


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
        """A second stop waits for the same end, a second after the first at the latest."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        stopping = [log.stopService()]
        self.clock.advance(0.9)
        stopping.append(log.stopService())
        for stopped in stopping:
            self.assertNoResult(stopped)
        self.clock.advance(0.1)
        for stopped in (*stopping, log.stopService()):
            self.successResultOf(stopped)

    def test_impatient(self) -> None:
        """Who waits no longer for the end is told so, and it comes as it would have come."""
        log = self.accessLog()
        self.close(log)
        impatient = log.stopService()
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        self.thread.work()
        self.assertCounted(log, written=1, dropped=0)
        self.assertEqual((self.clock.getDelayedCalls(), openedOn(self.path)), ([], 0))

    def test_takenBack(self) -> None:
        """Started again before the stop is over, it goes on: nothing is dropped, and nothing ends it later."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        stopped = log.stopService()
        log.startService()
        self.successResultOf(stopped)
        self.close(log)
        self.clock.advance(2)
        self.thread.work()
        self.close(log)
        self.write()
        self.write()
        self.assertCounted(log, written=3, dropped=0)

    def test_lateWrite(self) -> None:
        """A write that comes back after the end closes the file; one that comes back after another start does not."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        log.stopService()
        self.clock.advance(1)
        self.assertEqual(openedOn(self.path), 1)
        self.thread.work()
        self.assertEqual(openedOn(self.path), 0)
        log.startService()
        self.close(log)
        self.clock.advance(TOGETHER)
        log.stopService()
        self.clock.advance(1)
        log.startService()
        self.thread.work()
        self.assertEqual(openedOn(self.path), 1)

    def test_hangingWrite(self) -> None:
        """A write that hangs keeps its descriptor after the end: otherwise it might write into somebody else's file."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        write = os.write

        def hang(fd: int, data: bytes) -> int:
            stopped = log.stopService()
            self.clock.advance(1)
            self.successResultOf(stopped)
            other = os.open(os.devnull, os.O_WRONLY)
            os.close(other)
            self.assertNotEqual(other, fd)
            return write(fd, data)

        with self.patch(os, "write", hang):
            self.thread.work()
        self.assertEqual((len(self.texts()), openedOn(self.path)), (1, 0))

    def test_stillWriting(self) -> None:
        """Stopped a second time while a write of before the first stop hangs, the file is left to that write."""
        log = self.accessLog()
        self.close(log)
        self.clock.advance(TOGETHER)
        log.stopService()
        self.clock.advance(1)
        log.startService()
        self.successResultOf(log.stopService())
        self.assertEqual(openedOn(self.path), 1)
        self.thread.work()
        self.assertEqual((len(self.texts()), openedOn(self.path)), (1, 0))
