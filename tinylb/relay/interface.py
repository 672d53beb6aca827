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
    Moves what one side sends to the other. What a peer sent before its FIN is delivered before the FIN is passed on; if
    a reset cuts one side short, the other side is reset, too.

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
        """Begin to relay."""

    def probe(self, keepalive: float) -> None:
        """Let both connections be probed while they are idle; see L{probe <tinylb.sockets.probe>}."""

    def hearing(self, side: Side) -> Hearing | None:
        """When the peer at one side was last heard from, as far as is known; see L{tinylb.hearing}."""

    def abort(self) -> None:
        """End both connections with a reset, whatever is unsent."""


class Relayed(Protocol):
    """What a relay tells its news to: the pair."""

    def halfClosed(self, by: Side) -> None:
        """One side has finished, and the other may still send to it."""

    def closed(self, by: Side) -> None:
        """A side has nothing more to send, whether the other one has finished or not."""

    def cut(self, side: Side) -> None:
        """A side was lost before everything that goes through it was delivered."""

    def ended(self) -> None:
        """Both connections are gone."""
