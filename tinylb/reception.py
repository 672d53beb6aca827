"""What all connected clients that have no backend yet have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from tinylb.dialer import Dialer
from tinylb.ends import NOBODY, Backlog, End, EndState
from tinylb.events import CloseReason
from tinylb.failures import DialError
from tinylb.pair import PairRules

_NO_ATTEMPT = DialError((), 0)


@dataclass(frozen=True)
class Reception:
    """
    What all clients of a balancer have in common.

    @ivar waiting: those that have no backend yet.
    @ivar refusal: asked at each arrival why it is to be refused; L{None} where it is not.
    @ivar unserved: is told of each client that got no backend.
    @ivar patience: seconds that a client may take to send a PROXY protocol header, where it has to.
    """

    dialer: Dialer
    rules: PairRules
    waiting: dict[Waiting, None]
    refusal: Callable[[], DialError | None]
    unserved: Callable[[IAddress | None, CloseReason, DialError, float, str | None], None]
    patience: float


class State(Enum):
    """How far a client is."""

    NEW = "new"
    WAITING = "waiting"
    OVER = "over"


# Bound once: looking a member up in its enumeration is slow enough to matter at each connection.
_NEW, _WAITING, _OVER = State.NEW, State.WAITING, State.OVER


class Waiting(Backlog):
    """Owns the end of a client that has no backend yet. If the client resets meanwhile, it is given up."""

    def __init__(self, reception: Reception, address: IAddress | None, listener: str | None) -> None:
        self._reception = reception
        self._address = address
        self._listener = listener
        self._state = _NEW
        self._end: End
        self._since = 0.0

    def broken(self, end: End) -> None:
        """The client has reset its connection."""
        self._cancel(CloseReason.CLIENT_RESET)
        super().broken(end)

    def lost(self, end: End, reason: Failure) -> None:
        """The client is gone."""
        end.state = EndState.LOST
        self._cancel(CloseReason.CLIENT_RESET)

    def stop(self) -> None:
        """The balancer is stopping: there will be no backend."""
        self._cancel(CloseReason.STOPPING)

    def _enter(self, end: End) -> bool:
        """The client is connected. Returns whether it may stay."""
        reception = self._reception
        self._end = end
        self._since = reception.rules.clock.seconds()
        refusal = reception.refusal()
        if refusal is not None:
            self._refuse(refusal.reason, refusal)
            return False
        self._state = _WAITING
        reception.waiting[self] = None
        return True

    def _cancel(self, reason: CloseReason) -> None:
        if self._state is _WAITING:
            self._over()
            self._refuse(reason)

    def _over(self) -> None:
        """The client waits no more."""
        self._state = _OVER
        del self._reception.waiting[self]

    def _refuse(self, reason: CloseReason, error: DialError = _NO_ATTEMPT, *, isAbrupt: bool = False) -> None:
        """
        Close at once, so that the client can try elsewhere. A TLS transport is reset: it would first wait for its peer.

        @param isAbrupt: with a reset.
        """
        self._state = _OVER
        if self._end.state is EndState.LOST:
            pass  # Twisted's TLS transports cannot be aborted once they are lost
        elif self._end.canHalfClose and not isAbrupt:
            self._end.transport.loseConnection()
        else:
            self._end.transport.abortConnection()
        self._end.owner = NOBODY  # breaks the reference cycle
        waited = self._reception.rules.clock.seconds() - self._since
        self._reception.unserved(self._address, reason, error, waited, self._listener)
