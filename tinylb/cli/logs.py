"""The log of C{tinylb run}, on standard error: text for people, for the journal, or JSON."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TextIO

from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    formatEvent,
    globalLogBeginner,
)
from zope.interface import implementer

from tinylb.wording import counted, spelledOut

PRIORITIES = {LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
"""The levels of sd-daemon(3) and syslog(3); everything else is informational, 6."""


PIECE = 1000
"""How many characters are written at a time: a pipe that polls as writable takes them without waiting, see pipe(7)."""


@implementer(ILogObserver)
class LineObserver:
    """
    Writes each event as C{spell} formats it, without debug events. The process never waits for the reader of the
    stream: lines that it does not take are dropped, and their number is logged when there is room again.

    @param spell: makes the text of an event, without the end of the line.
    """

    def __init__(self, stream: TextIO, spell: Callable[[LogEvent], str]) -> None:
        self._stream = stream
        self._spell = spell
        self._room = _roomOf(stream)
        self._dropped = 0
        self._isCut = False

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if event.get("log_level") is LogLevel.debug:
            return
        text = self._spell(event) + "\n"
        if self._dropped and self._takes():
            dropped, self._dropped = self._dropped, 0
            told = {"log_time": event["log_time"], "log_level": LogLevel.warn, "log_namespace": "tinylb"}
            told["log_format"] = f"{counted(dropped, 'log line')} dropped: nobody has read standard error"
            text = ("\n" if self._isCut else "") + self._spell(told) + "\n" + text
            self._isCut = False
        for start in range(0, len(text), PIECE):
            if not self._takes():
                self._dropped += 1
                self._isCut = self._isCut or start > 0
                return
            self._stream.write(text[start : start + PIECE])
            self._stream.flush()

    def _takes(self) -> bool:
        return self._room is None or bool(self._room.poll(0))


def _roomOf(stream: TextIO) -> select.poll | None:
    """A poll object for whether a stream takes more without waiting; files always do. L{None} without a descriptor."""
    room = select.poll()
    try:
        room.register(stream.fileno(), select.POLLOUT)
    except (OSError, ValueError):
        return None
    return room


def beginLogging(stream: TextIO, *, asJSON: bool, environment: Mapping[str, str]) -> None:
    """Log to a stream from now on, starting with what was logged before."""
    spell = asObject if asJSON else forJournal if isJournal(stream, environment) else forPeople
    globalLogBeginner.beginLoggingTo([LineObserver(stream, spell)], redirectStandardIO=False)


def isJournal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream leads to the journal; C{JOURNAL_STREAM} says so in systemd.exec(5)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def forPeople(event: LogEvent) -> str:
    """The local time, the level and the message; a traceback goes on in the next lines."""
    moment = _moment(event).astimezone().isoformat(timespec="milliseconds")
    return f"{moment} {_level(event).name:<8} " + "\n    ".join(_lines(event))


def forJournal(event: LogEvent) -> str:
    """A single line with its priority: the journal adds the time, and takes each line for a message."""
    return f"<{PRIORITIES.get(_level(event), 6)}>" + " | ".join(each.strip() for each in _lines(event))


def asObject(event: LogEvent) -> str:
    """A JSON object: C{time} (ISO 8601, UTC), C{level}, C{namespace}, C{message}, and maybe C{traceback}."""
    said = {
        "time": _moment(event).isoformat(timespec="milliseconds"),
        "level": _level(event).name,
        "namespace": event.get("log_namespace"),
        "message": formatEvent(event),
    }
    failure = event.get("log_failure")
    if failure is not None:
        said["traceback"] = failure.getTraceback()
    return json.dumps(said)


def _moment(event: LogEvent) -> datetime:
    return datetime.fromtimestamp(event["log_time"], timezone.utc)


def _level(event: LogEvent) -> LogLevel:
    level: LogLevel = event.get("log_level") or LogLevel.info
    return level


def _lines(event: LogEvent) -> list[str]:
    """The lines of an event. What is not printable is spelled out, so that a peer's text cannot control a terminal."""
    lines = eventAsText(event, includeTimestamp=False, includeSystem=False).splitlines() or [""]
    return [line if line.isprintable() else spelledOut(line) for line in lines]
