"""Logs trouble with the writing of an access log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from tinylb.logs import Summary
from tinylb.wording import counted

REPORT = 10.0
"""Seconds between reports of dropped lines, between reports that all is well again, and from the start of a write to
the report that it takes too long."""


class AccessLogNews:
    """
    Logs each trouble and its end, but not often: a disk may be full every other moment.

    @param path: the access log's.
    """

    _log = Logger()

    def __init__(self, path: str, clock: IReactorTime) -> None:
        self._path = path
        self._clock = clock
        self._dropped = Summary(clock, REPORT, self._tellDropped)
        self._trouble: str | None = None
        self._owesGoodNews = False
        self._wasWellAt = -inf
        self._overdue: IDelayedCall | None = None
        self._hasMissed = False

    def begun(self, unwritten: Callable[[], int]) -> None:
        """
        Lines are being written; L{ended} follows.

        @param unwritten: tells, when it is called, how many lines are not written yet.
        """
        self._overdue = self._clock.callLater(REPORT, self._tellOverdue, unwritten)

    def ended(self) -> None:
        """The write that L{begun} announced is over."""
        overdue, self._overdue = self._overdue, None
        if overdue is not None:
            overdue.cancel()

    def wrote(self, lines: int, trouble: str | None) -> None:
        """
        So many lines were written; none where the file was only opened anew.

        @param trouble: why it could not be opened, and what becomes of lines; L{None} where it could.
        """
        former, self._trouble = self._trouble, trouble
        if trouble is None:
            isOver = former is not None
            self._owesGoodNews = self._owesGoodNews or isOver
            if self._owesGoodNews and (lines or isOver):
                self._tellWell()
        elif trouble != former:
            self._log.error("Access log {path} cannot be opened: {trouble}", path=self._path, trouble=trouble)

    def dropped(self, lines: int, why: str) -> None:
        """So many lines are lost."""
        self._owesGoodNews = True
        self._dropped.add(why, lines)

    def missed(self) -> None:
        """A connection has ended after L{close}. Only the first one is logged."""
        if not self._hasMissed:
            self._hasMissed = True
            self._log.warn("Access log {path} is stopped; connections that end now are not in it", path=self._path)

    def close(self) -> None:
        """Log what is still to be logged, and schedule nothing any more. Whatever happens next begins anew."""
        self.ended()
        self._dropped.flush()
        self._dropped.cancel()
        self._hasMissed = False

    def _tellWell(self) -> None:
        """Report dropped lines first. Too soon after the last report, wait until the next lines are written."""
        now = self._clock.seconds()
        if now >= self._wasWellAt + REPORT:
            self._wasWellAt = now
            self._owesGoodNews = False
            self._dropped.flush()
            self._log.info("Access log {path} is written again", path=self._path)

    def _tellOverdue(self, unwritten: Callable[[], int]) -> None:
        """The reader of standard output may have stopped, and how long for cannot be known here."""
        self._overdue = None
        count = unwritten()
        self._log.warn(
            "Access log {path}: nothing could be written for {seconds:g} s; {lines} to be written",
            path=self._path,
            seconds=REPORT,
            count=count,
            lines=counted(count, "line"),
        )

    def _tellDropped(self, counts: Counter[str]) -> None:
        self._log.error(
            "Access log {path}: {dropped} dropped: {why}",
            path=self._path,
            count=counts.total(),
            dropped=counted(counts.total(), "line"),
            why=", ".join(sorted(counts)),
        )
