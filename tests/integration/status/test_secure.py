"""The status endpoint over TLS."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.endpoints import serverFromString

from tests.integration.bench import Bench
from tests.integration.sockets import Ending, Peer, eventually, reactor
from tests.integration.status.conftest import Show
from tests.integration.status.shown import Listener, Shown
from tests.integration.tls import secureClient, tlsListener
from tests.unit.statuscase import HEALTH, LISTEN, METRICS, LongMetrics, MemoryMetrics
from tinylb.status import channel


async def _connect(bench: Bench, shown: Shown, pem: Path, request: bytes) -> Peer:
    """A connection on which something was asked."""
    peer = bench.add(await secureClient(shown.connect(), pem))
    await peer.send(request)
    return peer


@pytest_twisted.ensureDeferred
async def test_asked(bench: Bench, show: Show, pem: Path) -> None:
    """It answers over TLS as it does without, and tells events."""
    shown = await show(serverFromString(reactor, tlsListener(pem)))
    peer = await _connect(bench, shown, pem, HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    data, _ = await peer.receiveToEnd()
    assert data.endswith(b"\r\n\r\nok\n")
    observers = len(shown.balanced.balancer.observers)
    listener = Listener(await _connect(bench, shown, pem, LISTEN))
    await eventually(lambda: len(shown.balanced.balancer.observers) > observers, "somebody listens")
    shown.balanced.publish()
    assert (await listener.hear("backends-replaced"))["removed"][0][0] == "a"


@pytest_twisted.ensureDeferred
async def test_stuckReader(bench: Bench, show: Show, pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not read is left there, too, and little is made for it meanwhile."""
    monkeypatch.setattr(channel, "STUCK", 1)
    made: list[None] = []
    shown = await show(
        serverFromString(reactor, tlsListener(pem)),
        metrics=LongMetrics(lambda: made.append(None), 10_000, b"x" * 16384),
    )
    peer = await _connect(bench, shown, pem, METRICS)
    await eventually(lambda: bool(peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)), "it is reset")
    assert len(made) < 1000


class _Endless(MemoryMetrics):
    """An answer that goes on for ever, with nothing in it."""

    def expose(self) -> Iterator[bytes]:
        """See L{Metrics <tinylb.status.paths.Metrics>}."""
        return repeat(b"")


@pytest_twisted.ensureDeferred
async def test_noRoom(bench: Bench, show: Show, pem: Path, log: list[str]) -> None:
    """Who finds no room is reset before it has said anything, and the log has nothing of it."""
    shown = await show(serverFromString(reactor, tlsListener(pem)), metrics=_Endless(), connections=1)
    busy = await _connect(bench, shown, pem, METRICS)
    assert await busy.receive(15) == b"HTTP/1.1 200 OK"
    for _ in range(3):
        assert await shown.connect().receiveToEnd() == (b"", Ending.RESET)
    assert [line for line in log if "Traceback" in line or "critical" in line] == []
