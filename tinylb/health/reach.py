"""The way from a check to a backend."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from tinylb.attempt import abandon
from tinylb.interfaces import IBackend


@implementer(IStreamClientEndpoint)
class Reach:
    """
    A client endpoint that connects as clients' connections do, and remembers how far it came.

    @ivar isConnected: whether there was a connection, though nothing may have come over it.
    """

    def __init__(self, backend: IBackend) -> None:
        self.isConnected = False
        self._backend = backend
        self._protocol: IProtocol | None = None

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint.connect}."""
        return self._backend.connect(_Noting(self, protocolFactory))

    def connected(self, protocol: IProtocol | None) -> None:
        """There is a connection."""
        self.isConnected = True
        self._protocol = protocol

    def close(self) -> None:
        """Whatever is left of the connection goes, also one whose peer never answers its closing."""
        protocol, self._protocol = self._protocol, None
        abandon(protocol)


@implementer(IProtocolFactory)
class _Noting:
    """A factory that is asked in the place of another."""

    def __init__(self, reach: Reach, factory: IProtocolFactory) -> None:
        self._reach = reach
        self._factory = factory

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        protocol = self._factory.buildProtocol(addr)
        self._reach.connected(protocol)
        return protocol

    def doStart(self) -> None:
        """Nothing to do, and nothing to log."""

    def doStop(self) -> None:
        """Nothing to do, and nothing to log."""
