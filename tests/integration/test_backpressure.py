"""A reader that reads nothing costs little: what is sent to it waits at the sender."""

from __future__ import annotations

import sys
from random import Random

import pytest
import pytest_twisted
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench
from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, reactor


@pytest.mark.skipif(sys.platform != "linux", reason="measures a process by what Linux tells of it")
@pytest_twisted.ensureDeferred
async def test_readerThatReadsNothing(bench: Bench) -> None:
    """Of 200 MB to a reader that waits, the process holds less than 512 kB, and idles; then all of it arrives."""
    # Of a length that no buffer has, so that bytes which are lost, repeated or out of order are noticed.
    data = memoryview(Random(0).randbytes(1_000_003) * 200)
    server = bench.add(Server())
    process = await bench.start({"a": server})
    client, serving = process.connect(), await server.accept()
    sending = client.send(data[:1000])
    assert await serving.receive(1000) == data[:1000]
    await sending
    process.forgetMostMemory()
    before = process.memory().now

    sent = await client.fill(data)
    used = process.cpuSeconds()
    await deferLater(reactor, 1.0)  # nothing is waited for: this is the time in which it idles
    assert process.cpuSeconds() - used < 0.05
    assert process.memory().now - before < 512

    receiving = deferToThread(_receivesAll, serving, data)
    await client.send(data[sent:])
    client.finish()
    assert await receiving
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    assert process.memory().most - before < 512


def _receivesAll(peer: Peer, data: memoryview) -> bool:
    """Compares as it goes, to hold no second copy."""
    received = 0
    while received < len(data):
        chunk = peer.socket.recv(1 << 20)
        if not chunk or chunk != data[received : received + len(chunk)]:
            return False
        received += len(chunk)
    return True
