"""The check that asks over HTTP, in the clear or in TLS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IResponse
from zope.interface import implementer

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.health.outcome import Answer, Outcome
from tinylb.interfaces import IHealthCheck

# It knows us, or it would not ask for a password: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
_ALIVE = frozenset((401, 403))
_HEADERS = Headers({b"User-Agent": [b"tinylb"]})


@implementer(IHealthCheck)
class HTTPCheck:
    """
    Gets a path. Statuses below 400 are good answers, and so are 401 and 403; any other is a bad one.

    @param reactor: has the time.
    @param path: begins with a slash.
    @param tls: gives what TLS needs for a host, as L{ClientTLS <tinylb.health.tls.ClientTLS>} does; L{None} for HTTP in
        the clear.
    """

    def __init__(
        self, reactor: Any, path: str, tls: Callable[[str], IOpenSSLClientConnectionCreator] | None = None
    ) -> None:
        self._reactor = reactor
        self._path = path.encode("ascii")
        self._tls = tls

    def check(self, endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
        """See L{IHealthCheck.check}."""
        host, netloc = _hostOf(target)
        scheme = b"http"
        if self._tls is not None:
            endpoint, scheme = wrapClientTLS(self._tls(host), endpoint), b"https"
        agent = cast(IAgent, Agent.usingEndpointFactory(self._reactor, _Always(endpoint)))
        uri = b"%b://%b%b" % (scheme, netloc.encode(), self._path)
        return agent.request(b"GET", uri, _HEADERS).addCallbacks(_heard, _explainAll)


@implementer(IAgentEndpointFactory)
class _Always:
    """The way to the backend is known, whatever the URI says."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        return self._endpoint


class _Enough(Protocol):
    """The status is all that matters."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


def _heard(response: IResponse) -> Answer:
    response.deliverBody(_Enough())
    isGood = response.code < 400 or response.code in _ALIVE
    return Answer(Outcome.YES if isGood else Outcome.NO, f"HTTP {response.code}")


def _explainAll(failure: Failure) -> Failure:
    """Of the failures within a failure, the one that says what happened."""
    while isinstance(failure.value, ResponseFailed) and failure.value.reasons:
        failure = failure.value.reasons[0]
    return failure


def _hostOf(target: str) -> tuple[str, str]:
    """The host that a certificate has to name, and host and port as in a URI. A UNIX socket is this host's."""
    try:
        return HostPort.parse(target).host, target
    except InvalidAddress:
        return "localhost", "localhost"
