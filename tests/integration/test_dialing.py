"""While a backend does not answer: who waits, who does not, and what happens meanwhile."""

from __future__ import annotations

import time

import pytest_twisted

from tests.integration.bench import Bench, backend
from tests.integration.servers import BlackHole, NamedServer, Refusing
from tests.integration.sockets import Ending, eventually
from tinylb import BackendPicked, ClientUnserved, CloseReason, DialFailed, DialFailure, TargetRemoved

ROUND_TRIP = 5.0
"""Seconds, very generous ones for this machine, and far less than any timeout below that is not to be met."""

LONG = 60.0


@pytest_twisted.ensureDeferred
async def test_slowDialHoldsUpNobody(bench: Bench) -> None:
    """Clients of a healthy backend are served at once while others wait for one that does not answer (row 1)."""
    hole, healthy = bench.add(BlackHole()), bench.add(NamedServer("healthy"))
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=backend(hole), b=backend(healthy))
    started = time.monotonic()
    clients = [bench.connect(balanced) for _ in range(10)]
    for client in clients[1::2]:
        assert await client.receive(8) == b"healthy\n"
    assert time.monotonic() - started < ROUND_TRIP
    assert balanced.balancer.describe()["dialing"] == 5


@pytest_twisted.ensureDeferred
async def test_dialTimeout(bench: Bench) -> None:
    """A dial has a deadline: the client of a backend that does not answer is closed then, and not before (row 2)."""
    hole = bench.add(BlackHole())
    balanced = await bench.balance(dialTimeout=0.4)
    balanced.publish(a=backend(hole))
    started = time.monotonic()
    client = bench.connect(balanced)
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert 0.4 <= time.monotonic() - started < 0.4 + ROUND_TRIP
    assert (await balanced.hearOne(ClientUnserved)).reason is CloseReason.DIAL_TIMEOUT


@pytest_twisted.ensureDeferred
async def test_removalFreesTheClient(bench: Bench) -> None:
    """Removing a backend that does not answer sends its client to another one at once (row 2)."""
    hole, healthy = bench.add(BlackHole()), bench.add(NamedServer("healthy"))
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=backend(hole))
    client = bench.connect(balanced)
    await balanced.hear(BackendPicked)
    removed = time.monotonic()
    balanced.publish(b=backend(healthy))
    assert await client.receive(8) == b"healthy\n"
    assert time.monotonic() - removed < ROUND_TRIP
    assert (await balanced.hearOne(TargetRemoved)).dials == 1


@pytest_twisted.ensureDeferred
async def test_oneOfTwoRefuses(bench: Bench) -> None:
    """With one of two backends refusing, twenty of twenty clients are served (row 3)."""
    refusing, healthy = bench.add(Refusing()), bench.add(NamedServer("healthy"))
    balanced = await bench.balance()
    balanced.publish(a=backend(refusing), b=backend(healthy))
    for _ in range(20):
        assert await bench.connect(balanced).receive(8) == b"healthy\n"
    assert not balanced.told(ClientUnserved)
    assert {failed.kind for failed in balanced.told(DialFailed)} == {DialFailure.REFUSED}


@pytest_twisted.ensureDeferred
async def test_oneOfThreeDoesNotAnswer(bench: Bench) -> None:
    """With one of three black-holed no client fails, and none waits longer than the attempt delay and a round trip."""
    server, hole = bench.add(NamedServer("name")), bench.add(BlackHole())
    other = bench.add(NamedServer("name"))
    balanced = await bench.balance(attemptDelay=0.1)
    balanced.publish(a=backend(server), b=backend(hole), c=backend(other))
    started = time.monotonic()
    clients = [bench.connect(balanced) for _ in range(30)]
    for client in clients:
        assert await client.receive(5) == b"name\n"
    assert time.monotonic() - started < 0.1 + ROUND_TRIP
    assert not balanced.told(ClientUnserved)
    assert {failed.kind for failed in balanced.told(DialFailed)} == {DialFailure.OVERTAKEN}


@pytest_twisted.ensureDeferred
async def test_clientResetsDuringTheDial(bench: Bench) -> None:
    """The dial of a client that has reset its connection is cancelled, and nothing it sent arrives (row 5)."""
    hole = bench.add(BlackHole())
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=backend(hole))
    client, other = bench.connect(balanced), bench.connect(balanced)
    await client.send(b"never mind")
    await other.send(b"wanted")
    await eventually(lambda: hole.trying() == 2, "both are dialled for")
    client.reset()
    await eventually(lambda: hole.trying() == 1, "one dial is cancelled")
    assert (await balanced.hearOne(ClientUnserved)).reason is CloseReason.CLIENT_RESET
    hole.open()
    serving = await hole.accept()
    assert await serving.receive(6) == b"wanted"


@pytest_twisted.ensureDeferred
async def test_clientFinishesDuringTheDial(bench: Bench) -> None:
    """A FIN during the dial is only a half-close: what came before it is delivered, and the reply arrives (row 5)."""
    hole = bench.add(BlackHole())
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=backend(hole))
    client = bench.connect(balanced)
    await client.send(b"request")
    client.finish()
    await balanced.hear(BackendPicked)
    hole.open()
    serving = await hole.accept()
    assert await serving.receiveToEnd() == (b"request", Ending.FIN)
    await serving.send(b"reply")
    serving.close()
    assert await client.receiveToEnd() == (b"reply", Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_stoppingCancelsDials(bench: Bench) -> None:
    """Stopping does not wait for a backend that does not answer (row 6)."""
    hole = bench.add(BlackHole())
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG, drain=LONG)
    balanced.publish(a=backend(hole))
    client = bench.connect(balanced)
    await balanced.hear(BackendPicked)
    stopped = time.monotonic()
    await balanced.service.stopService()
    assert time.monotonic() - stopped < ROUND_TRIP
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert (await balanced.hearOne(ClientUnserved)).reason is CloseReason.STOPPING


@pytest_twisted.ensureDeferred
async def test_removedDuringTheDial(bench: Bench) -> None:
    """A backend that is removed during its dial is dialled no longer, whenever it would answer (row 7)."""
    hole = bench.add(BlackHole())
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=backend(hole))
    client = bench.connect(balanced)
    await eventually(lambda: hole.trying() == 1, "it is dialled")
    balanced.publish()
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert hole.trying() == 0
