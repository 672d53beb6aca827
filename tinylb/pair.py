"""A pair: one client connection joined to one backend connection, from its opening to its close reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime

from tinylb.dial import Connected
from tinylb.ends import Backlog, End
from tinylb.events import CloseReason, Event, PairClosed, PairHalfClosed, PairOpened
from tinylb.registry import Registry
from tinylb.relay.stream import StreamRelay


@dataclass(frozen=True)
class PairRules:
    """
    What all pairs of a balancer have in common.

    @ivar clock: monotonic.
    @ivar tell: is told of everything that happens to a pair.
    @ivar idleTimeout: seconds without a byte after which a pair is ended; 0: never.
    @ivar halfCloseTimeout: the same for a pair of which one end has finished.
    """

    clock: IReactorTime
    registry: Registry
    tell: Callable[[Event], None]
    idleTimeout: float
    halfCloseTimeout: float


class Pair:
    """
    Registered under its target from L{open} until both its connections are gone.

    @ivar target: where the backend's connection goes.
    """

    def __init__(
        self, rules: PairRules, connected: Connected, client: End, backend: End, address: IAddress | None
    ) -> None:
        self.target = connected.candidate.target
        self._rules = rules
        self._connected = connected
        self._client = client
        self._backend = backend
        self._address = address
        self._opened = rules.clock.seconds()
        self._relay = StreamRelay(client, backend, self, rules.clock)
        self._timer: IDelayedCall | None = None
        self._firstToClose: CloseReason | None = None
        self._cause: CloseReason | None = None

    @property
    def bytesIn(self) -> int:
        """Bytes received from the client so far."""
        return self._client.count

    @property
    def bytesOut(self) -> int:
        """Bytes received from the backend so far."""
        return self._backend.count

    def open(self, client: Backlog, backend: Backlog) -> None:
        """Register, and start relaying with what has come from each end so far."""
        self._rules.registry.addPair(self)
        connected = self._connected
        self._rules.tell(
            PairOpened(self._address, connected.candidate.id, self.target, connected.attempts, connected.seconds)
        )
        self._setTimer()
        self._relay.start(client, backend)

    def abort(self, reason: CloseReason) -> bool:
        """
        End both connections with a reset. They are gone one turn of the reactor later.

        @return: C{False} when the pair was being ended already.
        """
        if self._relay.isAborting:
            return False
        if self._cause is None:
            self._cause = reason
        self._relay.abort()
        return True

    def halfClosed(self, by: End) -> None:
        """See L{Relayed <tinylb.relay.stream.Relayed>}."""
        who = "client" if by is self._client else "backend"
        self._rules.tell(PairHalfClosed(self._address, self._connected.candidate.id, self.target, who))

    def closed(self, by: End) -> None:
        """See L{Relayed <tinylb.relay.stream.Relayed>}."""
        if self._firstToClose is None:
            client = by is self._client
            self._firstToClose = CloseReason.CLIENT_CLOSED if client else CloseReason.BACKEND_CLOSED
            self._setTimer()

    def cut(self, end: End) -> None:
        """See L{Relayed <tinylb.relay.stream.Relayed>}."""
        if self._cause is None:
            self._cause = CloseReason.CLIENT_RESET if end is self._client else CloseReason.BACKEND_RESET

    def ended(self) -> None:
        """See L{Relayed <tinylb.relay.stream.Relayed>}."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._rules.registry.removePair(self)
        connected = self._connected
        self._rules.tell(
            PairClosed(
                client=self._address,
                backend=connected.candidate.id,
                target=self.target,
                attempts=connected.attempts,
                dialSeconds=connected.seconds,
                bytesIn=self.bytesIn,
                bytesOut=self.bytesOut,
                duration=self._rules.clock.seconds() - self._opened,
                reason=self._cause or self._firstToClose or CloseReason.CLIENT_CLOSED,
            )
        )
        self._rules.registry.settle()

    def _setTimer(self) -> None:
        """One timer for both limits; it looks how long the pair was idle only when it could matter."""
        limits = self._limits()
        if limits:
            if self._timer is not None:
                self._timer.cancel()
            due = self._relay.active + limits[0][0]
            self._timer = self._rules.clock.callLater(max(0.0, due - self._rules.clock.seconds()), self._checkIdle)

    def _limits(self) -> list[tuple[float, CloseReason]]:
        """Those that hold now, the shortest first; of two equal ones, the one that says more."""
        limits = [(self._rules.idleTimeout, CloseReason.IDLE_TIMEOUT)]
        if self._firstToClose is not None:
            limits.insert(0, (self._rules.halfCloseTimeout, CloseReason.HALF_CLOSE_TIMEOUT))
        return sorted((limit for limit in limits if limit[0]), key=itemgetter(0))

    def _checkIdle(self) -> None:
        self._timer = None
        shortest, reason = self._limits()[0]
        if self._rules.clock.seconds() >= self._relay.active + shortest:
            self.abort(reason)
        else:
            self._setTimer()
