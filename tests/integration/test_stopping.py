"""How balancers end, how they account for what they did, and that they leave each other alone."""

from __future__ import annotations

import time

import pytest
import pytest_twisted

from tests.integration.bench import Bench, backend
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, connect
from tinylb import CloseReason, PairClosed, PairOpened


@pytest_twisted.ensureDeferred
async def test_stopEndsConnections(bench: Bench) -> None:
    """A stop ends open connections, when they have had the time to finish (row 16)."""
    server = bench.add(NamedServer("name"))
    balanced = await bench.balance(drain=0.3)
    balanced.publish(a=backend(server))
    client = bench.connect(balanced)
    assert await client.receive(5) == b"name\n"
    asked = time.monotonic()
    stopping = balanced.service.stopService()
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert 0.3 <= time.monotonic() - asked < 5.3
    await stopping
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.STOPPING
    assert balanced.balancer.describe()["connections"] == 0


@pytest_twisted.ensureDeferred
async def test_stopLetsConnectionsFinish(bench: Bench) -> None:
    """After a stop nobody is accepted; who is connected goes on, and when all have finished it is over (row 16)."""
    server = bench.add(NamedServer("name"))
    balanced = await bench.balance(drain=5.0)
    balanced.publish(a=backend(server))
    client = bench.connect(balanced)
    assert await client.receive(5) == b"name\n"
    address = balanced.address
    stopped: list[None] = []
    stopping = balanced.service.stopService().addCallback(stopped.append)
    await client.send(b"go on")
    assert await client.receive(5) == b"go on"
    with pytest.raises(ConnectionRefusedError):
        connect(address)
    assert not stopped
    client.finish()
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    await stopping
    assert balanced.balancer.describe()["connections"] == 0
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.CLIENT_CLOSED


@pytest_twisted.ensureDeferred
async def test_stopLetsStuckConnectionsFinish(bench: Bench) -> None:
    """What is stuck both ways when the stop comes loses nothing, if it is read in time (row 16)."""
    server = bench.add(Server())
    balanced = await bench.balance(drain=30.0)
    balanced.publish(a=backend(server))
    _, client, serving = await bench.joinBy(balanced, server)
    sent = await client.fill(), await serving.fill()
    stopping = balanced.service.stopService()
    client.finish()
    serving.finish()
    for end, size in ((client, sent[1]), (serving, sent[0])):
        received, ending = await end.receiveToEnd()
        assert (len(received), ending) == (size, Ending.FIN)
    await stopping
    closed = await balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == sent
    assert closed.reason in (CloseReason.CLIENT_CLOSED, CloseReason.BACKEND_CLOSED)


@pytest_twisted.ensureDeferred
async def test_stopEndsWhatIsStuck(bench: Bench) -> None:
    """A stop ends connections whose peers read nothing, and half-closed ones, at both ends (row 16)."""
    server = bench.add(Server())
    balanced = await bench.balance(drain=0.2)
    balanced.publish(a=backend(server))
    _, client, serving = await bench.joinBy(balanced, server)
    _, half, reply = await bench.joinBy(balanced, server)
    half.finish()
    assert await reply.receiveToEnd() == (b"", Ending.FIN)
    await client.fill()
    await serving.fill()
    await balanced.service.stopService()
    assert (await half.receiveToEnd())[1] is Ending.RESET
    for end in (client, serving):
        assert (await end.receiveToEnd())[1] is Ending.RESET
    assert {closed.reason for closed in await balanced.hear(PairClosed, 2)} == {CloseReason.STOPPING}
    assert balanced.balancer.describe()["connections"] == 0


@pytest_twisted.ensureDeferred
async def test_accounts(bench: Bench) -> None:
    """Every pair is accounted for, once: who, where to, how much, how long, and why it ended (row 15)."""
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    started = time.monotonic()
    _, client, serving = await bench.joinBy(balanced, server)
    await client.send(bytes(1000))
    await serving.receive(1000)
    await serving.send(bytes(500))
    await client.receive(500)
    serving.reset()
    closed = await balanced.hearOne(PairClosed)
    took = time.monotonic() - started
    (opened,) = balanced.told(PairOpened)
    assert (closed.client, closed.backend, closed.target) == (opened.client, "a", backend(server).target)
    assert (closed.bytesIn, closed.bytesOut, closed.reason) == (1000, 500, CloseReason.BACKEND_RESET)
    assert closed.attempts == 1
    assert 0 < closed.dialSeconds < took
    assert 0 < closed.duration < took
    (described,) = balanced.balancer.describe()["backends"]
    assert {key: described[key] for key in ("connections", "opened", "failed", "bytesIn", "bytesOut")} == {
        "connections": 0,
        "opened": 1,
        "failed": 0,
        "bytesIn": 1000,
        "bytesOut": 500,
    }


@pytest_twisted.ensureDeferred
async def test_severalBalancers(bench: Bench) -> None:
    """What one balancer removes, and its stop, end nothing of another one in the same reactor (row 19)."""
    server = bench.add(NamedServer("name"))
    one, other = await bench.balance(), await bench.balance()
    for balanced in (one, other):
        balanced.publish(a=backend(server))
    gone, stays = bench.connect(one), bench.connect(other)
    assert await gone.receive(5) == await stays.receive(5) == b"name\n"
    one.publish()
    assert await gone.receiveToEnd() == (b"", Ending.RESET)
    await one.service.stopService()
    await stays.send(b"hello")
    assert await stays.receive(5) == b"hello"
    assert await bench.connect(other).receive(5) == b"name\n"
