"""What a pair and its relay know of each other, whichever engine the relay is."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from tinylb.hearing import Hearing


class Side(Enum):
    """The two sides of a pair."""

    CLIENT = "client"
    BACKEND = "backend"


class Relay(Protocol):
    """
    Moves what one side sends to the other. What a peer sent before its FIN is delivered before the FIN is passed on;
    what a reset cut short is ended by a reset.

    @ivar active: when anything was last received, by the clock.
    @ivar isAborting: whether both connections are being reset, and are gone within a turn.
    """

    active: float
    isAborting: bool

    @property
    def bytesIn(self) -> int:
        """Bytes received from the client so far."""

    @property
    def bytesOut(self) -> int:
        """Bytes received from the backend so far."""

    def start(self) -> None:
        """Begin."""

    def probe(self, keepalive: float) -> None:
        """Let both connections be probed while they are idle; see L{probe <tinylb.sockets.probe>}."""

    def hearing(self, side: Side) -> Hearing | None:
        """When the peer at one side was last heard, as far as is known; see L{tinylb.hearing}."""

    def abort(self) -> None:
        """End both connections with a reset, whatever is unsent."""


class Relayed(Protocol):
    """What a relay tells of; the pair."""

    def halfClosed(self, by: Side) -> None:
        """One side has finished, and the other may still talk to it."""

    def closed(self, by: Side) -> None:
        """A side has nothing more to say, as the first or as the second."""

    def cut(self, side: Side) -> None:
        """A side was lost before everything that goes through it was delivered."""

    def ended(self) -> None:
        """Both connections are gone."""
