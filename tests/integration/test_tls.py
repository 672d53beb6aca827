"""TLS on either side, through Twisted's endpoints. Only half-close is not promised there."""

from __future__ import annotations

from pathlib import Path

import pytest_twisted
from twisted.internet.endpoints import clientFromString, serverFromString

from tests.integration.bench import Bench, Joined, backend
from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, reactor
from tests.integration.tls import finishSecurely, secureClient, secureServer, tlsBackend, tlsListener
from tests.integration.traffic import MUCH, SOME
from tinylb import CloseReason, EndpointBackend, PairClosed


async def _join(bench: Bench, pem: Path) -> tuple[Peer, Peer]:
    """A TLS client, and a server's plain end."""
    server = bench.add(Server())
    balanced = await bench.balance(endpoint=serverFromString(reactor, tlsListener(pem)))
    balanced.publish(a=backend(server))
    shakingHands = secureClient(bench.connect(balanced), pem)
    serving = await server.accept()
    return bench.add(await shakingHands), serving


async def _joinSecurely(bench: Bench, pem: Path) -> Joined:
    """A TLS client, and a server's end that speaks TLS, too."""
    server = bench.add(Server())
    target = tlsBackend(server.address, pem)
    balanced = await bench.balance(endpoint=serverFromString(reactor, tlsListener(pem)))
    balanced.publish(a=EndpointBackend(target, clientFromString(reactor, target)))
    shakingHands = secureClient(bench.connect(balanced), pem)
    serving = bench.add(await secureServer(await server.accept(), pem))
    return Joined(balanced, bench.add(await shakingHands), serving)


@pytest_twisted.ensureDeferred
async def test_bothSides(bench: Bench, pem: Path) -> None:
    """With TLS on both sides, what one end sent is what the other received, both ways, up to the closing alert."""
    balanced, client, serving = await _joinSecurely(bench, pem)
    sending = client.send(MUCH)
    assert await serving.receive(len(MUCH)) == MUCH
    await sending
    sending = serving.send(MUCH)
    assert await client.receive(len(MUCH)) == MUCH
    await sending
    ending = serving.receiveToEnd()
    await finishSecurely(client)
    assert await ending == (b"", Ending.FIN)
    await finishSecurely(serving)
    closed = await balanced.hearOne(PairClosed)
    assert (closed.reason, closed.bytesIn, closed.bytesOut) == (CloseReason.CLIENT_CLOSED, len(MUCH), len(MUCH))


@pytest_twisted.ensureDeferred
async def test_backendsEndWithoutAlert(bench: Bench, pem: Path) -> None:
    """When the client is gone, and the backend goes without a closing alert, nothing of the pair is left."""
    balanced, client, serving = await _joinSecurely(bench, pem)
    ending = serving.receiveToEnd()
    await finishSecurely(client)
    assert await ending == (b"", Ending.FIN)
    serving.close()
    await balanced.hearOne(PairClosed)
    assert balanced.balancer.describe()["connections"] == 0


@pytest_twisted.ensureDeferred
async def test_replyOfABackendThatIsGone(bench: Bench, pem: Path) -> None:
    """A TLS client gets the whole of a reply, although it begins to read when the backend has closed."""
    client, serving = await _join(bench, pem)
    await serving.send(SOME)
    serving.close()
    assert await client.receiveToEnd() == (SOME, Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_uploadOfAClientThatIsGone(bench: Bench, pem: Path) -> None:
    """A backend gets the whole of a TLS client's upload, although it begins to read when the client has closed."""
    client, serving = await _join(bench, pem)
    await client.send(SOME)
    await finishSecurely(client)
    client.close()
    assert await serving.receiveToEnd() == (SOME, Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_clientsEndWithoutAlert(bench: Bench, pem: Path) -> None:
    """What ends without a closing alert may be cut short: the backend must not take it for complete."""
    client, serving = await _join(bench, pem)
    await client.send(b"half a message")
    assert await serving.receive(4) == b"half"
    client.finish()
    assert await serving.receiveToEnd() == (b" a message", Ending.RESET)
