"""Formats words and times for people, in log lines and answers."""

from __future__ import annotations

from datetime import datetime, timezone


def counted(count: int, what: str) -> str:
    """A number with its noun, in the singular or the plural."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def named(id: str, target: str) -> str:
    """A backend, by id and target; by one of them where they are the same."""
    return id if id == target else f"{id} ({target})"


def printable(text: object, most: int = 200) -> str:
    """Text from elsewhere for a log line: one printable line, of not too many characters."""
    line = " ".join(str(text).split())[:most]
    return "".join(each if each.isprintable() else "?" for each in line)


def spelledOut(line: str) -> str:
    """A line with unprintable characters escaped as Python does, so that it cannot control a terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)


def wordingOf(error: OSError) -> str:
    """An error in the system's words, in lower case, as they stand within a line."""
    return (error.strerror or str(error)).lower()


def timestamp() -> str:
    """Now, in ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
