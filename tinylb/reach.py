"""One connection to a backend that belongs to no pair, and can be given up at any time."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.backends import proxyProtocolOf
from tinylb.interfaces import IBackend, INamed
from tinylb.proxyprotocol.greeting import greet
from tinylb.transports import abandon

HOLD = 0.1
"""Seconds that a connection on which no data arrives has to last to tell that there is a backend: a balancer without
backends accepts clients, and closes them at once."""


@implementer(IStreamClientEndpoint)
class Reach:
    """
    A client endpoint that connects as clients' connections do, and remembers how far it came. To a backend that wants
    a header of the PROXY protocol, it says that the connection is our own.

    @ivar isConnected: whether there was a connection, though nothing may have come over it.
    @ivar failure: why there was none.
    """

    def __init__(self, backend: IBackend) -> None:
        self.isConnected = False
        self.failure: Failure | None = None
        self._backend = backend
        self._protocol: IProtocol | None = None
        self._isOver = False
        self._isAsked = False

    @property
    def isTried(self) -> bool:
        """Whether a connection was asked for, and is not waiting for the lookup of a name."""
        return self._isAsked and not (INamed.providedBy(self._backend) and self._backend.isLookingUp)

    @property
    def transport(self) -> ITransport | None:
        """The connection's, if there is one."""
        return getattr(self._protocol, "transport", None)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint.connect}."""
        self._isAsked = True
        return self._backend.connect(_Noting(self, protocolFactory)).addErrback(self._failed)

    def build(self, factory: IProtocolFactory, address: IAddress) -> IProtocol | None:
        """A connection is made: build its protocol. L{None} if it was given up."""
        if self._isOver:
            return None
        self.isConnected = True
        protocol = self._protocol = factory.buildProtocol(address)
        version = proxyProtocolOf(self._backend)
        if version is not None and protocol is not None:
            greet(protocol, version)
        return protocol

    def finish(self) -> None:
        """Let nothing more begin. The connection may still be closing."""
        self._isOver = True

    def close(self) -> None:
        """The same, and reset what is left of the connection, even if its peer never answers its closing."""
        self._isOver = True
        protocol, self._protocol = self._protocol, None
        abandon(protocol)

    def _failed(self, failure: Failure) -> Failure:
        self.failure = failure
        return failure


@implementer(IProtocolFactory)
class _Noting:
    """A factory that stands in for another, and tells the L{Reach} of its connection."""

    def __init__(self, reach: Reach, factory: IProtocolFactory) -> None:
        self._reach = reach
        self._factory = factory

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        return self._reach.build(self._factory, addr)

    def doStart(self) -> None:
        """Nothing to do, and nothing to log."""

    def doStop(self) -> None:
        """Nothing to do, and nothing to log."""
