"""Clients that introduce themselves by the PROXY protocol, on real sockets."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater
from twisted.protocols.haproxy import proxyEndpoint
from typing_extensions import Unpack

from tests.integration.bench import Balanced, Bench, backend, isRelayedByTheKernel
from tests.integration.servers import BlackHole, Server
from tests.integration.sockets import Ending, Peer, eventually, reactor
from tests.integration.test_proxyprotocol import SIGNATURE, announced, line
from tests.integration.tls import secureClient, tlsListener
from tests.integration.traffic import MUCH
from tinylb import BackendPicked, ClientUnserved, CloseReason, PairClosed, PairOpened
from tinylb.balancer import BalancerOptions

LOOPBACK = "tcp:0:interface=127.0.0.1"
CLIENT = IPv4Address("TCP", "192.0.2.7", 4711)
LINE = b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 443\r\n"
BLOCK = SIGNATURE + bytes.fromhex("21 11 0010 C0000207 C0000209 1267 01BB 04 0001 00")
HEADERS = pytest.mark.parametrize("header", [LINE, BLOCK], ids=["v1", "v2"])


class Introduced:
    """A balancer whose clients introduce themselves, over one server."""

    def __init__(self, bench: Bench, balanced: Balanced, server: Server) -> None:
        self._bench = bench
        self.balanced = balanced
        self.server = server

    def connect(self) -> Peer:
        """A client that has said nothing yet, and says at once what it says."""
        client = self._bench.connect(self.balanced)
        if client.socket.family != socket.AF_UNIX:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    async def unserved(self) -> ClientUnserved:
        """The one client that got no backend."""
        return await self.balanced.hearOne(ClientUnserved)


async def introduced(
    bench: Bench, listen: str = LOOPBACK, server: Server | None = None, **options: Unpack[BalancerOptions]
) -> Introduced:
    """A balancer that listens so, behind the PROXY protocol."""
    server = bench.add(server or Server())
    balanced = await bench.balance(endpoint=serverFromString(reactor, f"haproxy:{listen}"), **options)
    balanced.publish(a=backend(server))
    return Introduced(bench, balanced, server)


async def turns() -> None:
    """Let the reactor turn a few times, in which it hears all that the kernel has for it."""
    for _ in range(5):
        await deferLater(reactor, 0.01)


@HEADERS
@pytest_twisted.ensureDeferred
async def test_oneSegment(bench: Bench, engine: str, header: bytes) -> None:
    """What comes in one piece with the header is the client's, byte for byte; the kernel relays it where it can."""
    there = await introduced(bench)
    client = there.connect()
    sending = client.send(header + MUCH)
    serving = await there.server.accept()
    assert await serving.receive(len(MUCH)) == MUCH
    await sending
    assert isRelayedByTheKernel() == (engine == "kernel")
    replying = serving.send(MUCH)
    assert await client.receive(len(MUCH)) == MUCH
    await replying
    client.finish()
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    await serving.send(b"reply after the end")
    serving.finish()
    assert await client.receiveToEnd() == (b"reply after the end", Ending.FIN)
    closed = await there.balanced.hearOne(PairClosed)
    assert (closed.client, closed.bytesIn, closed.bytesOut) == (CLIENT, len(MUCH), len(MUCH) + 19)


@HEADERS
@pytest_twisted.ensureDeferred
async def test_byteByByte(bench: Bench, header: bytes) -> None:
    """A header that comes in pieces of one byte each is one; nobody is dialled before the last of them."""
    there = await introduced(bench)
    client = there.connect()
    for at in range(len(header) - 1):
        await client.send(header[at : at + 1])
    assert there.balanced.told(BackendPicked) == []
    await client.send(header[-1:])
    serving = await there.server.accept()
    await client.send(b"hello")
    assert await serving.receive(5) == b"hello"
    assert (await there.balanced.hearOne(PairOpened)).client == CLIENT


@pytest_twisted.ensureDeferred
async def test_halfClosedAtOnce(bench: Bench) -> None:
    """A client that finishes with its request gets its reply."""
    there = await introduced(bench)
    client = there.connect()
    await client.send(LINE + b"request")
    client.finish()
    serving = await there.server.accept()
    assert await serving.receiveToEnd() == (b"request", Ending.FIN)
    await serving.send(b"reply")
    serving.close()
    assert await client.receiveToEnd() == (b"reply", Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_stuckBackend(bench: Bench) -> None:
    """A client that sends more than its backend takes is held up, and nothing of what came with the header is lost."""
    there = await introduced(bench)
    client = there.connect()
    sent = await client.fill(memoryview(LINE + MUCH * 30))
    serving = await there.server.accept()
    client.finish()
    data, ending = await serving.receiveToEnd()
    assert (LINE + data == (LINE + MUCH * 30)[:sent], ending) == (True, Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_passedOn(bench: Bench) -> None:
    """A backend that wants a header hears who the client was, and where it had connected to, before us."""
    there = await introduced(bench)
    there.balanced.publish(a=announced(there.server, "v2"))
    await there.connect().send(LINE + b"hello")
    serving = await there.server.accept()
    expected = SIGNATURE + bytes.fromhex("21 11 000C C0000207 C0000209 1267 01BB")
    assert await serving.receive(len(expected) + 5) == expected + b"hello"


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", SIGNATURE + bytes.fromhex("20 00 0000")], ids=["v1", "v2"])
@pytest_twisted.ensureDeferred
async def test_nobodyElse(bench: Bench, header: bytes) -> None:
    """A proxy that has come for itself is the client, to us and to a backend that wants to know."""
    there = await introduced(bench)
    there.balanced.publish(a=announced(there.server, "v1"))
    client = there.connect()
    await client.send(header + b"hello")
    serving = await there.server.accept()
    expected = line(client.address, there.balanced.address) + b"hello"
    assert await serving.receive(len(expected)) == expected
    opened = await there.balanced.hearOne(PairOpened)
    assert isinstance(opened.client, IPv4Address)
    assert (opened.client.host, opened.client.port) == client.address


@pytest_twisted.ensureDeferred
async def test_throughUNIX(bench: Bench, tmp_path: Path) -> None:
    """Proxies may come by a UNIX socket."""
    there = await introduced(bench, f"unix:{tmp_path}/listen")
    client = there.connect()
    await client.send(BLOCK + b"hello")
    serving = await there.server.accept()
    assert await serving.receive(5) == b"hello"
    assert (await there.balanced.hearOne(PairOpened)).client == CLIENT


@pytest_twisted.ensureDeferred
async def test_throughTLS(bench: Bench, pem: Path) -> None:
    """Proxies may speak TLS; the header is within it."""
    there = await introduced(bench, tlsListener(pem))
    client = bench.add(await secureClient(there.connect(), pem))
    await client.send(LINE + b"hello")
    serving = await there.server.accept()
    assert await serving.receive(5) == b"hello"
    assert (await there.balanced.hearOne(PairOpened)).client == CLIENT


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1.2.3 \r\n", SIGNATURE + b"\x11"])
@pytest_twisted.ensureDeferred
async def test_wrong(bench: Bench, said: bytes) -> None:
    """Whoever says something else is reset at once, however long a dial might take."""
    there = await introduced(bench, dialTimeout=3600)
    client = there.connect()
    await client.send(said)
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert (await there.unserved()).reason is CloseReason.DIAL_FAILED
    assert there.balanced.balancer.describe()["dialing"] == 0


@pytest_twisted.ensureDeferred
async def test_incomplete(bench: Bench) -> None:
    """Whoever finishes within the header is reset."""
    there = await introduced(bench)
    client = there.connect()
    await client.send(BLOCK[:-1])
    client.finish()
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert (await there.unserved()).causes == ("incomplete PROXY header",)


@pytest_twisted.ensureDeferred
async def test_never(bench: Bench) -> None:
    """A header that never comes is waited for as long as a dial may take, though pieces of it still come."""
    there = await introduced(bench, dialTimeout=0.3)
    began = time.monotonic()
    silent, slow = there.connect(), there.connect()
    await slow.send(LINE[:5])
    assert await silent.receiveToEnd() == (b"", Ending.RESET)
    assert await slow.receiveToEnd() == (b"", Ending.RESET)
    assert time.monotonic() - began >= 0.3
    unserved = await there.balanced.hear(ClientUnserved, 2)
    assert {event.reason for event in unserved} == {CloseReason.DIAL_TIMEOUT}


@pytest.mark.parametrize("said", [b"", LINE[:9]], ids=["nothing", "a part"])
@pytest_twisted.ensureDeferred
async def test_clientResets(bench: Bench, said: bytes) -> None:
    """A client that resets before its header is complete is gone at once."""
    there = await introduced(bench, dialTimeout=3600)
    client = there.connect()
    await client.send(said)
    await eventually(lambda: there.balanced.balancer.describe()["dialing"] == 1, "it is waited for")
    client.reset()
    assert (await there.unserved()).reason is CloseReason.CLIENT_RESET


@pytest_twisted.ensureDeferred
async def test_clientResetsDuringTheDial(bench: Bench) -> None:
    """One that resets behind its header, with data that nobody has read yet, has its dial cancelled at once."""
    hole = BlackHole()
    there = await introduced(bench, server=hole, dialTimeout=3600)
    client = there.connect()
    await client.send(LINE + b"hello")
    await eventually(lambda: hole.trying() == 1, "it is dialled for")
    client.reset()
    event = await there.unserved()
    assert (event.client, event.reason, hole.trying()) == (CLIENT, CloseReason.CLIENT_RESET, 0)


@pytest.mark.parametrize("said", [b"", b"hello"], ids=["nothing", "a word"])
@pytest_twisted.ensureDeferred
async def test_clientFinishesDuringTheDial(bench: Bench, said: bytes) -> None:
    """What a client says behind its header while it waits, and that this is all, gets to its backend; so does a FIN."""
    hole = BlackHole()
    there = await introduced(bench, server=hole)
    client = there.connect()
    await client.send(LINE)
    await eventually(lambda: hole.trying() == 1, "it is dialled for")
    await client.send(said)
    client.finish()
    await turns()
    hole.open()
    serving = await hole.accept()
    assert await serving.receiveToEnd() == (said, Ending.FIN)
    await serving.send(b"reply")
    assert await client.receive(5) == b"reply"
    serving.finish()
    closed = await there.balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (len(said), 5)


@pytest_twisted.ensureDeferred
async def test_clientSaysNothing(bench: Bench) -> None:
    """A connection that is closed without a word, as others' checks are, is closed in kind."""
    there = await introduced(bench)
    client = there.connect()
    client.finish()
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert (await there.unserved()).reason is CloseReason.CLIENT_CLOSED


@pytest_twisted.ensureDeferred
async def test_limit(bench: Bench) -> None:
    """Whoever has not introduced himself yet takes the room of a client."""
    there = await introduced(bench, maxConnections=1)
    first = there.connect()
    await eventually(lambda: there.balanced.balancer.describe()["dialing"] == 1, "it is waited for")
    assert (await there.connect().receiveToEnd())[0] == b""
    assert (await there.unserved()).reason is CloseReason.CLIENT_LIMIT
    await first.send(LINE + b"hello")
    serving = await there.server.accept()
    assert await serving.receive(5) == b"hello"


@pytest_twisted.ensureDeferred
async def test_stop(bench: Bench) -> None:
    """A stop does not wait for headers."""
    there = await introduced(bench, dialTimeout=3600)
    client = there.connect()
    await client.send(LINE[:9])
    await eventually(lambda: there.balanced.balancer.describe()["dialing"] == 1, "it is waited for")
    await there.balanced.service.stopService()
    assert (await client.receiveToEnd())[0] == b""
    assert (await there.unserved()).reason is CloseReason.STOPPING


@pytest_twisted.ensureDeferred
async def test_ownEndpoint(bench: Bench) -> None:
    """An application's own endpoint, wrapped as Twisted wraps them, is the same."""
    server = bench.add(Server())
    balanced = await bench.balance(endpoint=proxyEndpoint(serverFromString(reactor, LOOPBACK)))
    balanced.publish(a=backend(server))
    await bench.connect(balanced).send(BLOCK + b"hello")
    serving = await server.accept()
    assert await serving.receive(5) == b"hello"
    assert (await balanced.hearOne(PairOpened)).client == CLIENT
