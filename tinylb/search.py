"""The rules of a client's search for a backend, the party that it is for, and what it finds."""

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
    The result of a dial that succeeded.

    @ivar candidate: where the connection goes.
    @ivar protocol: the connected protocol, as the factory built it.
    @ivar attempts: how many attempts it took.
    @ivar seconds: how long it took.
    """

    candidate: Candidate
    protocol: IProtocol
    attempts: int
    seconds: float


class Seeker(Protocol):
    """The party that a dial is for; it is told how the dial ended."""

    def found(self, connected: Connected) -> None:
        """There is a connection."""

    def notFound(self, error: Exception) -> None:
        """There is none: a L{DialError <tinylb.failures.DialError>}, or what a policy or a backend raised."""


@dataclass(frozen=True)
class DialRules:
    """
    What all dials of a dialer have in common.

    @ivar clock: monotonic.
    @ivar room: bounds the attempts at each target.
    @ivar manners: says which backend to try next.
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
