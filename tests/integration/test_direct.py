"""Our own endpoint beside Twisted's, for which it stands in: how it connects, and all that can go wrong."""

from __future__ import annotations

import errno
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectingCancelledError,
    ConnectionRefusedError,
    DNSLookupError,
    NoProtocol,
    TimeoutError,
)
from twisted.internet.interfaces import IAddress

from tests.integration.servers import BlackHole, Refusing, Server
from tests.integration.sockets import Ending, eventually, reactor
from tests.integration.talkers import WAYS, Talker, Talkers, Way, leave, settled
from tests.ipv6 import needIPv6
from tests.unit.descriptors import noDescriptors

COMPLETE = pytest.mark.parametrize("way", ["twisted", "direct"], indirect=True)
SHORT = pytest.mark.parametrize("way", ["short"], indirect=True)


@pytest.mark.parametrize(("host", "kind"), [("127.0.0.1", IPv4Address), ("::1", IPv6Address)])
@pytest_twisted.ensureDeferred
async def test_connects(way: Way, host: str, kind: type[IPv4Address | IPv6Address]) -> None:
    """The factory is asked once, and told where it leads; its protocol is connected, and handed over."""
    server = Server(host)
    factory = Talkers()
    talker = await way.talk(way.to(server.address), factory)
    serving = await server.accept()
    assert factory.addresses == [talker.transport.getPeer()] == [kind("TCP", *server.socket.getsockname()[:2])]
    assert talker.transport.getHost() == kind("TCP", *serving.socket.getpeername()[:2])
    await leave(talker)
    assert await serving.receiveToEnd() == (b"", Ending.FIN)
    server.close()


@COMPLETE
@pytest_twisted.ensureDeferred
async def test_factorysLife(way: Way) -> None:
    """The factory is started before the connection, and stopped after it."""
    server = Server()
    factory = Talkers()
    connecting = way.connect(way.to(server.address), factory)
    assert factory.life == (1, 0)
    talker = await settled(connecting)
    assert isinstance(talker, Talker)
    assert factory.life == (1, 0)
    await leave(talker)
    assert factory.life == (1, 1)
    server.close()


@pytest_twisted.ensureDeferred
async def test_bindAddress(way: Way) -> None:
    """It connects from the address it is told to."""
    server = Server()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()
    talker = await way.talk(way.to(server.address, bindAddress=own))
    assert (await server.accept()).socket.getpeername() == own
    await leave(talker)
    server.close()


@pytest_twisted.ensureDeferred
async def test_refused(way: Way) -> None:
    """Where nobody listens it is refused."""
    refusing = Refusing()
    with pytest.raises(ConnectionRefusedError) as raised:
        await way.talk(way.to(refusing.address))
    assert raised.value.osError == errno.ECONNREFUSED
    refusing.close()


@pytest.mark.parametrize("host", ["255.255.255.255", "224.0.0.1", "fe80::1", "fe80::1%nowhere", "ff02::1"])
@SHORT
@pytest_twisted.ensureDeferred
async def test_impossible(way: Way, host: str) -> None:
    """What no machine can connect to, for whatever reason, fails in the same way as with Twisted's endpoint."""
    errors = []
    for each in (way, WAYS["twisted"]):
        with pytest.raises((ConnectError, OSError)) as raised:
            await each.talk(each.to(host, 9, timeout=1))
        errors.append((type(raised.value), str(raised.value)))
    assert errors[0] == errors[1]


@pytest_twisted.ensureDeferred
async def test_names(way: Way) -> None:
    """A name is looked up, which holds up nobody, and connected to; what is no name either is told so."""
    server = Server()
    talker = await way.talk(way.to("localhost", server.socket.getsockname()[1]))
    assert talker.transport.getPeer() == IPv4Address("TCP", *server.socket.getsockname())
    await leave(talker)
    server.close()
    with pytest.raises(DNSLookupError):
        await way.talk(way.to("999.1.1.1", 9))


@pytest_twisted.ensureDeferred
async def test_timeout(way: Way) -> None:
    """Where nobody answers the attempt ends when its time is over, and not before; nothing of it is left."""
    hole = BlackHole()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await way.talk(way.to(hole.address, timeout=0.3))
    assert 0.3 <= time.monotonic() - began < 5.3
    await eventually(lambda: hole.trying() == 0, "nobody tries any more")
    hole.close()


@pytest_twisted.ensureDeferred
async def test_cancelled(way: Way) -> None:
    """An attempt that is cancelled ends at once, and the connection that would have come is not made."""
    hole = BlackHole()
    factory = Talkers()
    connecting = way.connect(way.to(hole.address, timeout=None), factory)
    await eventually(lambda: hole.trying() == 1, "it is being tried")
    connecting.cancel()
    with pytest.raises(ConnectingCancelledError) as raised:
        await settled(connecting)
    assert raised.value.address == IPv4Address("TCP", *hole.address)
    await eventually(lambda: hole.trying() == 0, "nobody tries any more")
    assert factory.addresses == []
    hole.close()


@pytest_twisted.ensureDeferred
async def test_noDescriptors(way: Way) -> None:
    """Out of descriptors it fails as if it could not bind, as is told apart from what a server does."""
    server = Server()
    with noDescriptors():
        connecting = way.connect(way.to(server.address), Talkers())
    with pytest.raises(ConnectBindError) as raised:
        await settled(connecting)
    assert raised.value.osError == errno.EMFILE
    server.close()


@pytest_twisted.ensureDeferred
async def test_noProtocol(way: Way) -> None:
    """A connection for which the factory has no protocol is no good, and is closed."""

    class Declining(Talkers):
        def buildProtocol(self, addr: IAddress | None) -> Talker | None:
            return None

    server = Server()
    with pytest.raises(NoProtocol):
        await settled(way.connect(way.to(server.address), Declining()))
    assert (await (await server.accept()).receiveToEnd())[0] == b""
    server.close()


@pytest_twisted.ensureDeferred
async def test_failingFactory(way: Way) -> None:
    """What a factory raises is what the attempt fails with, and the connection is closed."""

    class Failing(Talkers):
        def buildProtocol(self, addr: IAddress | None) -> Talker | None:
            raise ZeroDivisionError

    server = Server()
    with pytest.raises(ZeroDivisionError):
        await settled(way.connect(way.to(server.address), Failing()))
    assert (await (await server.accept()).receiveToEnd())[0] == b""
    server.close()


@pytest.fixture
def scoped() -> Iterator[tuple[str, int]]:
    """A link-local address of this machine, with its scope, and a port of it on which nobody listens."""
    needIPv6()
    interfaces = Path("/proc/net/if_inet6")
    lines = [line.split() for line in interfaces.read_text().splitlines()] if interfaces.exists() else []
    with socket.socket(socket.AF_INET6) as refusing:
        for line in lines:
            host = ":".join(line[0][start : start + 4] for start in range(0, 32, 4))
            try:
                if host.startswith("fe80"):
                    refusing.bind((host, 0, 0, int(line[1], 16)))
                    yield f"{host}%{line[5]}", refusing.getsockname()[1]
                    return
            except OSError:
                pass  # not in use yet: the kernel asks first whether somebody else has it
    pytest.skip("this machine has no link-local address")


@pytest_twisted.ensureDeferred
async def test_scoped(way: Way, scoped: tuple[str, int]) -> None:
    """A literal with a scope leads there: nobody listens, but this machine says so."""
    with pytest.raises(ConnectionRefusedError):
        await way.talk(way.to(*scoped))


@SHORT
@pytest_twisted.ensureDeferred
async def test_ownPeer(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where nobody listens, but the kernel has chosen that very port for the socket, which is then connected to itself,
    the connection counts as refused.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()

    class Bound(socket.SocketType):
        def __init__(self, *arguments: int) -> None:
            super().__init__(*arguments)
            self.bind(address)

    monkeypatch.setattr(socket, "SocketType", Bound)
    factory = Talkers()
    with pytest.raises(ConnectionRefusedError):
        await settled(way.connect(way.to(address), factory))
    assert factory.addresses == []


@pytest.mark.skipif(sys.platform != "linux", reason="there is no other way")
@SHORT
@pytest_twisted.ensureDeferred
async def test_costsTheReactorNothing(way: Way) -> None:
    """However many attempts there are, the reactor has one reader for all of them, and no writers."""
    hole = BlackHole()
    before = {*reactor.getReaders(), *reactor.getWriters()}
    attempts = [way.connect(way.to(hole.address, timeout=None)) for _ in range(5)]
    await eventually(lambda: hole.trying() == 5, "all are being tried")
    assert len({*reactor.getReaders(), *reactor.getWriters()} - before) == 1
    for attempt in attempts:
        attempt.cancel()
        with pytest.raises(ConnectingCancelledError):
            await settled(attempt)
    hole.close()
