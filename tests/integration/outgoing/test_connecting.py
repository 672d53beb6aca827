"""A balanced endpoint connects: to what there is, past what does not answer, and to nobody whom it should not."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest_twisted
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory

from tests.integration.bench import backend, backendsJSON
from tests.integration.outgoing.bench import EndpointBench, failureOf, isIdle
from tests.integration.servers import BlackHole, NamedServer, Refusing, Server
from tests.integration.sockets import Ending, eventually, reactor
from tests.integration.talkers import Talker, Talkers, leave, settled
from tests.integration.tls import secureServer, tlsBackend
from tinylb import BalancedEndpoint, EndpointBackend, FileProvider, TCPBackend
from tinylb.failures import DialError, DialTimeout

LONG = 60.0


async def talk(endpoint: BalancedEndpoint) -> Talker:
    """A connection that is there."""
    talker = await settled(endpoint.connect(Talkers()))
    assert isinstance(talker, Talker)
    return talker


async def nameOf(talker: Talker) -> str:
    """The name of the server that it has got."""
    await eventually(lambda: talker.heard.endswith(b"\n"), "it says its name")
    return talker.heard.decode().rstrip()


@pytest_twisted.ensureDeferred
async def test_turns(ends: EndpointBench) -> None:
    """Connections take turns, and talk to their servers; when they are closed nothing is held any more."""
    servers = {name: ends.add(NamedServer(name)) for name in ("a", "b")}
    endpoint = ends.endpoint()
    ends.publish(**{name: backend(server) for name, server in servers.items()})
    talkers = [await talk(endpoint) for _ in range(4)]
    assert [await nameOf(talker) for talker in talkers] == ["a", "b", "a", "b"]
    talkers[0].transport.write(b"echo\n")
    await eventually(lambda: talkers[0].heard == b"a\necho\n", "it echoes")
    for talker in talkers:
        await leave(talker)
    assert isIdle(endpoint)


@pytest_twisted.ensureDeferred
async def test_life(ends: EndpointBench) -> None:
    """The application's factory is started and stopped once, and asked once, for the address that was reached."""
    refusing, server = ends.add(Refusing()), ends.add(NamedServer("a"))
    endpoint = ends.endpoint()
    ends.publish(a=backend(refusing), b=backend(server))
    factory = Talkers()
    talker = await settled(endpoint.connect(factory))
    assert isinstance(talker, Talker)
    assert factory.life == (1, 0)
    assert factory.addresses == [talker.transport.getPeer()]
    await leave(talker)
    assert factory.life == (1, 1)


@pytest_twisted.ensureDeferred
async def test_halfClose(ends: EndpointBench) -> None:
    """A protocol that has finished hears the reply."""
    server = ends.add(Server())
    endpoint = ends.endpoint()
    ends.publish(a=backend(server))
    talker = await talk(endpoint)
    serving = await server.accept()
    talker.transport.write(b"request")
    talker.transport.loseWriteConnection()
    assert await serving.receiveToEnd() == (b"request", Ending.FIN)
    await serving.send(b"reply")
    serving.finish()
    await eventually(lambda: talker.ended, "the server has finished, too")
    assert talker.heard == b"reply"
    await leave(talker)


@pytest_twisted.ensureDeferred
async def test_name(ends: EndpointBench) -> None:
    """A backend may have a name."""
    server = ends.add(NamedServer("a"))
    endpoint = ends.endpoint()
    ends.publish(a=TCPBackend(reactor, "localhost", int(server.address[1])))
    assert await nameOf(await talk(endpoint)) == "a"


@pytest_twisted.ensureDeferred
async def test_unix(ends: EndpointBench, tmp_path: Path) -> None:
    """Backends may be UNIX sockets; one that nobody serves is passed over, and removal resets."""
    gone, server = ends.add(Server(tmp_path / "gone")), ends.add(Server(tmp_path / "there"))
    gone.close()
    endpoint = ends.endpoint()
    ends.publish(a=backend(gone), b=backend(server))
    talker = await talk(endpoint)
    serving = await server.accept()
    await serving.send(b"hello")
    await eventually(lambda: talker.heard == b"hello", "it hears the server")
    ends.publish(a=backend(gone))
    await eventually(lambda: talker.lost is not None, "it is lost")
    assert isinstance(await failureOf(endpoint.connect(Talkers())), ConnectError)


@pytest_twisted.ensureDeferred
async def test_tlsBackend(ends: EndpointBench, pem: Path) -> None:
    """A backend may be reached through TLS, of which the application sees nothing, but for the end."""
    server = ends.add(Server())
    endpoint = ends.endpoint()
    target = tlsBackend(server.address, pem)
    ends.publish(a=EndpointBackend(target, clientFromString(reactor, target)))
    talker = await talk(endpoint)
    serving = ends.add(await secureServer(await server.accept(), pem))
    await serving.send(b"hello")
    await eventually(lambda: talker.heard == b"hello", "it hears the server")
    ends.publish()
    await eventually(lambda: talker.lost is not None, "it is lost")


@pytest_twisted.ensureDeferred
async def test_blackHole(ends: EndpointBench) -> None:
    """A backend that does not answer costs the attempt delay, and is left when another one has answered."""
    hole, server = ends.add(BlackHole()), ends.add(NamedServer("b"))
    endpoint = ends.endpoint(attemptDelay=0.1)
    ends.publish(a=backend(hole), b=backend(server))
    started = time.monotonic()
    assert await nameOf(await talk(endpoint)) == "b"
    assert 0.1 <= time.monotonic() - started < 5.1
    assert hole.trying() == 0


@pytest_twisted.ensureDeferred
async def test_removedWhileDialling(ends: EndpointBench) -> None:
    """Removing a backend that does not answer frees whoever waits for it."""
    hole, server = ends.add(BlackHole()), ends.add(NamedServer("b"))
    endpoint = ends.endpoint(attemptDelay=LONG, dialTimeout=LONG)
    ends.publish(a=backend(hole))
    connecting = endpoint.connect(Talkers())
    await eventually(lambda: hole.trying() == 1, "it is tried")
    ends.publish(b=backend(server))
    talker = await settled(connecting)
    assert isinstance(talker, Talker)
    assert await nameOf(talker) == "b"
    assert hole.trying() == 0


@pytest_twisted.ensureDeferred
async def test_dialTimeout(ends: EndpointBench) -> None:
    """Who is answered by nobody learns of it at the deadline."""
    hole = ends.add(BlackHole())
    endpoint = ends.endpoint(dialTimeout=0.2)
    ends.publish(a=backend(hole))
    error = await failureOf(endpoint.connect(Talkers()))
    assert isinstance(error, DialTimeout)
    assert backend(hole).target in str(error)
    assert hole.trying() == 0


@pytest_twisted.ensureDeferred
async def test_cancel(ends: EndpointBench) -> None:
    """Cancelling leaves nothing, whatever is waited for."""
    hole = ends.add(BlackHole())
    endpoint = ends.endpoint(dialTimeout=LONG)
    waiting = endpoint.connect(Talkers())
    waiting.cancel()
    assert isinstance(await failureOf(waiting), CancelledError)
    assert isIdle(endpoint)
    ends.publish(a=backend(hole))
    dialling = endpoint.connect(Talkers())
    await eventually(lambda: hole.trying() == 1, "it is tried")
    dialling.cancel()
    assert isinstance(await failureOf(dialling), CancelledError)
    assert (isIdle(endpoint), hole.trying()) == (True, 0)


@pytest_twisted.ensureDeferred
async def test_nobody(ends: EndpointBench) -> None:
    """Every backend's trouble is told."""
    first, second = ends.add(Refusing()), ends.add(Refusing())
    endpoint = ends.endpoint()
    ends.publish(a=backend(first), b=backend(second))
    error = await failureOf(endpoint.connect(Talkers()))
    assert isinstance(error, DialError)
    assert str(error) == "; ".join(
        f"{id} ({backend(each).target}): connection refused" for id, each in (("a", first), ("b", second))
    )


@pytest_twisted.ensureDeferred
async def test_file(ends: EndpointBench, tmp_path: Path) -> None:
    """Over a backends file, which is watched while there is a connection; its change ends that in half a second."""
    servers = ends.add(NamedServer("a")), ends.add(NamedServer("b"))
    path, draft = tmp_path / "backends.json", tmp_path / "draft"
    path.write_text(backendsJSON(a=servers[0]))
    endpoint = ends.endpoint(FileProvider(reactor, str(path)))
    talker = await talk(endpoint)
    assert await nameOf(talker) == "a"
    draft.write_text(backendsJSON(b=servers[1]))
    os.rename(draft, path)
    await eventually(lambda: talker.lost is not None, "it is lost", within=0.5)
    talker = await talk(endpoint)
    assert await nameOf(talker) == "b"
    await leave(talker)
    assert isIdle(endpoint)
    path.write_text(backendsJSON(a=servers[0]))
    assert await nameOf(await talk(endpoint)) == "a"
    path.write_text(backendsJSON())


class Rash(Talker):
    """Does something in the moment that its connection is made."""

    def connectionMade(self) -> None:
        """See L{Talker.connectionMade}."""
        assert isinstance(self.factory, RashOnes)
        self.factory.made.append(self)
        self.factory.act()


class RashOnes(Factory):
    """Their factory."""

    noisy = False
    protocol = Rash

    def __init__(self) -> None:
        self.made: list[Rash] = []

    def act(self) -> None:
        """What they do."""


@pytest_twisted.ensureDeferred
async def test_removedInConnectionMade(ends: EndpointBench) -> None:
    """A protocol by whose connection its target leaves the set is reset, and another connection takes its place."""
    servers = ends.add(NamedServer("a")), ends.add(NamedServer("b"))
    endpoint = ends.endpoint()
    ends.publish(a=backend(servers[0]), b=backend(servers[1]))
    rash = RashOnes()
    rash.act = lambda: ends.publish(b=backend(servers[1]))  # type: ignore[method-assign]
    talker = await settled(endpoint.connect(rash))
    assert isinstance(talker, Talker)
    assert await nameOf(talker) == "b"
    first, second = rash.made
    assert second is talker
    await eventually(lambda: first.lost is not None, "the first one is lost")
    assert endpoint.describe()["connections"] == 1
    assert endpoint.describe()["provider"]["error"] is None


@pytest_twisted.ensureDeferred
async def test_cancelledInConnectionMade(ends: EndpointBench) -> None:
    """One that wants its connection no longer in that moment is reset."""
    server = ends.add(NamedServer("a"))
    endpoint = ends.endpoint()
    ends.publish(a=backend(server))
    rash = RashOnes()
    connecting = endpoint.connect(rash)
    rash.act = connecting.cancel  # type: ignore[method-assign]
    assert isinstance(await failureOf(connecting), CancelledError)
    (first,) = rash.made
    await eventually(lambda: first.lost is not None, "it is lost")
    assert (isIdle(endpoint), rash.numPorts) == (True, 0)


@pytest_twisted.ensureDeferred
async def test_raisesInConnectionMade(ends: EndpointBench) -> None:
    """One that raises in that moment fails connecting with that, at once, and the backend is as good as before."""
    server = ends.add(NamedServer("a"))
    endpoint = ends.endpoint(dialTimeout=LONG)
    ends.publish(a=backend(server))
    rash = RashOnes()
    rash.act = lambda: 1 / 0  # type: ignore[method-assign,assignment]
    assert isinstance(await failureOf(endpoint.connect(rash)), ZeroDivisionError)
    (first,) = rash.made
    await eventually(lambda: first.lost is not None, "it is lost")
    assert endpoint.describe()["backends"][0]["state"] == "ready"
