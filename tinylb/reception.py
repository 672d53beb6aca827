"""Clients that are here and have no backend yet: what is common to all of them."""

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
    @ivar refusal: asked at each arrival for a reason to refuse it.
    @ivar unserved: is told of each client that got no backend.
    @ivar patience: seconds that a client may take to say whom it speaks for, where it has to.
    """

    dialer: Dialer
    rules: PairRules
    waiting: dict[Waiting, None]
    refusal: Callable[[], CloseReason | None]
    unserved: Callable[[IAddress | None, CloseReason, DialError, float, str | None], None]
    patience: float


class State(Enum):
    """How far a client is."""

    NEW = "new"
    WAITING = "waiting"
    OVER = "over"


# Looking a member up in its enumeration would be felt here.
_NEW, _WAITING, _OVER = State.NEW, State.WAITING, State.OVER


class Waiting(Backlog):
    """Owns a client's end while something has to come first. If the client resets meanwhile, that is the end of it."""

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
        """The client is here. Whether it may stay."""
        reception = self._reception
        self._end = end
        self._since = reception.rules.clock.seconds()
        refusal = reception.refusal()
        if refusal is not None:
            self._refuse(refusal)
            return False
        self._state = _WAITING
        reception.waiting[self] = None
        return True

    def _cancel(self, reason: CloseReason) -> None:
        if self._state is _WAITING:
            self._over()
            self._refuse(reason)

    def _over(self) -> None:
        """It waits no more."""
        self._state = _OVER
        del self._reception.waiting[self]

    def _refuse(self, reason: CloseReason, error: DialError = _NO_ATTEMPT, *, isAbrupt: bool = False) -> None:
        """
        Close at once: a client that is told so can try elsewhere. A TLS transport would first wait for its peer.

        @param isAbrupt: with a reset.
        """
        self._state = _OVER
        if self._end.state is EndState.LOST:
            pass  # Twisted's TLS transports cannot be aborted then
        elif self._end.canHalfClose and not isAbrupt:
            self._end.transport.loseConnection()
        else:
            self._end.transport.abortConnection()
        self._end.owner = NOBODY  # they refer to each other
        waited = self._reception.rules.clock.seconds() - self._since
        self._reception.unserved(self._address, reason, error, waited, self._listener)
