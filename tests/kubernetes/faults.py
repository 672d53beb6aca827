"""What can go wrong with an answer, as it is told."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple


class How(Enum):
    """What happens in the place of an answer, or to it."""

    NO_HANDSHAKE = "no-handshake"
    """The connection is accepted, and TLS never begins."""
    CLOSE_AT_ONCE = "close-at-once"
    """The connection is accepted and reset."""
    SILENCE = "silence"
    """The request is read, and that is all."""
    HEADERS_ONLY = "headers-only"
    """The answer begins, and its body never comes. A watch says nothing, and knows no C{timeoutSeconds}."""
    HALF = "half"
    """So it is with the second half of a list."""
    CLOSE = "close"
    """The connection is closed in the place of an answer."""
    CLOSE_HALF = "close-half"
    """It is closed after half of a list."""
    REFUSAL = "refusal"
    """A Status, with C{code}, C{message}, C{reason} and C{retryAfter} as far as they are given."""
    ANSWER = "answer"
    """Any C{code}, C{headers} and C{body}, or so many bytes of a C{size}."""
    CUT = "cut"
    """A watch breaks off when it has begun."""
    ENDLESS_HEADERS = "endless-headers"
    """The headers of the answer do not end."""
    ENDLESS_INTERIM = "endless-interim"
    """Interim answers come one after the other, and nothing else."""
    ENDLESS_LIST = "endless-list"
    """Each part of a list is followed by another."""
    EXPIRED_STATUS = "expired-status"
    """A watch that begins too long ago is refused with 410, as some servers do, and not told so by an event."""


class On(Enum):
    """To what it happens."""

    CONNECTION = "connection"
    LIST = "list"
    WATCH = "watch"
    OTHER = "other"


ALWAYS = -1


class Fault(NamedTuple):
    """One of them."""

    how: How
    details: dict[str, Any]


class Faults:
    """Those that are still to come."""

    def __init__(self) -> None:
        self._left: dict[On, list[tuple[int, Fault]]] = {on: [] for on in On}

    def add(self, on: On, times: int, fault: Fault) -> None:
        """Let it happen so often, or L{ALWAYS}, after those that were told before."""
        self._left[on].append((times, fault))

    def clear(self) -> None:
        """From now on all is well."""
        for left in self._left.values():
            left.clear()

    def take(self, on: On) -> Fault | None:
        """What happens now."""
        left = self._left[on]
        if not left:
            return None
        times, fault = left[0]
        if times != ALWAYS:
            left[:1] = [(times - 1, fault)] if times > 1 else []
        return fault
