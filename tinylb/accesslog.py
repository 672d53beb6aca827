"""The access log: a line of JSON for each pair that has ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.accessline import LineWriter
from tinylb.accessnews import AccessLogNews
from tinylb.clock import monotonicClock, release
from tinylb.daemons import inDaemon
from tinylb.events import Event, PairClosed
from tinylb.interfaces import IRefreshable, ISelectiveObserver
from tinylb.linefile import LineFile, NobodyReads, Unwritten
from tinylb.outcome import Outcome
from tinylb.wording import wordingOf

TOGETHER = 0.1
"""Seconds for which lines wait for others, so that many are written at once."""

AT_ONCE = 500
"""Lines that are made in one turn of the reactor, which takes about a millisecond."""

MOST = 100_000
"""Lines that may wait while the disk is slow, in some 40 MB. Those beyond them are dropped. All connections of a target
may end at once, so there is room for many."""

PATIENCE = 1.0
"""Seconds that a stop waits for the last lines."""


class State(Enum):
    """What becomes of the lines of pairs that end."""

    OPEN = "they are written"
    STOPPING = "they are written if there is time"
    STOPPED = "they are dropped"


_OPEN, _STOPPING, _STOPPED = State.OPEN, State.STOPPING, State.STOPPED


@implementer(ISelectiveObserver, IRefreshable)
class AccessLog(Service):
    """
    Writes the access log of one balancer, as one of its observers. No connection waits for it: lines are written in a
    thread, and those that cannot be written are dropped, counted and reported. So are the lines of pairs that end after
    the log's stop: stop the balancer before the log.

    A file that was moved away is created anew with the next lines; L{refresh} does that at once.

    @param reactor: used to come back from the thread; with a test's C{Clock} lines are written without a thread.
    @param path: C{-} is standard output.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param inThread: calls a function in a thread; its L{Deferred} fires when that has returned.
    @param now: tells the time of day, in seconds since the epoch.
    @ivar written: how many lines were written.
    @ivar dropped: how many were not, or not before the end of L{stopService}.
    @raise OSError: when the file cannot be opened.
    """

    kinds = frozenset((PairClosed,))

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
        self._news = AccessLogNews(self._file.path, self._clock)
        # Their lines are made many at a time: in a loop that takes half as long as one by one between other things.
        self._waiting: deque[tuple[float, PairClosed]] = deque()
        self._writer = LineWriter()
        self._flushing: IDelayedCall | None = None
        self._inHand: list[str] | None = None
        self._writes = 0
        self._mustReopen = False
        self._state = _OPEN
        self._stop = Outcome()
        self._deadline: IDelayedCall | None = None

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if not isinstance(event, PairClosed):
            return
        if self._state is _STOPPED:
            self.dropped += 1
            self._news.missed()
        elif len(self._waiting) == MOST:
            self._drop(1, "they come faster than they can be written")
        else:
            self._waiting.append((self._now(), event))
            if self._flushing is None and self._inHand is None:
                self._flushing = self._clock.callLater(TOGETHER, self._flush)

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. The file is opened anew."""
        if self._state is not _STOPPED:
            self._mustReopen = True
            self._flush()

    def startService(self) -> None:
        """
        Take events again after L{stopService}; a stop that is under way is over. A new log takes them at once, started
        or not.
        """
        Service.startService(self)
        self._state = _OPEN
        self._stopIsOver()

    def stopService(self) -> Deferred[None]:
        """
        Write what there is.

        @return: a L{Deferred} that fires when that is done, after a second at the latest; what is not written by then
            is dropped. To cancel it is only to wait no more. A second call waits for the same end.
        """
        Service.stopService(self)
        if self._state is _OPEN:
            self._state = _STOPPING
            self._stop = Outcome()
            self._deadline = self._clock.callLater(PATIENCE, self._close)
            self._flush()
            self._settle()
        return self._stop.when()

    def _flush(self) -> None:
        flushing, self._flushing = self._flushing, None
        if flushing is not None and flushing.active():
            flushing.cancel()
        if self._inHand is not None or not (self._waiting or self._mustReopen):
            return
        waiting = self._waiting
        lines = [self._writer.line(*waiting.popleft()) for _ in range(min(len(waiting), AT_ONCE))]
        self._inHand = lines
        self._writes += 1
        self._news.begun(self._unwritten)
        mustReopen, self._mustReopen = self._mustReopen, False
        writing = maybeDeferred(self._inThread, lambda: _write(self._file, mustReopen, "".join(lines).encode()))
        writing.addBoth(self._ended, lines)

    def _ended(self, result: str | Failure | None, lines: list[str]) -> None:
        self._writes -= 1
        if lines is not self._inHand:  # given up at a stop
            self._closeFile()
            return
        self._inHand = None
        self._news.ended()
        if isinstance(result, Failure):
            self._failed(result, len(lines))
        else:
            self.written += len(lines)
            self._news.wrote(len(lines), result)
        if self._mustReopen or self._state is _STOPPING or len(self._waiting) >= AT_ONCE:
            self._flush()
        elif self._waiting:
            self._flushing = self._clock.callLater(TOGETHER, self._flush)
        self._settle()

    def _failed(self, failure: Failure, lines: int) -> None:
        error = failure.value
        lost = error.lines if isinstance(error, Unwritten) else lines
        self.written += lines - lost
        if lost:
            self._drop(lost, failure.getErrorMessage())

    def _settle(self) -> None:
        if self._state is _STOPPING and self._inHand is None and not self._waiting:
            self._close()

    def _close(self) -> None:
        self._state = _STOPPED
        lost = self._unwritten()
        if lost:
            self._waiting.clear()
            self._drop(lost, "there was no time to write them")
        self._news.close()
        self._inHand = None
        self._closeFile()
        self._stopIsOver()
        release(self._clock)

    def _closeFile(self) -> None:
        """Close it, unless a thread still writes to it. That may hang, and closes the file when it is back."""
        if self._state is _STOPPED and not self._writes:
            self._file.close()

    def _stopIsOver(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()
        self._stop.succeed()

    def _drop(self, lines: int, why: str) -> None:
        self.dropped += lines
        self._news.dropped(lines, why)

    def _unwritten(self) -> int:
        return len(self._waiting) + len(self._inHand or ())


def _write(file: LineFile, mustReopen: bool, lines: bytes) -> str | None:
    """
    Write lines. This runs in a thread.

    @return: why the file could not be opened, and what becomes of lines; L{None} where it could.
    """
    why = None
    if mustReopen:
        try:
            file.reopen()
        except NobodyReads:
            pass  # the pipe is there, only without a reader; lines that are lost are reported by C{append}
        except OSError as error:
            why = wordingOf(error)
    if lines:
        why = file.append(lines)
    if why is None:
        return None
    return f"{why}; {'lines go on into the file that was moved' if file.isOpen else 'lines are dropped until it can'}"
