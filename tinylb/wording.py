"""Words and moments as people read them, in log lines and answers."""

from __future__ import annotations

from datetime import datetime, timezone


def counted(count: int, what: str) -> str:
    """How many, in words that fit one as well as many."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def named(id: str, target: str) -> str:
    """A backend, by id and target; by one of them where they are the same."""
    return id if id == target else f"{id} ({target})"


def printable(text: object, most: int = 200) -> str:
    """What somebody else has said, for a log line: one line of text, and not too much of it."""
    line = " ".join(str(text).split())[:most]
    return "".join(each if each.isprintable() else "?" for each in line)


def spelledOut(line: str) -> str:
    """A line in which what is not printable stands as Python writes it, so that it steers no terminal."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in line)


def wordingOf(error: OSError) -> str:
    """What is wrong, in the system's words, as they stand within a line."""
    return (error.strerror or str(error)).lower()


def timestamp() -> str:
    """Now, in ISO 8601, UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
