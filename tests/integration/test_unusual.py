"""What peers may do to a stream that has nothing to do with its bytes holds up none of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import pytest
import pytest_twisted
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench, Joined, backend
from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, reactor
from tests.integration.traffic import MUCH

PRELUDES = pytest.mark.parametrize("prelude", [b"", MUCH], ids=["small", "bulk"])
"""What was sent before, by which a relay may have chosen how it goes on."""


URGENT = b"!"
"""Is no part of the stream, unless it is overtaken by another one: TCP knows one at a time."""

CALM = MUCH.replace(URGENT, b"?")


def _sendUrgently(peer: Peer, *pieces: bytes) -> None:
    """Send the pieces, and an urgent byte behind each."""
    for piece in pieces:
        peer.socket.sendall(piece)
        peer.socket.send(URGENT, socket.MSG_OOB)


async def _prepare(joined: Joined, prelude: bytes) -> None:
    for speaker, listener in ((joined.client, joined.serving), (joined.serving, joined.client)):
        sending = speaker.send(prelude)
        assert await listener.receive(len(prelude)) == prelude
        await sending


@PRELUDES
@pytest_twisted.ensureDeferred
async def test_urgentByte(bench: Bench, prelude: bytes) -> None:
    """What follows an urgent byte arrives, whether more follows that or not."""
    joined = await bench.join()
    await _prepare(joined, prelude)
    for speaker, listener in ((joined.client, joined.serving), (joined.serving, joined.client)):
        for _ in range(3):
            _sendUrgently(speaker, b"before")
            speaker.socket.sendall(b"behind")
            assert await listener.receive(12) == b"beforebehind"


@pytest_twisted.ensureDeferred
async def test_urgentByteFromTheBeginning(bench: Bench) -> None:
    """So it does where the client has sent it, behind much else, before it was accepted."""
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    client = bench.connect(balanced)
    before = CALM[:100_000]
    _sendUrgently(client, before)
    client.socket.sendall(b"behind")
    serving = await server.accept()
    assert await serving.receive(len(before) + 6) == before + b"behind"


@PRELUDES
@pytest_twisted.ensureDeferred
async def test_urgentByteAmongBulk(bench: Bench, prelude: bytes) -> None:
    """Urgent bytes amid much else lose nothing of that, up to the FIN."""
    joined = await bench.join()
    await _prepare(joined, prelude)
    pieces = [CALM[start : start + 100_000] for start in range(0, len(CALM), 100_000)]
    sending = deferToThread(_sendUrgently, joined.client, *pieces).addCallback(lambda _: joined.client.finish())
    received, ending = await joined.serving.receiveToEnd()
    assert (received.replace(URGENT, b""), ending) == (CALM, Ending.FIN)
    await sending


@PRELUDES
@pytest_twisted.ensureDeferred
async def test_urgentByteBeforeTheFin(bench: Bench, prelude: bytes) -> None:
    """A FIN that is there together with an urgent byte and data on both sides of it comes behind all of the data."""
    joined = await bench.join()
    await _prepare(joined, prelude)
    for speaker, listener in ((joined.client, joined.serving), (joined.serving, joined.client)):
        _sendUrgently(speaker, b"some")
        speaker.socket.sendall(b"more")
        speaker.finish()
        assert await listener.receiveToEnd() == (b"somemore", Ending.FIN)


@pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="descriptors cannot be passed")
@PRELUDES
@pytest_twisted.ensureDeferred
async def test_passedDescriptors(bench: Bench, tmp_path: Path, prelude: bytes) -> None:
    """Descriptors in the stream of a UNIX socket go no further, are closed, and hold up nothing, nor the FIN."""
    server = Server(tmp_path / "backend")
    joined = await bench.join(server, UNIXServerEndpoint(reactor, str(tmp_path / "listen")))
    await _prepare(joined, prelude)
    pieces = [MUCH[start : start + 10_000] for start in range(0, 500_000, 10_000)]
    for speaker, listener in ((joined.client, joined.serving), (joined.serving, joined.client)):
        reader, writer = os.pipe()
        with open(reader) as watched, open(writer, "w") as passed:
            sending = deferToThread(_sendWith, speaker, passed, pieces)
            assert await listener.receive(500_000) == MUCH[:500_000]
            await sending
            passed.close()
            assert watched.read() == "", "nobody holds the other end any more"
        speaker.finish()
        assert await listener.receiveToEnd() == (b"", Ending.FIN)


def _sendWith(peer: Peer, file: TextIO, pieces: Sequence[bytes]) -> None:
    for piece in pieces:
        sent = socket.send_fds(peer.socket, [piece], [file.fileno()])
        peer.socket.sendall(piece[sent:])


@pytest.mark.parametrize("families", ["tcp", "unix"])
@pytest_twisted.ensureDeferred
async def test_tinyPieces(bench: Bench, tmp_path: Path, families: str) -> None:
    """Very many tiny pieces arrive, whatever they lie in on their way, to a reader that pauses, too."""
    if families == "tcp":
        joined = await bench.join()
    else:
        listen = UNIXServerEndpoint(reactor, str(tmp_path / "listen"))
        joined = await bench.join(Server(tmp_path / "backend"), listen)
    await _prepare(joined, MUCH)
    for speaker, listener in ((joined.client, joined.serving), (joined.serving, joined.client)):
        sending = deferToThread(_sendInPieces, speaker, MUCH[:100_000])
        received = b""
        while len(received) < 100_000:
            received += await listener.receive(min(30_000, 100_000 - len(received)))
        assert received == MUCH[:100_000]
        await sending


def _sendInPieces(peer: Peer, data: bytes) -> None:
    if peer.socket.family != socket.AF_UNIX:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(data), 5):
        peer.socket.sendall(data[start : start + 5])
