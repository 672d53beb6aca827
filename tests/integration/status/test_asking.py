"""The status endpoint, asked by real clients over real sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, UNIXServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.tcp import Server
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench, backend
from tests.integration.servers import NamedServer
from tests.integration.sockets import Ending, eventually, reactor
from tests.integration.status.conftest import Show
from tests.ipv6 import needIPv6
from tests.unit.statuscase import HEALTH, LISTEN, FixedMetrics
from tinylb.status.channel import Channel

MUCH = bytes(range(256)) * 4096


@pytest.mark.parametrize("kind", ["tcp", "tcp6", "unix"])
@pytest_twisted.ensureDeferred
async def test_everything(show: Show, tmp_path: Path, kind: str) -> None:
    """All there is to see is seen over TCP, IPv6 and a UNIX socket, by one request after another on a connection."""
    if kind == "tcp6":
        needIPv6()
    endpoints: dict[str, IStreamServerEndpoint] = {
        "tcp": TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"),
        "tcp6": TCP6ServerEndpoint(reactor, 0, interface="::1"),
        "unix": UNIXServerEndpoint(reactor, str(tmp_path / "status.sock")),
    }
    shown = await show(endpoints[kind], metrics=FixedMetrics(b"a 1\n", b"b 2\n"))
    asker = shown.asker()
    for path, beginning in (
        ("/", b"<!doctype html>"),
        ("/healthz", b"ok\n"),
        ("/readyz", b"ok\n"),
        ("/metrics", b"a 1\nb 2\n"),
        ("/api/state", b'{"ready":true,'),
        ("/api/explain", b'[{"time":'),
    ):
        reply = await deferToThread(asker.ask, path)
        assert (reply.code, reply.body[: len(beginning)]) == (200, beginning), path


@pytest_twisted.ensureDeferred
async def test_state(bench: Bench, show: Show) -> None:
    """The state counts what went through the balancer."""
    shown = await show()
    client = bench.connect(shown.balanced)
    assert await client.receive(5) == b"name\n"
    await client.send(b"hello")
    assert await client.receive(5) == b"hello"
    (described,) = json.loads((await shown.ask("/api/state")).body)["backends"]
    assert (described["connections"], described["bytesIn"], described["bytesOut"]) == (1, 5, 10)


@pytest_twisted.ensureDeferred
async def test_events(bench: Bench, show: Show) -> None:
    """Who listens hears within a moment what becomes of clients, and that a backend was removed."""
    shown = await show()
    listener = await shown.listen()
    client = bench.connect(shown.balanced)
    opened = await listener.hear("pair-opened")
    assert opened["client"] == "{}:{}".format(*client.address)
    shown.balanced.publish(b=backend(bench.add(NamedServer("b"))))
    replaced = await listener.hear("backends-replaced")
    assert [id for id, _ in replaced["removed"]] == ["a"]
    assert (await listener.hear("pair-closed"))["reason"] == "target-removed"


@pytest_twisted.ensureDeferred
async def test_listenerGone(show: Show) -> None:
    """When a listener has closed or reset its connection nothing is observed any more."""
    shown = await show()
    observers = shown.balanced.balancer.observers
    before = list(observers)
    for leave in ("close", "reset"):
        listener = await shown.listen()
        getattr(listener.peer, leave)()
        await eventually(lambda: list(observers) == before, f"after a {leave} nobody observes")


@pytest_twisted.ensureDeferred
async def test_muchToRead(show: Show) -> None:
    """An answer of megabytes comes whole to who reads slowly, also when the connection ends behind it."""
    shown = await show(metrics=FixedMetrics(*[MUCH] * 5))
    for request in (b"GET /metrics HTTP/1.0\r\n\r\n", b"GET /metrics HTTP/1.0\r\nHost: [::1]:80\r\n\r\n"):
        data, ending = await shown.say(request).receiveToEnd()
        assert data.partition(b"\r\n\r\n")[2] == MUCH * 5
        assert ending is Ending.FIN


@pytest_twisted.ensureDeferred
async def test_halfClose(show: Show) -> None:
    """Who asks and sends its FIN at once, as netcat does, gets the answer, and a FIN."""
    shown = await show()
    for _ in range(20):
        peer = shown.say(HEALTH)
        peer.finish()
        data, ending = await peer.receiveToEnd()
        assert data.endswith(b"\r\n\r\nok\n")
        assert ending is Ending.FIN


@pytest_twisted.ensureDeferred
async def test_stop(show: Show) -> None:
    """At its end nobody is waited for, whatever they do."""
    shown = await show(metrics=FixedMetrics(*[MUCH] * 50))
    peers = [shown.connect(), shown.say(HEALTH), shown.say(LISTEN), shown.say(b"GET /metrics HTTP/1.0\r\n\r\n")]
    await shown.listen()
    await shown.stop()
    for peer in peers:
        assert (await peer.receiveToEnd())[1] is Ending.RESET


@pytest_twisted.ensureDeferred
async def test_stopLast(show: Show) -> None:
    """When it ends after the balancer, nothing of either is left in the reactor."""
    readers = set(reactor.getReaders())
    shown = await show()
    assert (await shown.ask("/readyz")).code == 200
    shown.connect()
    ended: list[None] = []
    shown.balanced.service.stopService().addCallback(ended.append)
    await eventually(lambda: bool(ended), "the balancer has ended")
    assert (await shown.ask("/readyz")).code == 503
    await shown.stop()
    assert set(reactor.getReaders()) <= readers


@pytest_twisted.ensureDeferred
async def test_keepalive(show: Show) -> None:
    """Peers that vanish are found by the kernel, so that nobody who listens is told things for ever."""
    shown = await show()
    await shown.listen()
    (transport,) = [
        each for each in reactor.getReaders() if isinstance(each, Server) and isinstance(each.protocol, Channel)
    ]
    assert transport.getTcpKeepAlive()


@pytest_twisted.ensureDeferred
async def test_foreignHost(show: Show) -> None:
    """A request under a foreign name is refused on the loopback interface, and taken over a UNIX socket."""
    shown = await show()
    assert (await shown.ask("/api/state", headers={"Host": "evil.example:9090"})).code == 421
    assert (await shown.ask("/api/state", headers={"Host": "127.0.0.1:9090"})).code == 200
