"""The access log: a line of JSON for each pair that has ended."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from math import inf
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.accessline import LineWriter
from tinylb.clock import monotonicClock, release
from tinylb.daemons import inDaemon
from tinylb.events import Event, PairClosed
from tinylb.interfaces import IRefreshable, ISelectiveObserver
from tinylb.linefile import LineFile, Unwritten, wordingOf
from tinylb.logs import Summary
from tinylb.wording import counted

TOGETHER = 0.1
"""Seconds for which lines wait for others, so that many are written at once."""

AT_ONCE = 500
"""Lines that are made in one turn of the reactor, which takes about a millisecond."""

MOST = 100_000
"""Lines that may wait while the disk is slow, in some 40 MB. Those beyond them are dropped. All connections of a target
may end at once, so there is room for many."""

PATIENCE = 1.0
"""Seconds that a stop waits for the last lines."""

REPORT = 10.0
"""Seconds between reports of lines that were dropped, and between news that all is well again."""


@implementer(ISelectiveObserver, IRefreshable)
class AccessLog(Service):
    """
    Writes the access log of one balancer, of whose observers it is one. No connection waits for it: lines are written
    in a thread, and when they cannot be they are dropped, counted and reported.

    The file is made anew when it was moved away; L{refresh} does that at once.

    @param reactor: to come back from the thread.
    @param path: C{-} is standard output.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param inThread: calls a function in a thread; its L{Deferred} fires when that has returned.
    @param now: tells the time of day, in seconds since the epoch.
    @ivar written: how many lines were written.
    @ivar dropped: how many were not, or not before the end of L{stopService}.
    @raise OSError: when the file cannot be opened.
    """

    kinds = frozenset((PairClosed,))

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        path: str,
        *,
        clock: IReactorTime | None = None,
        inThread: Callable[[Callable[[], str | None]], Deferred[str | None]] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.written = 0
        self.dropped = 0
        self._clock = clock or monotonicClock(reactor)
        self._file = LineFile(path)
        self._inThread = inThread or inDaemon(reactor)
        self._now = now
        self._dropped = Summary(self._clock, REPORT, self._report)
        self._isFailing = False
        self._wasWellAt = -inf
        self._trouble: str | None = None
        # Lines are made of them many at a time: in a loop that takes half as long as one by one between other things.
        self._waiting: deque[tuple[float, PairClosed]] = deque()
        self._writer = LineWriter()
        self._flushing: IDelayedCall | None = None
        self._inHand: list[str] | None = None
        self._mustReopen = False
        self._overdue: IDelayedCall | None = None
        self._isClosed = False
        self._whenWritten: Deferred[None] | None = None

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if isinstance(event, PairClosed) and not self._isClosed:
            if len(self._waiting) == MOST:
                self._drop(1, "they come faster than they can be written")
                return
            self._waiting.append((self._now(), event))
            if self._flushing is None and self._inHand is None:
                self._flushing = self._clock.callLater(TOGETHER, self._flush)

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. The file is opened anew."""
        if not self._isClosed:
            self._mustReopen = True
            self._flush()

    def startService(self) -> None:
        """Begin again after L{stopService}. Until that it is at work without having been started."""
        Service.startService(self)
        self._isClosed = False

    def stopService(self) -> Deferred[None]:
        """
        Write what there is.

        @return: a L{Deferred} that fires when that is done, after a second at the latest; what is not written by then
            is dropped.
        """
        Service.stopService(self)
        stopped = self._whenWritten = Deferred()
        stopped.addTimeout(PATIENCE, self._clock).addErrback(lambda _: None).addCallback(lambda _: self._close())
        self._flush()
        self._settle()
        return stopped

    def _flush(self) -> None:
        flushing, self._flushing = self._flushing, None
        if flushing is not None and flushing.active():
            flushing.cancel()
        if self._inHand is not None or not (self._waiting or self._mustReopen):
            return
        waiting = self._waiting
        lines = [self._writer.line(*waiting.popleft()) for _ in range(min(len(waiting), AT_ONCE))]
        self._inHand = lines
        self._overdue = self._clock.callLater(REPORT, self._tellOverdue)
        mustReopen, self._mustReopen = self._mustReopen, False
        writing = maybeDeferred(self._inThread, lambda: _write(self._file, mustReopen, "".join(lines).encode()))
        writing.addBoth(self._ended, lines)

    def _ended(self, result: str | Failure | None, lines: list[str]) -> None:
        if lines is not self._inHand:  # given up at a stop
            return
        self._inHand = None
        self._cancelOverdue()
        if isinstance(result, Failure):
            self._failed(result, len(lines))
        else:
            self._wrote(result, len(lines))
        if self._mustReopen or self._whenWritten is not None or len(self._waiting) >= AT_ONCE:
            self._flush()
        elif self._waiting:
            self._flushing = self._clock.callLater(TOGETHER, self._flush)
        self._settle()

    def _wrote(self, trouble: str | None, lines: int) -> None:
        self.written += lines
        former, self._trouble = self._trouble, trouble
        if trouble is None:
            if (lines and self._isFailing) or former is not None:
                self._isWell()
        elif trouble != former:
            self._log.error(
                "Access log {path} cannot be opened: {why}; it is written to where it was moved",
                path=self._file.path,
                why=trouble,
            )

    def _failed(self, failure: Failure, lines: int) -> None:
        error = failure.value
        lost = error.lines if isinstance(error, Unwritten) else lines
        self.written += lines - lost
        self._drop(lost, failure.getErrorMessage())

    def _isWell(self) -> None:
        """Told with what it ends, and seldom enough: a disk may be full every other time."""
        now = self._clock.seconds()
        if now >= self._wasWellAt + REPORT:
            self._wasWellAt = now
            self._isFailing = False
            self._dropped.flush()
            self._log.info("Access log {path} is written again", path=self._file.path)
        else:
            self._isFailing = True  # so that it is told later

    def _tellOverdue(self) -> None:
        """Whoever reads standard output may have stopped, and nobody can tell from here for how long."""
        self._overdue = None
        lines = len(self._waiting) + len(self._inHand or ())
        self._log.warn(
            "Access log {path} takes nothing; {lines} to be written",
            path=self._file.path,
            count=lines,
            lines=counted(lines, "line"),
        )

    def _cancelOverdue(self) -> None:
        overdue, self._overdue = self._overdue, None
        if overdue is not None:
            overdue.cancel()

    def _settle(self) -> None:
        if self._whenWritten is not None and self._inHand is None and not self._waiting:
            waiting, self._whenWritten = self._whenWritten, None
            waiting.callback(None)

    def _close(self) -> None:
        self._isClosed = True
        self._whenWritten = None
        self._cancelOverdue()
        lost = len(self._waiting) + len(self._inHand or ())
        if lost:
            self._waiting.clear()
            self._drop(lost, "there was no time to write them")
        self._dropped.flush()
        self._dropped.cancel()
        if self._inHand is None:
            self._file.close()
        self._inHand = None
        release(self._clock)

    def _drop(self, lines: int, why: str) -> None:
        self.dropped += lines
        self._isFailing = True
        self._dropped.add(why, lines)

    def _report(self, counts: Counter[str]) -> None:
        self._log.error(
            "Access log {path}: {dropped} dropped: {why}",
            path=self._file.path,
            count=counts.total(),
            dropped=counted(counts.total(), "line"),
            why=", ".join(sorted(counts)),
        )


def _write(file: LineFile, mustReopen: bool, lines: bytes) -> str | None:
    """In a thread."""
    if mustReopen:
        try:
            file.reopen()
        except OSError as error:
            if not lines:
                return wordingOf(error) if file.isOpen else None
    return file.append(lines) if lines else None
