"""How a single check can end."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Outcome(Enum):
    """What a check has found. C{UNKNOWN} says nothing about the target: the trouble is on this machine."""

    YES = "yes"
    NO = "no"  # it answers that it does not serve, or something that cannot be understood
    SILENCE = "silence"  # it accepts the connection and says nothing
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class Answer(NamedTuple):
    """
    An outcome with its cause.

    @ivar why: what was heard, in words such as C{"HTTP 500"}.
    """

    outcome: Outcome
    why: str
