"""
Reads what an API server answers: lists, events and refusals. See
U{https://kubernetes.io/docs/reference/using-api/api-concepts/}.
"""

from __future__ import annotations

import json
from typing import Any

from tinylb.addresses import quote
from tinylb.providers.kubernetes.bodies import ApiError
from tinylb.wording import printable


class Gone(Exception):
    """The server no longer knows what has changed since the given version: HTTP's status 410."""


def goneOr(error: ApiError) -> Exception:
    """The error itself, or L{Gone} if its status is 410."""
    return Gone() if error.status == 410 else error


def readList(answer: Any) -> tuple[list[Any], str, str]:
    """A list's objects, its version and, if there are more pages, the token of the next one."""
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    items = answer.get("items") or [] if isinstance(answer, dict) else None
    if not isinstance(metadata, dict) or not isinstance(items, list):
        raise ApiError(f"its list is not one: {quote(answer)}")
    return items, str(metadata.get("resourceVersion") or ""), str(metadata.get("continue") or "")


def readEvent(line: bytes) -> dict[str, Any]:
    """An event of a watch, with its C{type} and C{object}."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        raise ApiError(f"it sends an event that is not JSON: {quote(line.decode(errors='replace'))}") from None
    if (
        not isinstance(event, dict)
        or not isinstance(event.get("type"), str)
        or not isinstance(event.get("object"), dict)
    ):
        raise ApiError(f"it sends what is not an event: {quote(event)}")
    return event


def wordingOf(status: dict[str, Any]) -> str:
    """What a C{Status} says."""
    return printable(status.get("message") or status.get("reason") or status.get("code"))
