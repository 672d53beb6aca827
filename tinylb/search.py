"""What a client's search for a backend goes by, who it is for, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IProtocol, IReactorTime

from tinylb.late import Late
from tinylb.manners import Manners
from tinylb.observers import Tell
from tinylb.ranking import Candidate
from tinylb.registry import Registry
from tinylb.room import Room
from tinylb.selection import Selection


class Connected(NamedTuple):
    """
    What a dial gives.

    @ivar candidate: where the connection goes.
    @ivar protocol: as the factory built it, connected.
    @ivar attempts: how many attempts it took.
    @ivar seconds: how long it took.
    """

    candidate: Candidate
    protocol: IProtocol
    attempts: int
    seconds: float


class Seeker(Protocol):
    """Who a dial is for."""

    def found(self, connected: Connected) -> None:
        """There is a connection."""

    def notFound(self, error: Exception) -> None:
        """There is none: a L{DialError <tinylb.failures.DialError>}, or what somebody's own code raised."""


@dataclass(frozen=True)
class DialRules:
    """
    What all dials of a dialer have in common.

    @ivar clock: monotonic.
    @ivar room: for attempts, at each target.
    @ivar manners: says whom to try next.
    @ivar timeout: seconds that one client may wait in all.
    @ivar attemptDelay: seconds to wait for one backend before trying the next beside it.
    @ivar tell: is told of picks and failed attempts.
    """

    clock: IReactorTime
    selection: Selection
    registry: Registry
    room: Room
    manners: Manners
    timeout: float
    attemptDelay: float
    tell: Tell
    late: Late
