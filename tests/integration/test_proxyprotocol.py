"""Backends that hear, before anything else, for whom a connection is made, on real sockets."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, clientFromString, serverFromString
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamServerEndpoint

from tests.integration.bench import Balanced, Bench, isRelayedByTheKernel
from tests.integration.servers import BlackHole, Server
from tests.integration.sockets import Address, Ending, Peer, connect, eventually, reactor
from tests.integration.tls import secureServer, tlsBackend
from tests.integration.traffic import MUCH
from tests.ipv6 import needIPv6
from tinylb import CloseReason, EndpointBackend, PairClosed, PairOpened, TCPBackend
from tinylb.ends import End

SIGNATURE = bytes.fromhex("0D0A0D0A000D0A515549540A")
LISTENERS = {
    "IPv4": r"tcp:0:interface=127.0.0.1",
    "IPv6": r"tcp:0:interface=\:\:1",
    "mapped": r"tcp:0:interface=\:\:ffff\:127.0.0.1",
    "UNIX": "unix:{folder}/listen",
}
VERSIONS = ["v1", "v2"]


def announced(server: Server, version: str) -> EndpointBackend:
    """A backend that leads to a server, and wants a header."""
    if isinstance(server.address, str):
        endpoint = UNIXClientEndpoint(reactor, server.address)
        return EndpointBackend(server.address, endpoint, proxyProtocol=version)
    return TCPBackend(reactor, *server.address, proxyProtocol=version)


def listener(kind: str, folder: Path) -> IStreamServerEndpoint:
    """One of L{LISTENERS}."""
    if kind in ("IPv6", "mapped"):
        needIPv6()
    if kind == "mapped" and isIPv6Alone():
        pytest.skip("this machine maps no IPv4 addresses")
    endpoint: IStreamServerEndpoint = serverFromString(reactor, LISTENERS[kind].format(folder=folder))
    return endpoint


def isIPv6Alone() -> bool:
    """Whether sockets of IPv6 are for nothing else, unless they ask for it; see ipv6(7)."""
    setting = Path("/proc/sys/net/ipv6/bindv6only")
    return setting.exists() and setting.read_text().strip() == "1"


def line(client: Address, there: Address) -> bytes:
    """The header of version 1 for a client that has connected there."""
    if isinstance(client, str) or isinstance(there, str):
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if ":" in client[0] else "TCP4"
    return f"PROXY {family} {client[0]} {there[0]} {client[1]} {there[1]}\r\n".encode()


def block(client: Address, there: Address) -> bytes:
    """The header of version 2 for the same."""
    if isinstance(client, str) or isinstance(there, str):
        names = [str(name).encode().ljust(108, b"\0") for name in (client, there)]
        return SIGNATURE + bytes.fromhex("21 31 00D8") + b"".join(names)
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    hosts = [socket.inet_pton(family, host) for host, _ in (client, there)]
    ports = [port.to_bytes(2, "big") for _, port in (client, there)]
    kind = bytes.fromhex("21 21 0024" if ":" in client[0] else "21 11 000C")
    return SIGNATURE + kind + b"".join(hosts + ports)


HEADERS = {"v1": line, "v2": block}


class Announced:
    """A balancer over one server, which hears who connects."""

    def __init__(self, bench: Bench, balanced: Balanced, server: Server, version: str) -> None:
        self._bench = bench
        self._version = version
        self.balanced = balanced
        self.server = server

    def connect(self, own: Path | None = None) -> tuple[Peer, bytes]:
        """A client, and the header that its backend has to hear."""
        address: Any = self.balanced.address
        if not isinstance(address, str) and address[0].startswith("::ffff:"):
            address = ("127.0.0.1", address[1])
        client = self._bench.add(connect(address, own))
        return client, HEADERS[self._version](client.address, address)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Each version in turn."""
    found: str = request.param
    return found


async def announce(bench: Bench, version: str, kind: str, folder: Path, server: Server | None = None) -> Announced:
    """A balancer that listens so."""
    server = bench.add(server or Server())
    balanced = await bench.balance(endpoint=listener(kind, folder))
    balanced.publish(a=announced(server, version))
    return Announced(bench, balanced, server, version)


@pytest.mark.parametrize("target", ["127.0.0.1", "::1", "UNIX"])
@pytest.mark.parametrize("kind", LISTENERS)
@pytest_twisted.ensureDeferred
async def test_exact(bench: Bench, engine: str, version: str, tmp_path: Path, kind: str, target: str) -> None:
    """
    Whatever the client comes by, and wherever its backend is: the backend hears the client's address and the one that
    it has connected to, byte for byte, then exactly what the client says; both engines count that alone.
    """
    server = Server(tmp_path / "backend" if target == "UNIX" else target)
    there = await announce(bench, version, kind, tmp_path, server)
    client, header = there.connect(tmp_path / "client" if kind == "UNIX" else None)
    serving = await server.accept()
    sending = client.send(MUCH)
    assert await serving.receive(len(header)) == header
    assert await serving.receive(len(MUCH)) == MUCH
    await sending
    assert isRelayedByTheKernel() == (engine == "kernel")
    replying = serving.send(MUCH)
    assert await client.receive(len(MUCH)) == MUCH
    await replying
    client.finish()
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    serving.finish()
    closed = await there.balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (len(MUCH), len(MUCH))
    assert closed.reason is CloseReason.CLIENT_CLOSED


@pytest_twisted.ensureDeferred
async def test_unnamed(bench: Bench, tmp_path: Path) -> None:
    """A client of a UNIX socket that has no name of its own is one whose name is empty."""
    there = await announce(bench, "v2", "UNIX", tmp_path)
    _, header = there.connect()
    assert header[16:124] == bytes(108)
    serving = await there.server.accept()
    assert await serving.receive(len(header)) == header


@pytest_twisted.ensureDeferred
async def test_silentClient(bench: Bench, version: str, tmp_path: Path) -> None:
    """The header comes at once, though the client says nothing: its backend is the one to speak first."""
    there = await announce(bench, version, "IPv4", tmp_path)
    client, header = there.connect()
    serving = await there.server.accept()
    assert await serving.receive(len(header)) == header
    await serving.send(b"220 welcome")
    assert await client.receive(11) == b"220 welcome"
    assert serving.takeWhatIsThere() == b""


@pytest_twisted.ensureDeferred
async def test_impatientBackend(bench: Bench, version: str, tmp_path: Path) -> None:
    """A backend that speaks before it has heard anything is heard, and hears the header all the same."""
    there = await announce(bench, version, "IPv4", tmp_path)
    client, header = there.connect()
    serving = await there.server.accept()
    await serving.send(b"220 welcome")
    assert await client.receive(11) == b"220 welcome"
    await client.send(b"hello")
    assert await serving.receive(len(header) + 5) == header + b"hello"


class Slow(EndpointBackend):
    """A backend of somebody's own, which is slow to say that there is a connection: its server has spoken by then."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        end = await super().connect(factory)
        assert isinstance(end, End)
        await eventually(lambda: end.count > 0, "the server has spoken")
        return end


@pytest.mark.parametrize("wanted", [None, "v1"])
@pytest_twisted.ensureDeferred
async def test_spokenBefore(bench: Bench, engine: str, wanted: str | None) -> None:
    """What a backend has said before the connection is known is the first that the client hears, and counts."""
    server = bench.add(Server())
    balanced = await bench.balance()
    assert isinstance(server.address, tuple)
    endpoint = TCP4ClientEndpoint(reactor, *server.address)
    balanced.publish(a=Slow("slow", endpoint, proxyProtocol=wanted))
    client = bench.connect(balanced)
    serving = await server.accept()
    await serving.send(b"220 welcome, ")
    await balanced.hear(PairOpened)
    assert isRelayedByTheKernel() == (engine == "kernel")
    await serving.send(b"go on")
    assert await client.receive(18) == b"220 welcome, go on"
    await client.send(b"hello")
    header = b"" if wanted is None else line(client.address, balanced.address)
    assert await serving.receive(len(header) + 5) == header + b"hello"
    serving.finish()
    client.finish()
    closed = await balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (5, 18)


@pytest_twisted.ensureDeferred
async def test_halfClosedAtOnce(bench: Bench, version: str, tmp_path: Path) -> None:
    """A client that half-closes as soon as it is connected is announced, and gets its reply."""
    there = await announce(bench, version, "IPv4", tmp_path)
    client, header = there.connect()
    client.finish()
    serving = await there.server.accept()
    assert await serving.receiveToEnd() == (header, Ending.FIN)
    await serving.send(b"reply")
    serving.finish()
    assert await client.receiveToEnd() == (b"reply", Ending.FIN)
    assert (await there.balanced.hearOne(PairClosed)).bytesIn == 0


@pytest_twisted.ensureDeferred
async def test_winnerOnly(bench: Bench, tmp_path: Path) -> None:
    """Where a second attempt is faster, the first backend, should it answer later, hears nothing of the client."""
    hole, server = bench.add(BlackHole()), bench.add(Server())
    balanced = await bench.balance(attemptDelay=0.05)
    balanced.publish(a=announced(hole, "v1"), b=announced(server, "v2"))
    client = bench.connect(balanced)
    serving = await server.accept()
    header = block(client.address, balanced.address)
    await client.send(b"hello")
    assert await serving.receive(len(header) + 5) == header + b"hello"
    await balanced.hearOne(PairOpened)
    assert hole.trying() == 0


@pytest_twisted.ensureDeferred
async def test_withinTLS(bench: Bench, version: str, pem: Path) -> None:
    """Through an endpoint that speaks TLS the header comes as the first thing within it."""
    server = bench.add(Server())
    balanced = await bench.balance()
    target = tlsBackend(server.address, pem)
    balanced.publish(a=EndpointBackend(target, clientFromString(reactor, target), proxyProtocol=version))
    client = bench.connect(balanced)
    serving = bench.add(await secureServer(await server.accept(), pem))
    header = HEADERS[version](client.address, balanced.address)
    await client.send(b"hello")
    assert await serving.receive(len(header) + 5) == header + b"hello"


@pytest_twisted.ensureDeferred
async def test_backendRefusesIt(bench: Bench, version: str, tmp_path: Path) -> None:
    """A backend that takes the header for nonsense and resets ends its client, as with anything else it dislikes."""
    there = await announce(bench, version, "IPv4", tmp_path)
    client, header = there.connect()
    serving = await there.server.accept()
    assert await serving.receive(len(header)) == header
    serving.reset()
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert (await there.balanced.hearOne(PairClosed)).reason is CloseReason.BACKEND_RESET
