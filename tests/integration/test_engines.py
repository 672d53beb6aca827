"""Which engine relays what: the kernel engine all plain sockets, the stream engine everything else, and both well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, clientFromString, serverFromString
from twisted.internet.threads import deferToThread
from twisted.protocols.policies import WrappingFactory

from tests.integration.bench import Bench, addressOf, isRelayedByTheKernel
from tests.integration.crowd import waitUntilReset
from tests.integration.servers import Server
from tests.integration.sockets import Address, Peer, connect, eventually, reactor
from tests.integration.tls import secureClient, secureServer, tlsBackend, tlsListener
from tests.integration.traffic import MUCH
from tests.ipv6 import needIPv6
from tinylb import BackendSet, CloseReason, EndpointBackend, PairClosed, PairOpened, TCPBackend
from tinylb.interfaces import IBackend

HEADER = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 6443\r\n"


class Files:
    """What listeners and backends need files for. Only those that speak TLS need what is needed for that."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self.folder = folder
        self._request = request

    @property
    def pem(self) -> Path:
        """See the fixture of this name."""
        path: Path = self._request.getfixturevalue("pem")
        return path


def _literal(address: Any, files: Files) -> IBackend:
    return TCPBackend(reactor, *address)


def _named(address: Any, files: Files) -> IBackend:
    return TCPBackend(reactor, "localhost", address[1])


def _twisted(address: Any, files: Files) -> IBackend:
    return EndpointBackend("twisted", TCP4ClientEndpoint(reactor, *address))


def _unix(address: Any, files: Files) -> IBackend:
    return EndpointBackend("unix", UNIXClientEndpoint(reactor, address))


def _tls(address: Any, files: Files) -> IBackend:
    target = tlsBackend(address, files.pem)
    return EndpointBackend(target, clientFromString(reactor, target))


def _tcp6Listener(files: Files) -> str:
    needIPv6()
    return "tcp:0:interface=\\:\\:1"


LISTENERS: dict[str, Callable[[Files], str]] = {
    "tcp": lambda files: "tcp:0:interface=127.0.0.1",
    "tcp6": _tcp6Listener,
    "unix": lambda files: f"unix:{files.folder}/listen",
    "tls": lambda files: tlsListener(files.pem),
    "haproxy": lambda files: "haproxy:tcp:0:interface=127.0.0.1",
}
"""The descriptions of endpoints."""

BACKENDS: dict[str, Callable[[Address, Files], IBackend]] = {
    "literal": _literal,
    "literal6": _literal,
    "named": _named,
    "twisted": _twisted,
    "unix": _unix,
    "tls": _tls,
}

NOT_PLAIN = {"tls"}


@pytest.fixture
def files(tmp_path: Path, request: pytest.FixtureRequest) -> Files:
    """See L{Files}."""
    return Files(tmp_path, request)


def _serverFor(kind: str, files: Files) -> Server:
    if kind == "unix":
        return Server(files.folder / "backend")
    return Server("::1" if kind == "literal6" else "127.0.0.1")


async def _exchange(one: Peer, other: Peer) -> None:
    """Each hears all that the other says: much, then a word, then much again."""
    for data in (MUCH, b"word", MUCH):
        for speaker, listener in ((one, other), (other, one)):
            saying = speaker.send(data)
            assert await listener.receive(len(data)) == data
            await saying


@pytest.mark.parametrize("backendKind", BACKENDS)
@pytest.mark.parametrize("listenerKind", LISTENERS)
@pytest_twisted.ensureDeferred
async def test_combinations(bench: Bench, engine: str, files: Files, listenerKind: str, backendKind: str) -> None:
    """
    Whatever a client comes by, and whatever leads to its backend, each hears the other, every byte is counted, and both
    are reset when the target goes. The kernel relays where both are plain sockets, and nowhere else.
    """
    server = bench.add(_serverFor(backendKind, files))
    balanced = await bench.balance(endpoint=serverFromString(reactor, LISTENERS[listenerKind](files)))
    balanced.publish(a=BACKENDS[backendKind](server.address, files))
    client = bench.connect(balanced)
    if listenerKind == "haproxy":
        await client.send(HEADER)
    shakingHands = secureClient(client, files.pem) if listenerKind == "tls" else None
    serving = await server.accept()
    if backendKind == "tls":
        serving = bench.add(await secureServer(serving, files.pem))
    if shakingHands is not None:
        client = bench.add(await shakingHands)

    await balanced.hear(PairOpened)
    await _exchange(client, serving)
    isPlain = not {listenerKind, backendKind} & NOT_PLAIN
    assert isRelayedByTheKernel() == (engine == "kernel" and isPlain)

    balanced.publish()
    closed = await balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (2 * len(MUCH) + 4,) * 2
    assert closed.reason is CloseReason.TARGET_REMOVED
    await deferToThread(_waitUntilEnded, client, serving)


def _waitUntilEnded(*peers: Peer) -> None:
    """UNIX sockets know no reset of who has read everything."""
    for peer in peers:
        if isinstance(peer.socket.getsockname(), str):
            assert peer.socket.recv(1) == b""
        else:
            waitUntilReset([peer])


@pytest.mark.parametrize("isAccepting", [False, True], ids=["port", "acceptor"])
@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
@pytest_twisted.ensureDeferred
async def test_plainFactory(bench: Bench, engine: str, files: Files, kind: str, isAccepting: bool) -> None:
    """
    A balancer may be listened with like any factory: the kernel relays what Twisted's own ports accept, too. Asked to,
    it accepts in the port's place.
    """
    server = bench.add(_serverFor("literal", files))
    balancer, events = bench.balancer()
    balancer.replaceBackends(BackendSet({"a": _literal(server.address, files)}))
    port = await serverFromString(reactor, LISTENERS[kind](files)).listen(balancer)
    acceptor = balancer.accept(port) if isAccepting else None
    assert (acceptor is not None) == (isAccepting and engine == "kernel")
    client = bench.add(connect(addressOf(port.getHost())))
    serving = await server.accept()
    await _exchange(client, serving)
    assert isRelayedByTheKernel() == (engine == "kernel")
    client.finish()
    serving.finish()
    await eventually(lambda: isinstance(events[-1], PairClosed), "the pair has ended")
    if acceptor is not None:
        acceptor.stop()
    await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_wrapped(bench: Bench, files: Files) -> None:
    """A balancer that is wrapped in another factory serves its clients through that, by the stream engine."""
    server = bench.add(_serverFor("literal", files))
    balancer, events = bench.balancer()
    balancer.replaceBackends(BackendSet({"a": _literal(server.address, files)}))
    wrapper = WrappingFactory(balancer)
    port = await serverFromString(reactor, LISTENERS["tcp"](files)).listen(wrapper)
    assert balancer.accept(port) is None
    client = bench.add(connect(addressOf(port.getHost())))
    serving = await server.accept()
    await _exchange(client, serving)
    assert not isRelayedByTheKernel()
    assert len(wrapper.protocols) == 1
    client.finish()
    serving.finish()
    await eventually(lambda: isinstance(events[-1], PairClosed), "the pair has ended")
    await port.stopListening()
