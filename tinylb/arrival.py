"""A client that has arrived and waits for its backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.dial import Dial
from tinylb.dialer import Dialer
from tinylb.ends import NOBODY, Backlog, End, EndState
from tinylb.events import CloseReason
from tinylb.failures import DialError
from tinylb.pair import Pair, PairRules
from tinylb.search import Connected
from tinylb.transports import SocketTransport, abandon

_NO_ATTEMPT = DialError((), 0)


@dataclass(frozen=True)
class Reception:
    """
    What all arrivals of a balancer have in common.

    @ivar refusal: asked at each arrival for a reason to refuse it.
    @ivar waiting: the arrivals that are being dialled for.
    @ivar unserved: is told of each client that got no backend.
    """

    dialer: Dialer
    rules: PairRules
    waiting: dict[Arrival, None]
    refusal: Callable[[], CloseReason | None]
    unserved: Callable[[IAddress | None, CloseReason, DialError, float, str | None], None]


class State(Enum):
    """How far an arrival is."""

    NEW = "new"
    DIALING = "dialing"
    OVER = "over"


# Looking a member up in its enumeration would be felt here.
_NEW, _DIALING, _OVER = State.NEW, State.DIALING, State.OVER


class Arrival(Backlog):
    """
    Owns a client's end until there is a backend for it. The client is not read from meanwhile, and
    what it sent arrives first. If it resets, the dial is cancelled; a FIN only means that it has
    nothing to add.
    """

    _log = Logger()

    def __init__(self, reception: Reception, address: IAddress | None, listener: str | None) -> None:
        self._reception = reception
        self._address = address
        self._listener = listener
        self._state = _NEW
        self._end: End
        self._dial: Dial | None = None
        self._since = 0.0

    def connected(self, end: End) -> None:
        """The client is here: find it a backend."""
        reception = self._reception
        self._end = end
        self._since = reception.rules.clock.seconds()
        refusal = reception.refusal()
        if refusal is not None:
            self._refuse(refusal, _NO_ATTEMPT)
            return
        self._state = _DIALING
        reception.waiting[self] = None
        engines = reception.rules.engines
        if not isinstance(end.transport, SocketTransport):
            end.pauseProducing()
            end.prepare(engines.poller)
        self._dial = reception.dialer.prepare(engines.backendEnds(end), self._address, self)
        self._dial.start()

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

    def found(self, connected: Connected) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        try:
            self._serve(connected)
        except Exception:
            abandon(connected.protocol)
            self._fail(Failure())

    def notFound(self, error: Exception) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        if not isinstance(error, DialError):
            self._fail(Failure(error))
        elif self._state is _DIALING:
            self._over()
            self._refuse(error.reason, error)

    def _serve(self, connected: Connected) -> None:
        backend = connected.protocol
        if not isinstance(backend, End) or not isinstance(backend.owner, Backlog):
            raise TypeError(f"{connected.candidate.backend!r} connected {backend!r}, which the factory did not build")
        if self._state is not _DIALING:
            backend.transport.abortConnection()
            return
        self._over()
        rules = self._reception.rules
        if not isinstance(backend.transport, SocketTransport):
            backend.prepare(rules.engines.poller)
        pair = Pair(rules, connected, self._end, backend, self._address, self._listener)
        try:
            pair.open()
        except Exception:
            pair.abort(CloseReason.BACKEND_RESET)
            raise

    def _fail(self, failure: Failure) -> None:
        self._log.failure("A client could not be joined to its backend", failure=failure)
        if self._state is _DIALING:
            self._over()
        abandon(self._end)

    def _cancel(self, reason: CloseReason) -> None:
        if self._state is _DIALING:
            dial = self._dial
            self._over()
            if dial is not None:
                dial.cancel()
            self._refuse(reason, _NO_ATTEMPT)

    def _over(self) -> None:
        self._state = _OVER
        self._dial = None
        del self._reception.waiting[self]

    def _refuse(self, reason: CloseReason, error: DialError) -> None:
        """Close at once: a client that is told so can try elsewhere. A TLS transport would first wait for its peer."""
        self._state = _OVER
        if self._end.state is EndState.LOST:
            pass  # Twisted's TLS transports cannot be aborted then
        elif self._end.canHalfClose:
            self._end.transport.loseConnection()
        else:
            self._end.transport.abortConnection()
        self._end.owner = NOBODY  # they refer to each other
        waited = self._reception.rules.clock.seconds() - self._since
        self._reception.unserved(self._address, reason, error, waited, self._listener)
