"""A target that leaves the set: every connection to it ends now, on both sides, whatever it was doing."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench, backend, backendsJSON
from tests.integration.crowd import MANY, Crowd, roomForMany, waitUntilReset
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, eventually
from tinylb import CloseReason, PairClosed, PairHalfClosed, TargetRemoved

PROMISE = 0.5
"""Seconds from the removal to the last reset of so many clients."""


@pytest.fixture
def manyDescriptors() -> Iterator[None]:
    """See L{roomForMany}."""
    with roomForMany():
        yield


@pytest.mark.usefixtures("manyDescriptors")
@pytest_twisted.ensureDeferred
async def test_manyConnections(bench: Bench) -> None:
    """Two thousand connections are reset at their clients within half a second, and at the backend."""
    servers = bench.add(Server()), bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(servers[0]))

    async def measure(number: int) -> float:
        crowd = bench.add(Crowd(balanced.address, servers[number % 2]))
        await deferToThread(crowd.connect)
        await eventually(lambda: balanced.balancer.describe()["connections"] == MANY, "all are connected")
        waiting = deferToThread(waitUntilReset, crowd.clients)
        removed = time.monotonic()
        balanced.publish(a=backend(servers[1 - number % 2]))
        seconds = await waiting - removed
        await deferToThread(waitUntilReset, crowd.serving)
        crowd.close()
        assert balanced.told(TargetRemoved)[-1].pairs == MANY
        return seconds

    assert await _best(measure) < PROMISE
    assert {event.reason for event in balanced.told(PairClosed)} == {CloseReason.TARGET_REMOVED}


@pytest.mark.usefixtures("manyDescriptors")
@pytest_twisted.ensureDeferred
async def test_manyConnectionsByFile(bench: Bench, tmp_path: Path) -> None:
    """From the rename of the backends file to the last of two thousand resets it takes less than half a second."""
    servers = bench.add(Server()), bench.add(Server())
    path, draft = tmp_path / "backends.json", tmp_path / "draft.json"
    path.write_text(backendsJSON(a=servers[0]))
    process = await bench.start(path)

    async def measure(number: int) -> float:
        crowd = bench.add(Crowd(process.address, servers[number % 2]))
        await deferToThread(crowd.connect)
        while (await process.describe())["connections"] < MANY:
            pass
        draft.write_text(backendsJSON(a=servers[1 - number % 2]))
        waiting = deferToThread(waitUntilReset, crowd.clients)
        renamed = time.monotonic()
        os.rename(draft, path)
        seconds = await waiting - renamed
        await deferToThread(waitUntilReset, crowd.serving)
        crowd.close()
        return seconds

    assert await _best(measure) < PROMISE


async def _best(measure: Callable[[int], Awaitable[float]]) -> float:
    """The promise is about this program, and not about others that keep the machine busy: it may have three tries."""
    best = float("inf")
    for number in range(3):
        best = min(best, await measure(number))
        if best < PROMISE:
            break
    return best


@pytest_twisted.ensureDeferred
async def test_stalled(bench: Bench) -> None:
    """A pair in which nobody reads, and everything is full, is reset on both sides at once (behaviour, row 9)."""
    balanced, client, serving = await bench.join()
    await client.fill()
    await serving.fill()
    balanced.publish()
    (closed,) = await balanced.hear(PairClosed)
    assert closed.reason is CloseReason.TARGET_REMOVED
    await deferToThread(waitUntilReset, (client, serving))


@pytest_twisted.ensureDeferred
async def test_halfClosed(bench: Bench) -> None:
    """A pair of which one side has finished is reset, too: the other side must not take it for complete."""
    balanced, client, serving = await bench.join()
    client.finish()
    await balanced.hear(PairHalfClosed)
    await serving.send(b"half a reply")
    assert await client.receive(4) == b"half"
    balanced.publish()
    assert await client.receiveToEnd() == (b" a reply", Ending.RESET)


@pytest_twisted.ensureDeferred
async def test_clientsInBetween(bench: Bench) -> None:
    """
    Who is waiting to be accepted when a target is removed, and who comes back the moment it was reset, never meets
    that target (behaviour, row 8).
    """
    old, new = bench.add(NamedServer("old")), bench.add(NamedServer("new"))
    balanced = await bench.balance()
    balanced.publish(a=backend(old))
    clients = [bench.connect(balanced) for _ in range(8)]
    for client in clients:
        assert await client.receive(4) == b"old\n"
    endings = [client.receiveToEnd() for client in clients]
    waiting = bench.connect(balanced)
    balanced.publish(b=backend(new))
    for ended in endings:
        assert await ended == (b"", Ending.RESET)
        assert await bench.connect(balanced).receive(4) == b"new\n"
    assert await waiting.receive(4) == b"new\n"
    assert old.served == len(clients)
