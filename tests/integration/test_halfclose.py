"""Each direction of a connection ends on its own, and loses nothing before it does."""

from __future__ import annotations

from pathlib import Path

import pytest_twisted
from twisted.internet.endpoints import UNIXServerEndpoint

from tests.integration.bench import Bench
from tests.integration.servers import Server
from tests.integration.sockets import Ending, reactor
from tests.integration.traffic import MUCH, SOME
from tinylb import CloseReason, PairClosed, PairHalfClosed


@pytest_twisted.ensureDeferred
async def test_replyAfterClientsFin(bench: Bench) -> None:
    """A client that has finished its request still gets the reply (behaviour, row 12)."""
    balanced, client, serving = await bench.join()
    await client.send(b"request")
    client.finish()
    assert await serving.receiveToEnd() == (b"request", Ending.FIN)
    await serving.send(b"reply")
    serving.close()
    assert await client.receiveToEnd() == (b"reply", Ending.FIN)
    closed = await balanced.hearOne(PairClosed)
    assert (closed.reason, closed.bytesIn, closed.bytesOut) == (CloseReason.CLIENT_CLOSED, 7, 5)


@pytest_twisted.ensureDeferred
async def test_uploadAfterBackendsFin(bench: Bench) -> None:
    """A backend that has finished its reply still gets the rest of the upload (behaviour, row 13)."""
    balanced, client, serving = await bench.join()
    await serving.send(b"reply")
    serving.finish()
    assert await client.receiveToEnd() == (b"reply", Ending.FIN)
    uploading = client.send(MUCH)
    assert await serving.receive(len(MUCH)) == MUCH
    await uploading
    client.close()
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    closed = await balanced.hearOne(PairClosed)
    assert (closed.reason, closed.bytesIn, closed.bytesOut) == (CloseReason.BACKEND_CLOSED, len(MUCH), 5)


@pytest_twisted.ensureDeferred
async def test_everyByteArrivesBeforeTheBackendsFin(bench: Bench) -> None:
    """A reply is complete although an upload lies unread when it ends (behaviour, row 14)."""
    _, client, serving = await bench.join()
    await client.fill()
    sending = serving.send(MUCH).addCallback(lambda _: serving.finish())
    assert await client.receiveToEnd() == (MUCH, Ending.FIN)
    await sending


@pytest_twisted.ensureDeferred
async def test_everyByteArrivesBeforeTheClientsFin(bench: Bench) -> None:
    """An upload is complete although a reply lies unread when it ends (behaviour, row 14)."""
    _, client, serving = await bench.join()
    await serving.fill()
    sending = client.send(MUCH).addCallback(lambda _: client.finish())
    assert await serving.receiveToEnd() == (MUCH, Ending.FIN)
    await sending


@pytest_twisted.ensureDeferred
async def test_everyByteArrivesFromABackendThatIsGone(bench: Bench) -> None:
    """A reply that was finished is complete although the backend then reset what it never read of the upload."""
    balanced, client, serving = await bench.join()
    await client.fill()
    await serving.send(SOME)
    serving.finish()
    assert (await balanced.hearOne(PairHalfClosed)).by == "backend"
    serving.reset()
    assert (await client.receiveToEnd())[0] == SOME


@pytest_twisted.ensureDeferred
async def test_everyByteArrivesFromAClientThatIsGone(bench: Bench) -> None:
    """An upload that was finished is complete although the client then reset what it never read of the reply."""
    balanced, client, serving = await bench.join()
    await serving.fill()
    await client.send(SOME)
    client.finish()
    assert (await balanced.hearOne(PairHalfClosed)).by == "client"
    client.reset()
    assert (await serving.receiveToEnd())[0] == SOME


@pytest_twisted.ensureDeferred
async def test_unixSockets(bench: Bench, tmp_path: Path) -> None:
    """UNIX sockets on both sides carry everything, and half-close, as TCP ones do."""
    server = Server(tmp_path / "backend")
    listen = UNIXServerEndpoint(reactor, str(tmp_path / "listen"))
    balanced, client, serving = await bench.join(server, listen)
    uploading = client.send(MUCH)
    assert await serving.receive(len(MUCH)) == MUCH
    await uploading
    client.finish()
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    replying = serving.send(MUCH)
    assert await client.receive(len(MUCH)) == MUCH
    await replying
    serving.close()
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    closed = await balanced.hearOne(PairClosed)
    assert (closed.reason, closed.bytesIn, closed.bytesOut) == (CloseReason.CLIENT_CLOSED, len(MUCH), len(MUCH))
