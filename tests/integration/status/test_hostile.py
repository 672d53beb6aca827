"""Hostile clients of the status endpoint: they harm nothing, and what they can make it spend is bounded."""

from __future__ import annotations

import os
import random
import socket

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench
from tests.integration.crowd import MANY, roomForMany
from tests.integration.sockets import Peer, connect, eventually, reactor
from tests.integration.status.conftest import Show
from tests.integration.status.shown import Shown
from tests.unit.statuscase import HEALTH, LISTEN, METRICS, FixedMetrics, LongMetrics
from tinylb import TCPBackend
from tinylb.status import channel
from tinylb.status.connections import MOST

KIB = 1 << 10
MIB = 1 << 20


async def assertWell(bench: Bench, shown: Shown, log: list[str]) -> None:
    """The balancer serves, the status endpoint answers, and of what was done to it the log says nothing."""
    client = bench.connect(shown.balanced)
    assert await client.receive(5) == b"name\n"
    assert (await shown.ask("/readyz")).body == b"ok\n"
    assert [line for line in log if "Backend set" not in line and "istening" not in line and "Status" not in line] == []


@pytest_twisted.ensureDeferred
async def test_thousandsOfIdleConnections(bench: Bench, show: Show, log: list[str]) -> None:
    """Of thousands of idle connections few stay open, and who has something to ask is answered among them."""
    with roomForMany():
        shown = await show()
        descriptors = len(os.listdir("/dev/fd"))
        idle: list[Peer] = await deferToThread(lambda: [connect(shown.address) for _ in range(MANY)])
        assert (await shown.ask("/healthz")).code == 200
        held = len(os.listdir("/dev/fd")) - descriptors - MANY
        assert held <= MOST + 10
        await assertWell(bench, shown, log)
        for peer in idle:
            peer.close()


@pytest_twisted.ensureDeferred
async def test_thousandsOfResets(bench: Bench, show: Show, log: list[str]) -> None:
    """Thousands who connect, or ask, and reset at once leave nothing behind."""
    shown = await show(metrics=FixedMetrics(*[b"x" * MIB] * 3))

    def comeAndGo() -> None:
        for number in range(1500):
            peer = connect(shown.address)
            try:
                peer.socket.sendall((b"", HEALTH, HEALTH[:20], METRICS, LISTEN)[number % 5])
            except ConnectionError:
                pass  # there were too many at once
            peer.reset()

    observers = list(shown.balanced.balancer.observers)
    await deferToThread(comeAndGo)
    await eventually(lambda: list(shown.balanced.balancer.observers) == observers, "nobody observes")
    await assertWell(bench, shown, log)


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET /", b"x" * 1000),
        (HEALTH[:-2] + b"X: ", b"x" * 1000),
        (HEALTH[:-2], b"X: " + b"x" * 990 + b"\r\n"),
        (HEALTH[:-2], b"X: x\r\n" * 100),
        (HEALTH[:-2] + b"Content-Length: 1000000000\r\n\r\n", b"x" * 1000),
        (HEALTH[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b"x" * 1000 + b"\r\n"),
        (b"", bytes(1000)),
        (b"", b"\r\n" * 500),
    ],
    ids=["line", "header", "headers", "small-headers", "body", "chunks", "zeros", "empty-lines"],
)
@pytest_twisted.ensureDeferred
async def test_endless(bench: Bench, show: Show, log: list[str], beginning: bytes, more: bytes) -> None:
    """What has no end is cut off, long before it weighs anything."""
    shown = await show()
    peer = shown.say(beginning)

    def goOn() -> int:
        for count in range(100_000):
            try:
                peer.socket.sendall(more)
            except (BrokenPipeError, ConnectionResetError):
                return count * len(more)
        raise AssertionError("it is all taken")

    assert await deferToThread(goOn) < 20 * MIB  # what the kernel takes; the end itself comes with the first few kB
    await assertWell(bench, shown, log)


@pytest.mark.parametrize("request_", [LISTEN, METRICS], ids=["listening", "not-reading"])
@pytest_twisted.ensureDeferred
async def test_chatter(bench: Bench, show: Show, log: list[str], request_: bytes) -> None:
    """Who goes on sending while it listens to events, or does not read its answer, is not read from."""
    shown = await show(metrics=FixedMetrics(*[b"x" * MIB] * 20))
    peer = shown.say(request_)
    assert await peer.fill() < 20 * MIB
    await assertWell(bench, shown, log)


@pytest_twisted.ensureDeferred
async def test_garbage(bench: Bench, show: Show, log: list[str]) -> None:
    """Whatever bytes come, in whatever pieces, the worst that happens is the end of that connection."""
    shown = await show()
    rng = random.Random(6)
    words = [*HEALTH.split(), b"\r\n", b"\r\n\r\n", b" ", b":", b"\x00", b"\xff", b"Content-Length: 3"]

    def talk() -> None:
        for _ in range(400):
            peer = connect(shown.address)
            try:
                for _ in range(rng.randrange(1, 6)):
                    text = b"".join(rng.choice(words) for _ in range(rng.randrange(20)))
                    peer.socket.sendall(text if rng.random() < 0.7 else rng.randbytes(rng.randrange(300)))
                peer.finish()
                while peer.socket.recv(1 << 16):
                    pass
            except OSError:
                pass
            peer.close()

    await deferToThread(talk)
    await assertWell(bench, shown, log)


@pytest_twisted.ensureDeferred
async def test_pipelined(bench: Bench, show: Show, log: list[str]) -> None:
    """Who asks for thousands of answers at once and reads none is read from no more, and holds nobody up meanwhile."""
    shown = await show()
    requests = memoryview(HEALTH.replace(b"healthz", b"api/state") * 400_000)
    asking = [shown.connect().fill(requests) for _ in range(5)]
    while not all(each.called for each in asking):
        before = reactor.seconds()
        await assertWell(bench, shown, log)
        assert reactor.seconds() - before < 2
    for each in asking:
        await each  # fails if all is taken


@pytest_twisted.ensureDeferred
async def test_stuckReader(bench: Bench, show: Show, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For who does not read its answer less than a megabyte is made, and the kernel holds little of that."""
    monkeypatch.setattr(channel, "STUCK", 1)
    made: list[None] = []
    shown = await show(metrics=LongMetrics(lambda: made.append(None), 1000, b"x" * 16 * KIB))
    peer = shown.reluctant()
    peer.socket.sendall(METRICS)
    await eventually(lambda: bool(peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), "it is reset")
    assert len(made) * 16 * KIB < MIB
    await assertWell(bench, shown, log)


@pytest_twisted.ensureDeferred
async def test_stuckListeners(bench: Bench, show: Show, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Listeners who do not read are left after a while, and one who reads misses nothing."""
    monkeypatch.setattr(channel, "STUCK", 1)
    shown = await show()
    reading = await shown.listen()
    last = reading.hear("backends-replaced", backends=[["last", "192.0.2.1:1"]])
    stuck = [shown.say(LISTEN) for _ in range(5)]
    many = {f"b{number}": TCPBackend(reactor, "192.0.2.1", number + 1) for number in range(60)}

    def muchHappens() -> bool:
        shown.balanced.publish(**many)
        shown.balanced.publish()
        stuck[:] = [peer for peer in stuck if not peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)]
        return not stuck

    await eventually(muchHappens, "who does not read is reset")
    shown.balanced.publish(last=TCPBackend(reactor, "192.0.2.1", 1))
    await last
    assert "missed" not in {event["what"] for event in reading.told}
