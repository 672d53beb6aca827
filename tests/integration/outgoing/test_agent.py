"""Twisted's web client through a balanced endpoint."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError
from twisted.web.client import HTTPConnectionPool, ResponseFailed, readBody

from tests.integration.bench import backend
from tests.integration.outgoing.bench import EndpointBench, Service, failureOf, isIdle
from tests.integration.outgoing.web import Asking, Greeter, site
from tests.integration.responders import Responder
from tests.integration.servers import BlackHole, Refusing
from tests.integration.sockets import eventually, reactor
from tinylb.failures import AllFailed

# Twisted's client says so with any endpoint.
pytestmark = pytest.mark.filterwarnings("ignore:Using readBody with a transport")


async def serveTwo(ends: EndpointBench) -> tuple[list[Service], list[Greeter]]:
    """Two web servers, which are the set from now on."""
    greeters = [Greeter("a"), Greeter("b")]
    services = [await ends.serve(site(greeter)) for greeter in greeters]
    ends.publish(a=backend(services[0]), b=backend(services[1]))
    return services, greeters


@pytest_twisted.ensureDeferred
async def test_http(ends: EndpointBench) -> None:
    """Requests with a connection each take turns, and leave nothing open."""
    services, _ = await serveTwo(ends)
    endpoint = ends.endpoint()
    asking = Asking(endpoint)
    assert [await asking.name() for _ in range(4)] == ["a", "b", "a", "b"]
    await eventually(lambda: isIdle(endpoint), "the connections are closed")
    assert [service.served for service in services] == [2, 2]


@pytest_twisted.ensureDeferred
async def test_https(ends: EndpointBench, pem: Path) -> None:
    """The same over TLS, which begins behind the endpoint: one name and one certificate for all backends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    servers = {}
    for name in ("a", "b"):
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n{name}".encode()
        servers[name] = ends.add(Responder(answer, context=context))
        servers[name].isClosing = True
    ends.publish(**{name: backend(server) for name, server in servers.items()})
    endpoint = ends.endpoint()
    asking = Asking(endpoint, pem)
    assert [await asking.name("https") for _ in range(4)] == ["a", "b", "a", "b"]
    await eventually(lambda: isIdle(endpoint), "the connections are closed")


@pytest_twisted.ensureDeferred
async def test_pool(ends: EndpointBench) -> None:
    """
    A pool keeps its connection, and with it the endpoint busy. When the target leaves, the idle connection is reset,
    and the next request is answered by another one.
    """
    services, _ = await serveTwo(ends)
    endpoint = ends.endpoint()
    pool = HTTPConnectionPool(reactor)
    asking = Asking(endpoint, pool=pool)
    assert [await asking.name() for _ in range(3)] == ["a", "a", "a"]
    assert services[0].served == 1
    assert not isIdle(endpoint)
    ends.publish(b=backend(services[1]))
    assert await asking.name() == "b"
    assert endpoint.describe()["connections"] == 1
    await pool.closeCachedConnections()
    await eventually(lambda: isIdle(endpoint), "the connections are closed")


@pytest_twisted.ensureDeferred
async def test_removedBeforeTheAnswer(ends: EndpointBench) -> None:
    """A request that waits for its answer fails the moment its target leaves, and says what was the matter."""
    services, greeters = await serveTwo(ends)
    asking = Asking(ends.endpoint())
    request = asking.ask("/never")
    await eventually(lambda: bool(greeters[0].asked), "it is asked")
    ends.publish(b=backend(services[1]))
    error = await failureOf(request)
    assert isinstance(error, ResponseFailed)
    assert "target-removed" in str(error.reasons[0].value)
    assert await asking.name() == "b"


@pytest_twisted.ensureDeferred
async def test_removedWithinTheAnswer(ends: EndpointBench) -> None:
    """So does one whose answer has begun: half an answer is not taken for the whole."""
    services, _ = await serveTwo(ends)
    response = await Asking(ends.endpoint()).ask("/begun")
    body = readBody(response)
    ends.publish(b=backend(services[1]))
    error = await failureOf(body)
    assert isinstance(error, ResponseFailed)
    assert "target-removed" in str(error.reasons[0].value)


@pytest_twisted.ensureDeferred
async def test_killed(ends: EndpointBench) -> None:
    """A request that comes after the death of a server is answered by another one."""
    services, _ = await serveTwo(ends)
    pool = HTTPConnectionPool(reactor)
    asking = Asking(ends.endpoint(), pool=pool)
    assert await asking.name() == "a"
    services[0].close()
    assert [await asking.name() for _ in range(3)] == ["b", "b", "b"]
    await pool.closeCachedConnections()


@pytest_twisted.ensureDeferred
async def test_nobody(ends: EndpointBench) -> None:
    """Where nobody can be reached, the agent's failure is what was tried, and how it failed."""
    refusing = ends.add(Refusing())
    ends.publish(a=backend(refusing))
    error = await failureOf(Asking(ends.endpoint()).ask())
    assert isinstance(error, AllFailed)
    assert str(error) == f"a ({backend(refusing).target}): connection refused"


@pytest_twisted.ensureDeferred
async def test_cancel(ends: EndpointBench) -> None:
    """A request that is cancelled while it is dialled for leaves nothing."""
    hole = ends.add(BlackHole())
    ends.publish(a=backend(hole))
    endpoint = ends.endpoint()
    request = Asking(endpoint).ask()
    await eventually(lambda: hole.trying() == 1, "it is tried")
    request.cancel()
    assert isinstance(await failureOf(request), CancelledError)
    assert (isIdle(endpoint), hole.trying()) == (True, 0)
