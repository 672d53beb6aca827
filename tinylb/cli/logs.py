"""The log of C{tinylb run}, on standard error: text for people, for the journal, or JSON."""

from __future__ import annotations

import json
import os
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

PRIORITIES = {LogLevel.warn: 4, LogLevel.error: 3, LogLevel.critical: 2}
"""The levels of sd-daemon(3) and syslog(3); everything else is informational, 6."""


@implementer(ILogObserver)
class LineObserver:
    """
    Writes an event as the C{spell}ing that it is given. What is said for developers is left out.

    @param spell: the whole of what is written, but for the end of the line.
    """

    def __init__(self, stream: TextIO, spell: Callable[[LogEvent], str]) -> None:
        self._stream = stream
        self._spell = spell

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if event.get("log_level") is not LogLevel.debug:
            self._stream.write(self._spell(event) + "\n")
            self._stream.flush()


def beginLogging(stream: TextIO, *, asJSON: bool, environment: Mapping[str, str]) -> None:
    """Log to a stream from now on, and what has been logged before."""
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
    """The journal knows the time, and takes each line for a message; so it gets one."""
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
    """What is not printable is spelled out: what somebody else has said does not get to steer a terminal."""
    lines = eventAsText(event, includeTimestamp=False, includeSystem=False).splitlines() or [""]
    return [line if line.isprintable() else _printable(line) for line in lines]


def _printable(line: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)
