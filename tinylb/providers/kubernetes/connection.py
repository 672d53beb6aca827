"""The connection of a single request to an API server."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tinylb.addresses import InvalidAddress
from tinylb.backends import TCPBackend
from tinylb.distrust import tlsWording
from tinylb.failures import explain
from tinylb.providers.kubernetes.bodies import ApiError
from tinylb.providers.kubernetes.session import Session
from tinylb.reach import Reach
from tinylb.sockets import probe, socketOf

MOST = 16 * 1024
"""Bytes that a server may send before its answer begins. Agent would read endless headers, and log each interim
response."""


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Connection:
    """
    Gives an L{Agent <twisted.web.client.Agent>} its endpoint, and closes the connection that is made through it.

    @ivar isAnswered: whether the answer has begun; set by the caller.
    @ivar isExcessive: whether the server has sent too much before that.
    """

    def __init__(self, reactor: Any, session: Session) -> None:
        self.isAnswered = False
        self.isExcessive = False
        url = urlsplit(session.server)
        try:
            backend = TCPBackend(reactor, url.hostname or "", url.port or (80 if session.tls is None else 443))
        except (InvalidAddress, ValueError) as error:
            raise ApiError(f"{session.server}: {error}") from None
        self._reach = Reach(backend)
        tls = session.tls
        self._endpoint: IStreamClientEndpoint = self._reach if tls is None else wrapClientTLS(tls, self._reach)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See L{IAgentEndpointFactory}."""
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint.connect}."""
        return self._endpoint.connect(_Counted(self, protocolFactory)).addCallback(_within)

    def exceed(self) -> None:
        """The server has sent too much: close the connection."""
        self.isExcessive = True
        self.close()

    def probe(self, keepalive: float) -> None:
        """Let the kernel find out whether the peer is still there."""
        sock = socketOf(self._reach.transport)
        if sock is not None:
            probe(sock, keepalive)

    def close(self) -> None:
        """End what is left of the connection at once."""
        self._reach.close()


class _Counting(ProtocolWrapper):
    """Counts the bytes that come before the answer."""

    factory: _Counted
    heard = 0

    def dataReceived(self, data: bytes) -> None:
        """See L{IProtocol.dataReceived <twisted.internet.interfaces.IProtocol.dataReceived>}."""
        connection = self.factory.connection
        if not connection.isAnswered:
            self.heard += len(data)
            if self.heard > MOST:
                connection.exceed()
                return
        super().dataReceived(data)  # type: ignore[no-untyped-call]


class _Counted(WrappingFactory):
    protocol = _Counting
    noisy = False

    def __init__(self, connection: Connection, factory: IProtocolFactory) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        self.connection = connection


def _within(protocol: IProtocol) -> IProtocol:
    """Agent expects the protocol that it has built, not our wrapper."""
    assert isinstance(protocol, _Counting), "the factory has built it"
    return IProtocol(protocol.wrappedProtocol)


def wording(failure: Failure) -> str:
    """The words for a failure of a request. Agent wraps failures in a list of reasons; the last one counts."""
    reasons = getattr(failure.value, "reasons", None)
    while reasons:
        failure = reasons[-1] if isinstance(reasons[-1], Failure) else Failure(reasons[-1])
        reasons = getattr(failure.value, "reasons", None)
    tls = tlsWording(failure.value)
    if tls is not None:
        return tls
    if failure.check(ConnectionDone):
        return "it closes the connection without an answer"
    if failure.check(ConnectionLost):
        return "it resets the connection"
    return explain(failure)[1]
