"""Listening sockets that somebody else keeps, as systemd does, are left to him as they were."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, TCP4ServerEndpoint

from tests.integration.bench import Bench, backend, isRelayedByTheKernel
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import PATIENCE, Address, Peer, connect, familyOf, nameOf, reactor
from tinylb import CannotListen
from tinylb.inherited import WAITING_ROOM, InheritedEndpoint, inherited

WAITING = 100
"""Clients of a restart. Where Twisted makes the queue it has 50 places."""


class Keeper:
    """Somebody who has made a listening socket, and keeps it."""

    def __init__(self, where: Address) -> None:
        self.socket = socket.socket(familyOf(where))
        self.socket.bind(where)
        self.socket.listen(WAITING_ROOM)
        self.address = nameOf(self.socket)

    def endpoint(self) -> InheritedEndpoint:
        """What a process listens on that inherits the socket."""
        own = os.dup(self.socket.fileno())
        endpoint = inherited(AdoptedStreamServerEndpoint(reactor, own, self.socket.family))
        assert isinstance(endpoint, InheritedEndpoint)
        return endpoint

    def accept(self) -> Peer:
        """A client that nobody else has accepted."""
        self.socket.settimeout(PATIENCE)
        return Peer(self.socket.accept()[0])


@pytest.fixture(params=["tcp", "tcp6", "unix"])
def keeper(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeper]:
    """One of each kind, in turn."""
    where: dict[str, Address] = {"tcp": ("127.0.0.1", 0), "tcp6": ("::1", 0), "unix": str(tmp_path / "listen")}
    keeper = Keeper(where[request.param])
    yield keeper
    keeper.socket.close()


@pytest_twisted.ensureDeferred
async def test_serves(bench: Bench, engine: str, keeper: Keeper) -> None:
    """It serves as a socket of our own does, on either engine."""
    _, client, serving = await bench.join(Server(), keeper.endpoint())
    assert isRelayedByTheKernel() == (engine == "kernel")
    await client.send(b"question")
    assert await serving.receive(8) == b"question"


@pytest_twisted.ensureDeferred
async def test_restarts(bench: Bench, keeper: Keeper) -> None:
    """Who comes between two processes waits, and is served by the second; so it is again and again."""
    server = bench.add(NamedServer("name"))
    for _ in range(3):
        waiting = [bench.add(connect(keeper.address)) for _ in range(WAITING)]
        balanced = await bench.balance(endpoint=keeper.endpoint())
        balanced.publish(a=backend(server))
        for client in waiting:
            assert await client.receive(5) == b"name\n"
            client.close()
        await balanced.service.stopService()


@pytest_twisted.ensureDeferred
async def test_isLeftBehind(bench: Bench, keeper: Keeper) -> None:
    """When it is listened on no more, its keeper can go on with it."""
    balanced = await bench.balance(endpoint=keeper.endpoint())
    await balanced.service.stopService()
    bench.add(connect(keeper.address))
    bench.add(keeper.accept())


@pytest_twisted.ensureDeferred
async def test_file(bench: Bench, tmp_path: Path) -> None:
    """The file of a UNIX socket keeps the mode that it has, and stays."""
    path = tmp_path / "listen"
    keeper = Keeper(str(path))
    bench.add(keeper.socket)
    path.chmod(0o640)
    balanced = await bench.balance(endpoint=keeper.endpoint())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert balanced.address == str(path)
    await balanced.service.stopService()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest_twisted.ensureDeferred
async def test_once(bench: Bench, keeper: Keeper) -> None:
    """A descriptor can be listened on once."""
    endpoint = keeper.endpoint()
    await bench.balance(endpoint=endpoint)
    with pytest.raises(CannotListen, match="once"):
        await bench.balance(endpoint=endpoint)


@pytest_twisted.ensureDeferred
async def test_startedAgain(bench: Bench, keeper: Keeper) -> None:
    """Nor can it by a second start of a service; whatever has its number by then is left alone."""
    own = os.dup(keeper.socket.fileno())
    balanced = await bench.balance(endpoint=AdoptedStreamServerEndpoint(reactor, own, keeper.socket.family))
    await balanced.service.stopService()
    os.dup2(keeper.socket.fileno(), own)
    with pytest.raises(CannotListen, match="once"):
        balanced.service.startService()
    os.close(own)


LISTENING = "a STREAM socket that listens"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ((socket.AF_INET, socket.SOCK_DGRAM), f"a DGRAM socket; expected: {LISTENING}"),
        ((socket.AF_INET, socket.SOCK_STREAM), f"a STREAM socket that does not listen; expected: {LISTENING}"),
        (None, f"no socket; expected: {LISTENING}"),
    ],
    ids=["datagrams", "not-listening", "file"],
)
@pytest_twisted.ensureDeferred
async def test_wrongSocket(bench: Bench, kind: tuple[int, int] | None, expected: str) -> None:
    """What nobody can be accepted from is not listened on: one line says what it is. It is left alone."""
    with open(os.devnull, "rb") if kind is None else socket.socket(*kind) as wrong:
        endpoint = InheritedEndpoint(reactor, wrong.fileno(), socket.AF_INET)
        for _ in range(2):
            with pytest.raises(CannotListen) as raised:
                await bench.balance(endpoint=endpoint)
            assert str(raised.value) == f"cannot listen: descriptor {wrong.fileno()} is {expected}"
        os.fstat(wrong.fileno())


@pytest_twisted.ensureDeferred
async def test_wrongDomain(bench: Bench, keeper: Keeper) -> None:
    """The same goes for a socket of another domain than the description has."""
    descriptor = keeper.socket.fileno()
    families = {socket.AF_INET: "INET", socket.AF_INET6: "INET6", socket.AF_UNIX: "UNIX"}
    own = families.pop(socket.AddressFamily(keeper.socket.family))
    for family, name in families.items():
        with pytest.raises(CannotListen, match=f"descriptor {descriptor} is of domain {own}, not {name}$"):
            await bench.balance(endpoint=InheritedEndpoint(reactor, descriptor, family))
    bench.add(connect(keeper.address))
    bench.add(keeper.accept())


@pytest_twisted.ensureDeferred
async def test_notOpen(bench: Bench) -> None:
    """So it does for a descriptor that nobody has opened."""
    descriptor = os.dup(0)
    os.close(descriptor)
    with pytest.raises(CannotListen, match=f"descriptor {descriptor} is not open; expected: {LISTENING}"):
        await bench.balance(endpoint=InheritedEndpoint(reactor, descriptor, socket.AF_INET))


def test_others() -> None:
    """Other endpoints are left alone."""
    endpoint = TCP4ServerEndpoint(reactor, 0)
    assert inherited(endpoint) is endpoint
