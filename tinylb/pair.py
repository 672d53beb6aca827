"""A pair: one client connection joined to one backend connection, from its opening to its close reason."""

from __future__ import annotations

from operator import itemgetter

from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime

from tinylb.ends import End
from tinylb.events import CloseReason, PairClosed, PairHalfClosed, PairOpened
from tinylb.hearing import Hearing
from tinylb.late import Late
from tinylb.observers import Tell
from tinylb.patrol import Beat, Patrol
from tinylb.registry import Registry
from tinylb.relay.engines import Engines
from tinylb.relay.interface import Side
from tinylb.search import Connected
from tinylb.settings import checkAtLeast

_CLIENT = Side.CLIENT
_CLIENT_CLOSED, _BACKEND_CLOSED = CloseReason.CLIENT_CLOSED, CloseReason.BACKEND_CLOSED


class PairRules:
    """
    What all pairs of a balancer have in common.

    @param clock: monotonic.
    @param tell: is told of everything that happens to a pair.
    @param idleTimeout: seconds without a byte after which a pair is ended; 0: never.
    @param halfCloseTimeout: the same for a pair of which one end has finished.
    @param keepalive: see L{probe <tinylb.sockets.probe>} and L{Patrol <tinylb.patrol.Patrol>}.
    @raise ValueError: when one of these times is negative.
    """

    def __init__(
        self,
        clock: IReactorTime,
        registry: Registry,
        engines: Engines,
        tell: Tell,
        *,
        idleTimeout: float,
        halfCloseTimeout: float,
        keepalive: float,
    ) -> None:
        checkAtLeast(0, idleTimeout=idleTimeout, halfCloseTimeout=halfCloseTimeout, keepalive=keepalive)
        self.clock = clock
        self.registry = registry
        self.engines = engines
        self.tell = tell
        self.idleTimeout = idleTimeout
        self.halfCloseTimeout = halfCloseTimeout
        self.keepalive = keepalive
        self.patrol = Patrol(clock, keepalive)
        self.late = Late(clock, min(1.0, idleTimeout or 1.0, halfCloseTimeout or 1.0))


class Pair:
    """
    Registered under its target from L{open} until both its connections are gone.

    @param address: the client's address; C{listener}: the listener that it came in by.
    @param greeting: bytes that the backend gets before any of the client's.
    @ivar target: where the backend's connection goes.
    @ivar beat: see L{Patrol <tinylb.patrol.Patrol>}, which sets it.
    """

    __slots__ = (
        "_address",
        "_attempts",
        "_backend",
        "_cause",
        "_dialSeconds",
        "_firstToClose",
        "_isArmed",
        "_listener",
        "_opened",
        "_relay",
        "_rules",
        "_timer",
        "beat",
        "target",
    )

    def __init__(
        self,
        rules: PairRules,
        connected: Connected,
        client: End,
        backend: End,
        address: IAddress | None,
        listener: str | None,
        greeting: bytes = b"",
    ) -> None:
        candidate, _, self._attempts, self._dialSeconds = connected
        self.target = candidate.target
        self._backend = candidate.id
        self._rules = rules
        self._address = address
        self._listener = listener
        self._opened = rules.clock.seconds()
        self._isArmed = False
        self._timer: IDelayedCall | None = None
        self.beat: Beat | None = None
        self._firstToClose: CloseReason | None = None
        self._cause: CloseReason | None = None
        self._relay = rules.engines.join(client, backend, self, rules.clock, greeting)

    @property
    def bytesIn(self) -> int:
        """Bytes received from the client so far."""
        return self._relay.bytesIn

    @property
    def bytesOut(self) -> int:
        """Bytes received from the backend so far."""
        return self._relay.bytesOut

    def open(self) -> None:
        """Register the pair, and start relaying."""
        self._rules.registry.addPair(self)
        self._rules.tell(
            PairOpened, self._address, self._backend, self.target, self._attempts, self._dialSeconds, self._listener
        )
        if not self._relay.isAborting:  # an observer may have aborted it
            self._rules.late.add(self)
        self._relay.start()

    def arm(self) -> None:
        """See L{Lasting <tinylb.late.Lasting>}. A pair that lives this long is probed, timed and patrolled."""
        self._isArmed = True
        self._relay.probe(self._rules.keepalive)
        self._setTimer()
        self._rules.patrol.add(self)

    def abort(self, reason: CloseReason) -> bool:
        """
        End both connections with a reset. They are gone at once, or one turn of the reactor later, depending on
        the engine.

        @return: C{False} if the pair was being ended already.
        """
        if self._relay.isAborting:
            return False
        if self._cause is None:
            self._cause = reason
        self._relay.abort()
        return True

    def hearing(self, side: Side) -> Hearing | None:
        """See L{Watched <tinylb.patrol.Watched>}."""
        return self._relay.hearing(side)

    def vanished(self, side: Side) -> None:
        """See L{Watched <tinylb.patrol.Watched>}."""
        self.abort(CloseReason.CLIENT_LOST if side is _CLIENT else CloseReason.BACKEND_LOST)

    def halfClosed(self, by: Side) -> None:
        """See L{Relayed <tinylb.relay.interface.Relayed>}."""
        self._rules.tell(PairHalfClosed, self._address, self._backend, self.target, by.value)

    def closed(self, by: Side) -> None:
        """See L{Relayed <tinylb.relay.interface.Relayed>}."""
        if self._firstToClose is None:
            self._firstToClose = _CLIENT_CLOSED if by is _CLIENT else _BACKEND_CLOSED
            if self._isArmed:
                self._setTimer()

    def cut(self, side: Side) -> None:
        """See L{Relayed <tinylb.relay.interface.Relayed>}."""
        if self._cause is None:
            self._cause = CloseReason.CLIENT_RESET if side is _CLIENT else CloseReason.BACKEND_RESET

    def ended(self) -> None:
        """See L{Relayed <tinylb.relay.interface.Relayed>}."""
        rules, relay = self._rules, self._relay
        if self._isArmed:
            rules.patrol.remove(self)
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
        else:
            rules.late.remove(self)
        registry = rules.registry
        registry.removePair(self)
        rules.tell(
            PairClosed,
            self._address,
            self._backend,
            self.target,
            self._attempts,
            self._dialSeconds,
            relay.bytesIn,
            relay.bytesOut,
            rules.clock.seconds() - self._opened,
            self._cause or self._firstToClose or _CLIENT_CLOSED,
            self._listener,
        )
        if not registry.connections:
            registry.settle()

    def _setTimer(self) -> None:
        """One timer serves both limits. Traffic does not reset it: when it fires, the idle time is checked."""
        limits = self._limits()
        if limits:
            if self._timer is not None:
                self._timer.cancel()
            due = self._relay.active + limits[0][0]
            self._timer = self._rules.clock.callLater(max(0.0, due - self._rules.clock.seconds()), self._checkIdle)

    def _limits(self) -> list[tuple[float, CloseReason]]:
        """The limits that hold now, the shortest first; of two equal ones, the more specific one."""
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
