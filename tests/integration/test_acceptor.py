"""How clients are accepted, whoever does it: Twisted's port, or for the kernel engine an acceptor in its place."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench, backend
from tests.integration.crowd import MANY, roomForMany
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Address, Peer, connect, familyOf, reactor
from tests.ipv6 import needIPv6
from tinylb import PairClosed, PairOpened


@pytest.fixture
def manyDescriptors() -> Iterator[None]:
    """See L{roomForMany}."""
    with roomForMany():
        yield


@pytest_twisted.ensureDeferred
async def test_port(bench: Bench, engine: str) -> None:
    """The reactor reads a port unless an acceptor does."""
    before = set(reactor.getReaders())
    await bench.balance()
    ports = [reader for reader in reactor.getReaders() if reader not in before and IListeningPort.providedBy(reader)]
    assert len(ports) == (engine == "stream")


@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix", "unix, named"])
@pytest_twisted.ensureDeferred
async def test_addresses(bench: Bench, tmp_path: Path, kind: str) -> None:
    """Events name clients as Twisted does."""
    if kind == "tcp6":
        needIPv6()
    server = bench.add(Server())
    descriptions = {"tcp": "tcp:0:interface=127.0.0.1", "tcp6": "tcp:0:interface=\\:\\:1"}
    listen = serverFromString(reactor, descriptions.get(kind, f"unix:{tmp_path}/listen"))
    balanced = await bench.balance(endpoint=listen)
    balanced.publish(a=backend(server))
    own = tmp_path / "own" if kind == "unix, named" else None
    _, client, serving = await bench.joinBy(balanced, server, bench.connect(balanced, own))
    opened = await balanced.hearOne(PairOpened)
    name = client.socket.getsockname()
    if isinstance(opened.client, UNIXAddress):
        # Twisted says of one without a name now that it is empty, and now that there is none.
        assert (opened.client.name or b"").decode() == name
    else:
        assert opened.client == (IPv6Address if kind == "tcp6" else IPv4Address)("TCP", *name)
    client.close()
    serving.close()
    assert (await balanced.hearOne(PairClosed)).client == opened.client


@pytest.mark.usefixtures("manyDescriptors")
@pytest_twisted.ensureDeferred
async def test_flood(bench: Bench) -> None:
    """Two thousand clients at once are all served, each by a connection of its own."""
    server = bench.add(Server(backlog=4096))
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    flood = bench.add(Flood(balanced.address, server))
    await gatherResults([deferToThread(flood.connect), deferToThread(flood.serve)])
    await balanced.hear(PairOpened, MANY)
    await deferToThread(flood.check)


class Flood:
    """Very many clients, and the other ends of their connections, in no order."""

    def __init__(self, address: Address, server: Server) -> None:
        self._address = address
        self._server = server
        self._clients: list[Peer] = []

    def connect(self) -> None:
        """Connect all of them, one after the other, as fast as they can."""
        for number in range(MANY):
            client = connect(self._address)
            self._clients.append(client)
            client.socket.sendall(b"%06d" % number)

    def serve(self) -> None:
        """Tell each what it said."""
        for _ in range(MANY):
            serving = self._server.acceptNow()
            serving.socket.sendall(serving.socket.recv(6, socket.MSG_WAITALL))

    def check(self) -> None:
        """See that each heard what it said."""
        for number, client in enumerate(self._clients):
            assert client.socket.recv(6, socket.MSG_WAITALL) == b"%06d" % number

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()


@pytest_twisted.ensureDeferred
async def test_again(bench: Bench) -> None:
    """A service that has been stopped may be started again, and accepts again; those who wait meanwhile are refused."""
    balanced = await bench.balance()
    balanced.publish(a=backend(bench.add(NamedServer("name"))))
    for _ in range(3):
        client = bench.connect(balanced)
        assert await client.receive(5) == b"name\n"
        address = balanced.address
        await balanced.service.stopService()
        with pytest.raises(ConnectionRefusedError):
            connect(address)
        balanced.service.startService()
        await balanced.service.whenListening()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
@pytest_twisted.ensureDeferred
async def test_adopted(bench: Bench, tmp_path: Path, family: socket.AddressFamily) -> None:
    """A socket that somebody else has bound, such as systemd, serves as well as one of our own."""
    name: Address = str(tmp_path / "listen")
    if family != socket.AF_UNIX:
        name = ("127.0.0.1" if family == socket.AF_INET else "::1", 0)
    with socket.socket(familyOf(name)) as bound:
        bound.bind(name)
        bound.listen()
        bound.setblocking(False)
        adopted = AdoptedStreamServerEndpoint(reactor, bound.detach(), family)
    balanced = await bench.balance(endpoint=adopted)
    balanced.publish(a=backend(bench.add(NamedServer("name"))))
    for _ in range(3):
        assert await bench.connect(balanced).receive(5) == b"name\n"
