"""What a new set does to connections, what it leaves alone, and what is written about it."""

from __future__ import annotations

from itertools import repeat

import pytest_twisted

from tests.integration.bench import Balanced, Bench, backend
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, Peer, reactor
from tinylb import ClientUnserved, CloseReason, PairClosed, TCPBackend


async def echoes(client: Peer) -> bool:
    """Whether a named server answers still."""
    await client.send(b"still there?")
    return await client.receive(12) == b"still there?"


@pytest_twisted.ensureDeferred
async def test_noSet(bench: Bench) -> None:
    """Before the first set a client is accepted, and closed at once."""
    balanced = await bench.balance()
    assert await bench.connect(balanced).receiveToEnd() == (b"", Ending.FIN)
    assert (await balanced.hearOne(ClientUnserved)).reason is CloseReason.NO_BACKENDS


@pytest_twisted.ensureDeferred
async def test_emptySet(bench: Bench) -> None:
    """With an empty set a client is accepted, and closed at once, whatever it has sent."""
    balanced = await bench.balance()
    balanced.publish()
    client = bench.connect(balanced)
    assert (await client.receiveToEnd())[0] == b""
    assert (await balanced.hearOne(ClientUnserved)).reason is CloseReason.NO_BACKENDS


@pytest_twisted.ensureDeferred
async def test_anotherTarget(bench: Bench) -> None:
    """The same id with another target: the old connections end, new ones go to the new target."""
    old, new = bench.add(NamedServer("old")), bench.add(NamedServer("new"))
    balanced = await bench.balance()
    balanced.publish(a=backend(old))
    client = bench.connect(balanced)
    assert await client.receive(4) == b"old\n"
    balanced.publish(a=backend(new))
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert await bench.connect(balanced).receive(4) == b"new\n"


@pytest_twisted.ensureDeferred
async def test_whatChangesNothing(bench: Bench) -> None:
    """Another id for a target, one of its ids removed, the same set again: no connection ends."""
    server = bench.add(NamedServer("name"))
    balanced = await bench.balance()
    balanced.publish(a=backend(server), b=backend(server))
    client = bench.connect(balanced)
    assert await client.receive(5) == b"name\n"
    balanced.publish(b=backend(server))
    assert await echoes(client)
    balanced.publish(c=backend(server))
    assert await echoes(client)
    balanced.publish(c=backend(server))
    assert await echoes(client)
    assert not balanced.told(PairClosed)


@pytest_twisted.ensureDeferred
async def test_endedConnectionsAreCounted(bench: Bench, log: list[str]) -> None:
    """The log tells exactly how many connections ended with a target, and nothing where none did (row 10)."""
    server, idle = bench.add(NamedServer("name")), bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    clients = [bench.connect(balanced) for _ in range(4)]
    for client in clients:
        assert await client.receive(5) == b"name\n"
    clients[0].close()
    await balanced.hear(PairClosed)
    balanced.publish(a=backend(server), b=backend(idle))
    balanced.publish(a=backend(server))
    balanced.publish()
    removals = [line for line in log if line.startswith("Target")]
    assert len(removals) == 1
    assert backend(server).target in removals[0]
    assert "3 connections" in removals[0]


@pytest_twisted.ensureDeferred
async def test_whatChangedIsLogged(bench: Bench, log: list[str]) -> None:
    """A new set is logged by what it changes, and not at all when it is the same one again (row 22)."""
    first, second = bench.add(Server()), bench.add(Server())
    a, b = backend(first), backend(second)
    balanced = await bench.balance()
    balanced.publish(a=a, b=b)
    balanced.publish(a=a, b=b)
    balanced.publish(a=b, b=b)
    balanced.publish(a=b)
    added, moved, removed = (line for line in log if line.startswith("Backend set"))
    assert "added" in added
    assert f"a={a.target}" in added
    assert f"b={b.target}" in added
    assert "moved a" in moved
    assert a.target in moved
    assert b.target in moved
    assert f"b={b.target}" not in moved
    assert f"removed b={b.target}" in removed
    assert "a=" not in removed


@pytest_twisted.ensureDeferred
async def test_targetIsReadOnce(bench: Bench) -> None:
    """A backend whose target is changed after it was published is filed under the one it had (row 11)."""
    server = bench.add(NamedServer("name"))
    mutable = backend(server)
    target = mutable.target
    balanced = await bench.balance()
    balanced.publish(a=mutable)
    mutable.target = "192.0.2.1:1"
    client = bench.connect(balanced)
    assert await client.receive(5) == b"name\n"
    balanced.publish(b=backend(bench.add(Server())))
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert (await balanced.hearOne(PairClosed)).target == target


@pytest_twisted.ensureDeferred
async def test_ownAddress(bench: Bench, log: list[str]) -> None:
    """A balancer leaves its own address out of a set, and says so: it would connect to itself for ever."""
    server = bench.add(NamedServer("name"))
    balanced = await bench.balance()
    assert isinstance(balanced.address, tuple)
    balanced.publish(a=TCPBackend(reactor, *balanced.address), b=backend(server))
    for _ in range(3):
        assert await bench.connect(balanced).receive(5) == b"name\n"
    assert list(balanced.balancer.backends) == ["b"]
    assert any("a" in line and "own address" in line for line in log)


async def _servedBy(bench: Bench, balanced: Balanced) -> str:
    """The name of the server that a new client gets."""
    client = bench.connect(balanced)
    name = await client.receive(2)
    client.close()
    return name.decode().rstrip()


@pytest_twisted.ensureDeferred
async def test_nobodyStarves(bench: Bench) -> None:
    """With {a, b} and {b} in turn, a has its turn whenever it is there (row 20)."""
    a, b = backend(bench.add(NamedServer("a"))), backend(bench.add(NamedServer("b")))
    balanced = await bench.balance()
    served = []
    for _ in range(4):
        balanced.publish(a=a, b=b)
        served.append(await _servedBy(bench, balanced))
        balanced.publish(b=b)
        served.append(await _servedBy(bench, balanced))
    assert served == ["a", "b"] * 4


@pytest_twisted.ensureDeferred
async def test_clientsThatArriveTogether(bench: Bench) -> None:
    """Clients that arrive together go to different backends (row 20)."""
    servers = {name: bench.add(NamedServer(name)) for name in "abc"}
    balanced = await bench.balance()
    balanced.publish(**{name: backend(server) for name, server in servers.items()})
    clients = [bench.connect(balanced) for _ in range(6)]
    assert [await client.receive(2) for client in clients] == [b"a\n", b"b\n", b"c\n"] * 2


@pytest_twisted.ensureDeferred
async def test_randomStart(bench: Bench) -> None:
    """Where a balancer begins is up to chance, which can be given (row 21)."""
    backends = {name: backend(bench.add(NamedServer(name))) for name in "abc"}
    first = []
    for chance in (0.1, 0.5, 0.9):
        balanced = await bench.balance(random=repeat(chance).__next__)
        balanced.publish(**backends)
        first.append(await _servedBy(bench, balanced))
    assert first == ["a", "b", "c"]
