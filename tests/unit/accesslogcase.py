"""An access log in a folder of its own, on a clock and with a thread that the test moves."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import CloseReason, PairClosed
from tinylb.accesslog import TOGETHER, AccessLog

NOW = 1_700_000_000.25
"""The time of day at which a test begins: 2023-11-14T22:13:20.250Z."""

CLOSED = PairClosed(
    client=IPv4Address("TCP", "192.0.2.7", 40000),
    backend="cp-1",
    target="192.0.2.11:6443",
    attempts=2,
    dialSeconds=0.0123456,
    bytesIn=1234,
    bytesOut=5678,
    duration=3.5,
    reason=CloseReason.CLIENT_CLOSED,
    listener="127.0.0.1:6443",
)


def openedOn(path: Path) -> int:
    """How many descriptors of this process lead there."""
    found = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            found += os.path.samefile(f"/proc/self/fd/{number}", path)
        except OSError:
            pass  # that with which the folder was listed
    return found


class HandThread:
    """
    A thread whose jobs are done when the test says so.

    @ivar jobs: the jobs that it has not done yet.
    @ivar isWorking: whether it is at work.
    """

    def __init__(self) -> None:
        self.jobs: list[tuple[Callable[[], str | None], Deferred[str | None]]] = []
        self.isWorking = False
        self.failure: Exception | None = None

    def __call__(self, function: Callable[[], str | None]) -> Deferred[str | None]:
        """See L{inDaemon <tinylb.daemons.inDaemon>}; if there is a C{failure}, it is raised instead."""
        if self.failure is not None:
            raise self.failure
        done: Deferred[str | None] = Deferred()
        self.jobs.append((function, done))
        return done

    def work(self, most: int = 1000) -> int:
        """
        Do at most so many jobs.

        @return: how many were done.
        """
        count = 0
        while self.jobs and count < most:
            function, done = self.jobs.pop(0)
            self.isWorking = True
            try:
                result = function()
            except Exception:
                self.isWorking = False
                done.errback()
            else:
                self.isWorking = False
                done.callback(result)
            count += 1
        return count


class Disk:
    """
    Stands between a test and the real disk, and can make it fail.

    @ivar room: how many bytes may still be written; L{None} for no limit.
    @ivar mayOpen: whether files can be opened.
    """

    def __init__(self, test: SynchronousTestCase) -> None:
        self.room: int | None = None
        self.mayOpen = True
        self._write, self._open = os.write, os.open
        test.patch(os, "write", self.write)
        test.patch(os, "open", self.open)

    def write(self, fd: int, data: bytes) -> int:
        """See L{os.write}."""
        if self.room is not None:
            if not self.room:
                raise OSError(28, "No space left on device")
            data = data[: self.room]
            self.room -= len(data)
        return self._write(fd, data)

    def open(self, *arguments: Any, **others: Any) -> int:
        """See L{os.open}."""
        if not self.mayOpen:
            raise PermissionError(13, "Permission denied")
        return self._open(*arguments, **others)


class AccessLogCase(SynchronousTestCase):
    """The log is at C{path}."""

    def setUp(self) -> None:
        """An empty folder, and nothing has been logged."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "access.log"
        self.clock = Clock()
        self.thread = HandThread()
        self.lines = logLines(self)

    def accessLog(self, now: Callable[[], float] | None = None) -> AccessLog:
        """A running access log; its file is closed after the test."""
        log = AccessLog(
            self.clock,
            str(self.path),
            inThread=self.thread,
            now=now or (lambda: NOW + self.clock.seconds()),
        )
        self.addCleanup(self.end, log)
        return log

    def end(self, log: AccessLog) -> None:
        """Stop it, and check that no timer is left."""
        stopped = log.stopService()
        self.thread.work()
        self.clock.advance(1)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def close(self, log: AccessLog, count: int = 1, **changes: Any) -> None:
        """Tell the log that so many pairs have ended."""
        for _ in range(count):
            log.observe(replace(CLOSED, **changes))

    def write(self) -> None:
        """Let the time come at which lines are written, and write them."""
        self.clock.advance(TOGETHER)
        self.thread.work()

    def texts(self, path: Path | None = None) -> list[str]:
        """The lines of the file, which must all be complete."""
        content = (path or self.path).read_text()
        self.assertTrue(content.endswith("\n") or not content)
        return content.splitlines()

    def objects(self) -> list[dict[str, Any]]:
        """The lines of the file, read as JSON."""
        return [json.loads(text) for text in self.texts()]

    def assertCounted(self, log: AccessLog, written: int, dropped: int) -> None:
        """So many lines were written, and are in the file, and so many were dropped."""
        self.assertEqual((log.written, log.dropped), (written, dropped))
        self.assertEqual(len(self.texts()), written)
