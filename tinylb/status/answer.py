"""The answer to a request: status, headers and body."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Union

from twisted.internet.defer import Deferred

Part = Union[bytes, "Deferred[None]"]
"""A piece of a body, or a L{Deferred} to wait for until there is one."""

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """
    A response.

    @ivar code: the status code; see RFC 9110.
    @ivar kind: what the body is: the value of C{Content-Type}.
    @ivar body: bytes, or the parts in which they come; each part is made in a turn of the reactor of its own.
    @ivar headers: further headers, each a name and its value.
    @ivar isEndless: whether the parts go on until the connection ends.
    @ivar release: called when no more parts are asked for, whatever the cause.
    """

    code: int
    kind: str
    body: bytes | Iterator[Part]
    headers: tuple[tuple[str, str], ...] = ()
    isEndless: bool = False
    release: Callable[[], None] | None = None


def say(code: int, line: str, *headers: tuple[str, str]) -> Answer:
    """An answer of one line of text."""
    return Answer(code, TEXT, f"{line}\n".encode(errors="backslashreplace"), headers)


def show(data: Any) -> Answer:
    """An answer that shows plain data as JSON."""
    return Answer(200, JSON, encode(data) + b"\n")


def encode(data: Any) -> bytes:
    """Plain data as JSON, on one line, in ASCII."""
    return json.dumps(data, separators=(",", ":")).encode()
