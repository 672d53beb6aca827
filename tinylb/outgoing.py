"""A connection that an application makes through a balanced endpoint, from the request for it to its loss."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IHandshakeListener,
    ILoggingContext,
    IProtocol,
    IProtocolFactory,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from tinylb.dialer import Dialer
from tinylb.events import CloseReason
from tinylb.registry import Registry
from tinylb.search import Connected
from tinylb.transports import abandon

# Optional interfaces that transports look for. Outgoing provides those that the application's protocol provides.
_MORE = (IHalfCloseableProtocol, IFileDescriptorReceiver, IHandshakeListener)


class State(Enum):
    """How far a connection is."""

    WAITING = "waiting"  # for the first set
    DIALING = "dialing"
    OPEN = "open"
    OVER = "over"


class Connecting:
    """
    One call of L{BalancedEndpoint.connect <tinylb.BalancedEndpoint.connect>}, and what came of it.

    @param factory: the application's; it has been started, and is stopped in the end.
    @param over: called when the connection is no longer wanted, or no longer open.
    @ivar result: fires with the application's protocol, or fails.
    """

    def __init__(
        self,
        dialer: Dialer,
        registry: Registry,
        factory: IProtocolFactory,
        over: Callable[[Connecting], None],
    ) -> None:
        self.result: Deferred[IProtocol] = Deferred(self._cancelled)
        self._state = State.WAITING
        self._registry = registry
        self._factory = factory
        self._told = over
        self._dial = dialer.prepare(OutgoingFactory(factory), None, self)
        self._deadline: IDelayedCall | None = None

    @property
    def isOpen(self) -> bool:
        """Whether there is a connection."""
        return self._state is State.OPEN

    def wait(self, deadline: IDelayedCall) -> None:
        """
        Wait, as there is no backend set yet.

        @param deadline: the timer that ends the waiting; it is cancelled if the waiting ends before.
        """
        self._deadline = deadline

    def start(self) -> None:
        """Dial, if this is still waiting."""
        if self._state is State.WAITING:
            self._state = State.DIALING
            self._cancelDeadline()
            self._dial.start()

    def found(self, connected: Connected) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        outgoing = connected.protocol
        if not isinstance(outgoing, Outgoing):
            abandon(outgoing)
            self.notFound(TypeError(f"{connected.candidate.backend!r} connected {outgoing!r}, which nobody has built"))
        elif outgoing.failure is not None:
            self._end().errback(outgoing.failure)
        else:
            self._state = State.OPEN
            outgoing.open(self._registry, connected.candidate.target, self._lost)
            self.result.callback(outgoing.protocol)

    def notFound(self, error: Exception) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        if self._state is not State.OVER:
            self._end().errback(error)

    def _cancelled(self, _: Deferred[IProtocol]) -> None:
        former, self._state = self._state, State.OVER
        if former is State.DIALING:
            self._dial.cancel()
        self._end()

    def _lost(self) -> None:
        self._end()
        self._registry.settle()

    def _end(self) -> Deferred[IProtocol]:
        self._state = State.OVER
        self._cancelDeadline()
        self._factory.doStop()
        self._told(self)
        return self.result

    def _cancelDeadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()


class OutgoingFactory(Factory):
    """Stands in for the application's factory. If that gives no protocol, it is not the backend's fault."""

    noisy = False

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> Outgoing:
        """See L{IProtocolFactory}."""
        try:
            protocol = self._factory.buildProtocol(addr)  # type: ignore[arg-type]
            if protocol is None:
                raise NoProtocol()
        except Exception:
            return Outgoing(Protocol(), Failure())
        return Outgoing(protocol, None)


class Outgoing(Protocol):
    """
    Passes everything on to the application's protocol, and so learns when the connection is lost. The application's
    protocol has the transport itself. Registered under its target from L{open} until the connection is lost.

    @ivar protocol: the application's.
    @ivar failure: why the application has no protocol, so that the connection is not wanted.
    @ivar target: where the connection goes.
    """

    # What the application writes is not seen here, so nothing is counted.
    bytesIn = 0
    bytesOut = 0

    target = ""

    def __init__(self, protocol: IProtocol, failure: Failure | None) -> None:
        self.protocol = protocol
        self.failure = failure
        self._registry: Registry | None = None
        self._lost: Callable[[], None] = _nothing
        self._isConnected = True
        # Whether the application's protocol has heard of the connection, and is to hear of its loss.
        self._isTold = False
        self._abortedFor: CloseReason | None = None
        directlyProvides(self, [each for each in _MORE if each.providedBy(protocol)])

    def logPrefix(self) -> str:
        """See L{ILoggingContext}."""
        own = self.protocol
        return own.logPrefix() if ILoggingContext.providedBy(own) else type(own).__name__

    def makeConnection(self, transport: ITransport) -> None:
        """See L{IProtocol.makeConnection}."""
        self.transport = transport
        if self.failure is None:
            self._isTold = True
            try:
                self.protocol.makeConnection(transport)
            except Exception:
                self.failure = Failure()
        if self.failure is not None:
            self.abort(CloseReason.CLIENT_CLOSED)

    def dataReceived(self, data: bytes) -> None:
        """See L{IProtocol.dataReceived}."""
        self.protocol.dataReceived(data)

    def __getattr__(self, name: str) -> Any:
        """Pass on the methods of the optional interfaces."""
        if any(name in each for each in _MORE):
            return getattr(self.protocol, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def open(self, registry: Registry, target: str, lost: Callable[[], None]) -> None:
        """
        The application has the connection now.

        @param lost: called when the connection is lost.
        """
        self._lost = lost
        if self._isConnected:
            self.target = target
            self._registry = registry
            registry.addPair(self)
        else:
            lost()

    def abort(self, reason: CloseReason) -> bool:
        """See L{Abortable <tinylb.registry.Abortable>}. A transport that cannot be reset is closed."""
        if self._abortedFor is not None or self.transport is None:
            return False
        self._abortedFor = reason
        abandon(self)
        return True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{IProtocol.connectionLost}."""
        self._isConnected = False
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.removePair(self)
        if self._abortedFor is not None and self.failure is None:
            reason = Failure(ConnectionAborted(self._abortedFor.value))
        try:
            if self._isTold:
                self.protocol.connectionLost(reason)
        finally:
            lost, self._lost = self._lost, _nothing
            lost()


def _nothing() -> None:
    """Do nothing: there is nobody to tell of the loss."""
