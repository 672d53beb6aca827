"""The connection of a single request."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tinylb.addresses import InvalidAddress
from tinylb.backends import TCPBackend
from tinylb.distrust import tlsWording
from tinylb.failures import explain
from tinylb.providers.kubernetes.bodies import ApiError
from tinylb.providers.kubernetes.way import Session
from tinylb.reach import Reach
from tinylb.sockets import probe, socketOf


@implementer(IAgentEndpointFactory)
class Line:
    """Gives an agent its endpoint, and ends whatever has come of that."""

    def __init__(self, reactor: Any, session: Session) -> None:
        self._session = session
        url = urlsplit(session.server)
        try:
            backend = TCPBackend(reactor, url.hostname or "", url.port or (80 if session.tls is None else 443))
        except (InvalidAddress, ValueError) as error:
            raise ApiError(f"{session.server}: {error}") from None
        self._reach = Reach(backend)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See L{IAgentEndpointFactory <twisted.web.iweb.IAgentEndpointFactory>}."""
        tls = self._session.tls
        endpoint: IStreamClientEndpoint = self._reach if tls is None else wrapClientTLS(tls, self._reach)
        return endpoint

    def probe(self, keepalive: float) -> None:
        """Let the kernel find out whether the peer is still there."""
        sock = socketOf(self._reach.transport)
        if sock is not None:
            probe(sock, keepalive)

    def close(self) -> None:
        """Whatever is left of the connection goes at once."""
        self._reach.close()


def wording(failure: Failure) -> str:
    """Agent wraps what has happened, with the last of it last."""
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
