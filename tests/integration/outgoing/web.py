"""Web servers that say their name, and an agent that asks them through a balanced endpoint."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent, HTTPConnectionPool, readBody
from twisted.web.iweb import IAgentEndpointFactory, IResponse
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from zope.interface import implementer

from tests.integration.sockets import reactor
from tinylb import BalancedEndpoint


class Greeter(Resource):
    """Says its name; at C{/begun} it says no more than that, and at C{/never} nothing."""

    isLeaf = True

    def __init__(self, name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = name.encode()
        self.asked: list[Request] = []

    def render_GET(self, request: Request) -> bytes | int:
        """See L{Resource.render}."""
        self.asked.append(request)
        if request.path == b"/never":
            return NOT_DONE_YET
        if request.path == b"/begun":
            request.write(self._name)
            return NOT_DONE_YET
        return self._name


def site(greeter: Greeter) -> Site:
    """The factory of a server that says its name."""
    return Site(greeter, timeout=None)


@implementer(IAgentEndpointFactory)
class Balanced:
    """Wherever a request is to go, it goes through this endpoint."""

    def __init__(self, endpoint: BalancedEndpoint, pem: Path | None = None) -> None:
        self._endpoint = endpoint
        self._pem = pem

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See L{IAgentEndpointFactory.endpointForURI}."""
        if uri.scheme == b"http":
            return self._endpoint
        from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates

        assert self._pem is not None
        trusted = trustRootFromCertificates([Certificate.loadPEM(self._pem.read_bytes())])
        return wrapClientTLS(optionsForClientTLS(uri.host.decode(), trusted), self._endpoint)


class Asking:
    """
    Asks.

    @param pool: of connections; by default each request has one of its own.
    """

    def __init__(
        self, endpoint: BalancedEndpoint, pem: Path | None = None, pool: HTTPConnectionPool | None = None
    ) -> None:
        pool = pool or HTTPConnectionPool(reactor, persistent=False)
        self._agent = Agent.usingEndpointFactory(reactor, Balanced(endpoint, pem), pool)

    def ask(self, path: str = "/", scheme: str = "http") -> Deferred[IResponse]:
        """Begin a request."""
        asking: Deferred[IResponse] = self._agent.request(b"GET", f"{scheme}://localhost{path}".encode())
        return asking

    async def name(self, scheme: str = "http") -> str:
        """The name of the server that answers."""
        body = await readBody(await self.ask(scheme=scheme))
        assert isinstance(body, bytes)
        return body.decode()
