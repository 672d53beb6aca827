"""An event as plain data, to be written as JSON."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import Enum
from typing import Any

from twisted.internet.interfaces import IAddress

from tinylb.addresses import spell
from tinylb.events import Event
from tinylb.wording import timestamp

MOST = 50
"""The most items of a list that are told. A set may have thousands of backends; the state has them all."""

_NEXT_WORD = re.compile(r"(?<!^)(?=[A-Z])")


def told(event: Event) -> dict[str, Any]:
    """
    @return: C{time} (ISO 8601, UTC), C{what} (the event's class: C{pair-closed}), and the event's own fields. Seconds
        are numbers, addresses and enumerations are spelled. C{cut} names the lists that were too long, if any.
    """
    data: dict[str, Any] = {"time": timestamp(), "what": _NEXT_WORD.sub("-", type(event).__name__).lower()}
    cut = []
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, tuple) and len(value) > MOST:
            cut.append(field.name)
            value = value[:MOST]
        data[field.name] = _plain(value)
    if cut:
        data["cut"] = cut
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return spell(value) if IAddress.providedBy(value) else value
