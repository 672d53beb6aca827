"""What the system refuses to the kernel engine is done in some other way, without the loss of a byte."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import UNIXServerEndpoint

from tests.integration.bench import Bench, Joined, backend, isRelayedByTheKernel
from tests.integration.refusals import refusePipes, refuseSizes, refuseSplice, refuseWatches
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, reactor
from tests.integration.traffic import MUCH, Plan, follow
from tinylb import LoadBalancer, PairClosed

pytestmark = pytest.mark.parametrize("engine", ["kernel"], indirect=True)


async def _exchange(joined: Joined, seed: int) -> None:
    """Much and little, both ways at once, up to the end."""
    random = Random(seed)
    sizes = [10, 3_000_000, 1, 100, 70_000, 2_000_000, 5]
    plans = [Plan(tuple(map(random.randbytes, sizes)), Ending.FIN, random.random()) for _ in range(2)]
    at = [follow(plan, peer) for plan, peer in zip(plans, (joined.client, joined.serving), strict=True)]
    outcomes = [await outcome for outcome in at]
    assert [(outcome.received, outcome.ending) for outcome in outcomes] == [
        (plan.data, Ending.FIN) for plan in reversed(plans)
    ]
    closed = await joined.balanced.hear(PairClosed, len(joined.balanced.told(PairClosed)) or 1)
    assert (closed[-1].bytesIn, closed[-1].bytesOut) == (sum(sizes), sum(sizes))


async def _exchangeTwice(bench: Bench, count: Callable[[], int]) -> list[int]:
    """By two pairs, one after the other: the second finds what the first has left. What was counted after each."""
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    counts = []
    for seed in range(2):
        await _exchange(await bench.joinBy(balanced, server), seed)
        counts.append(count())
    return counts


@pytest.mark.parametrize("error", [errno.EINVAL, errno.ENOSYS, errno.EPERM])
@pytest.mark.parametrize("number", [1, 2, 7])
@pytest.mark.parametrize("isOut", [False, True], ids=["in", "out"])
@pytest_twisted.ensureDeferred
async def test_splice(bench: Bench, monkeypatch: pytest.MonkeyPatch, isOut: bool, number: int, error: int) -> None:
    """Where the system does not splice, or does so no longer, be it out of a pipe that is full: once is enough."""
    splice = refuseSplice(monkeypatch, isOut, number, error)
    first, second = await _exchangeTwice(bench, lambda: splice.refused)
    assert 1 <= first == second


@pytest_twisted.ensureDeferred
async def test_noPipes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no pipes to be had."""
    refused = refusePipes(monkeypatch)
    assert all(await _exchangeTwice(bench, refused.__len__))


@pytest_twisted.ensureDeferred
async def test_smallPipes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pipes must not grow."""
    refused = refuseSizes(monkeypatch)
    assert all(await _exchangeTwice(bench, refused.__len__))


@pytest.mark.parametrize("numbers", [{1}, {2}, {3}, {2, 3}, {4}, range(1000)], ids=str)
@pytest_twisted.ensureDeferred
async def test_watches(bench: Bench, monkeypatch: pytest.MonkeyPatch, numbers: Collection[int]) -> None:
    """Where sockets cannot be watched: the one that listens, a client's, a backend's, or any."""
    asked = refuseWatches(monkeypatch, numbers)
    balanced = await bench.balance()
    balanced.publish(a=backend(bench.add(NamedServer("name"))))
    for _ in range(2):
        client = bench.connect(balanced)
        assert await client.receive(5) == b"name\n"
        sending = client.send(MUCH)
        assert await client.receive(len(MUCH)) == MUCH
        await sending
        client.finish()
        assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert len(asked) >= 4


@pytest_twisted.ensureDeferred
async def test_moreStalledReadersThanPipes(bench: Bench, tmp_path: Path) -> None:
    """Of very many readers that stop amid much, each gets everything in the end, and others go on meanwhile."""
    server = bench.add(Server(tmp_path / "backend"))
    balanced = await bench.balance(endpoint=UNIXServerEndpoint(reactor, str(tmp_path / "listen")))
    balanced.publish(a=backend(server))
    pairs = [await bench.joinBy(balanced, server) for _ in range(60)]
    data = memoryview(MUCH * 2)
    sent = await gatherResults([pair.serving.fill(data) for pair in pairs])
    await _exchange(await bench.joinBy(balanced, server), seed=0)
    for pair, count in zip(pairs, sent, strict=True):
        sending = pair.serving.send(data[count:])
        assert await pair.client.receive(len(data)) == data
        await sending


@pytest.mark.parametrize(("module", "name"), [(os, "splice"), (select, "epoll")], ids=["splice", "epoll"])
@pytest_twisted.ensureDeferred
async def test_systemsWithout(bench: Bench, monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    """Where the system does not have what it takes, it is no use to insist; otherwise the stream engine serves."""
    monkeypatch.delattr(module, name)
    with pytest.raises(ValueError, match="kernel"):
        LoadBalancer(reactor, relay="kernel")
    server = bench.add(Server())
    balanced = await bench.balance(relay="auto")
    balanced.publish(a=backend(server))
    joined = await bench.joinBy(balanced, server)
    assert not isRelayedByTheKernel()
    await _exchange(joined, seed=0)
