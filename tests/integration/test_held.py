"""Pairs that are held up, because an end does not read: how they end, and that they hold up nobody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
import pytest_twisted

from tests.integration.bench import Bench, Joined, backend
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import ZEROS, Ending, Peer, eventually, reactor
from tinylb import CloseReason, PairClosed, PairHalfClosed, TCPBackend

STATES = ["client", "backend", "both"]
"""Who sends, so that the other one's not reading holds the pair up."""


async def _hold(joined: Joined, state: str) -> tuple[int, int]:
    """How much each has sent."""
    sentByClient = await joined.client.fill() if state != "backend" else 0
    sentByBackend = await joined.serving.fill() if state != "client" else 0
    return sentByClient, sentByBackend


async def _join(bench: Bench, **limits: float) -> Joined:
    server = bench.add(Server())
    balanced = await bench.balance(idleTimeout=limits.get("idle", 0.0), halfCloseTimeout=limits.get("halfClose", 300.0))
    balanced.publish(a=backend(server))
    return await bench.joinBy(balanced, server)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("by", ["client", "backend"])
@pytest_twisted.ensureDeferred
async def test_reset(bench: Bench, state: str, by: str) -> None:
    """Whoever resets, and whoever was held up, the other one is reset as well; what has come from each is counted."""
    joined = await _join(bench)
    sent = await _hold(joined, state)
    resetting, other = (joined.client, joined.serving) if by == "client" else (joined.serving, joined.client)
    resetting.reset()
    received, ending = await other.receiveToEnd()
    assert ending is Ending.RESET
    closed = await joined.balanced.hearOne(PairClosed)
    assert closed.reason is (CloseReason.CLIENT_RESET if by == "client" else CloseReason.BACKEND_RESET)
    assert closed.bytesIn <= sent[0]
    assert closed.bytesOut <= sent[1]
    assert len(received) <= (closed.bytesIn if by == "client" else closed.bytesOut)


@pytest.mark.parametrize("state", STATES)
@pytest_twisted.ensureDeferred
async def test_removal(bench: Bench, state: str) -> None:
    """The target is removed: both are reset."""
    joined = await _join(bench)
    await _hold(joined, state)
    joined.balanced.publish()
    assert (await joined.client.receiveToEnd())[1] is Ending.RESET
    assert (await joined.serving.receiveToEnd())[1] is Ending.RESET
    assert (await joined.balanced.hearOne(PairClosed)).reason is CloseReason.TARGET_REMOVED


@pytest.mark.parametrize("state", STATES)
@pytest_twisted.ensureDeferred
async def test_idle(bench: Bench, state: str) -> None:
    """A pair in which nothing moves for long is idle, also when somebody would like to go on sending."""
    joined = await _join(bench, idle=1.0)
    await _hold(joined, state)
    assert (await joined.balanced.hearOne(PairClosed)).reason is CloseReason.IDLE_TIMEOUT
    assert (await joined.client.receiveToEnd())[1] is Ending.RESET
    assert (await joined.serving.receiveToEnd())[1] is Ending.RESET


@pytest_twisted.ensureDeferred
async def test_halfClosed(bench: Bench) -> None:
    """So is one of which an end has finished, when the other one's words are not read."""
    joined = await _join(bench, halfClose=1.0)
    joined.client.finish()
    await joined.balanced.hearOne(PairHalfClosed)
    await joined.serving.fill()
    assert (await joined.balanced.hearOne(PairClosed)).reason is CloseReason.HALF_CLOSE_TIMEOUT
    assert (await joined.client.receiveToEnd())[1] is Ending.RESET


@pytest.mark.parametrize("state", STATES)
@pytest_twisted.ensureDeferred
async def test_others(bench: Bench, state: str) -> None:
    """The others of the same backend go on meanwhile, and it goes on itself when it is read again."""
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    held = await bench.joinBy(balanced, server)
    sent = await _hold(held, state)
    other = await bench.joinBy(balanced, server)
    for speaker, listener in ((other.client, other.serving), (other.serving, other.client)):
        sending = speaker.send(ZEROS[: 4 << 20])
        assert await listener.receive(4 << 20) == ZEROS[: 4 << 20]
        await sending
    assert not balanced.told(PairClosed)
    for count, listener in zip(sent, (held.serving, held.client), strict=True):
        assert await listener.receive(count) == ZEROS[:count]


class Flood:
    """
    Sends without end, and reads what it can, in threads.

    @ivar received: how many bytes so far.
    """

    def __init__(self, sender: Peer, receiver: Peer | None) -> None:
        self.received = 0
        self._isOver = False
        self._peers = [peer for peer in (sender, receiver) if peer is not None]
        work: list[tuple[Callable[[Peer], None], Peer]] = [(self._send, sender)]
        if receiver is not None:
            work.append((self._receive, receiver))
        self._threads = [threading.Thread(target=function, args=(peer,)) for function, peer in work]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Let it be enough. Whoever waits is woken."""
        self._isOver = True
        for peer in self._peers:
            peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _send(self, peer: Peer) -> None:
        try:
            while not self._isOver:
                peer.socket.send(ZEROS[: 1 << 20])
        except OSError:
            pass  # nobody listens any more

    def _receive(self, peer: Peer) -> None:
        try:
            while not self._isOver:
                self.received += len(peer.socket.recv(1 << 20))
        except OSError:
            pass  # nobody speaks any more


async def _othersAreServed(bench: Bench, joined: Joined) -> None:
    """By another backend, while the pair's own one gets no new clients."""
    named = bench.add(NamedServer("name"))
    address = joined.serving.address
    assert isinstance(address, tuple)
    joined.balanced.publish(a=TCPBackend(reactor, *address, draining=True), b=backend(named))
    for _ in range(20):
        client = bench.connect(joined.balanced)
        assert await client.receive(5) == b"name\n"
        for word in (b"here", b"there"):
            await client.send(word)
            assert await client.receive(len(word)) == word
    assert not joined.balanced.told(PairClosed)


@pytest_twisted.ensureDeferred
async def test_endlessSender(bench: Bench) -> None:
    """While one sends without end to another that reads as fast as it can, others come and are served."""
    joined = await _join(bench)
    flood = Flood(joined.client, joined.serving)
    try:
        await eventually(lambda: flood.received > 1 << 20, "it floods")
        await _othersAreServed(bench, joined)
    finally:
        flood.close()


@pytest_twisted.ensureDeferred
async def test_nobodyListens(bench: Bench) -> None:
    """The same while one sends without end to a client that had finished, and then reset: it is all dropped."""
    joined = await _join(bench)
    joined.client.finish()
    await joined.balanced.hearOne(PairHalfClosed)
    joined.client.reset()
    flood = Flood(joined.serving, None)
    try:
        await eventually(lambda: joined.balanced.balancer.describe()["backends"][0]["bytesOut"] > 1 << 20, "it floods")
        await _othersAreServed(bench, joined)
    finally:
        flood.close()
    assert (await joined.balanced.hear(PairClosed))[0].reason is CloseReason.CLIENT_RESET
