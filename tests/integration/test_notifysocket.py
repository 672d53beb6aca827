"""systemd's own end of its notifications, as a socket."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from tests.integration.bench import ENGINES, Bench
from tests.integration.sockets import eventually, reactor
from tests.notified import Manager
from tinylb.systemd import NotifySocket, SystemdNotifier, notifier

STUCK = 0.6
"""Seconds for which the event loop does not turn. Who watches expects to hear of it each third of that."""


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """With a socket of either kind, in turn."""
    abstract = f"@tinylb test {os.getpid()}"
    manager = Manager(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield manager
    manager.close()


@pytest.fixture
def channel(manager: Manager) -> Iterator[NotifySocket]:
    """Leads to the manager."""
    channel = NotifySocket(manager.name)
    yield channel
    channel.close()


def test_arrives(manager: Manager, channel: NotifySocket) -> None:
    """A message arrives as it is."""
    assert channel.send("READY=1\nSTATUS=größer") is None
    assert manager.hear() == "READY=1\nSTATUS=größer"


def test_full(manager: Manager, channel: NotifySocket) -> None:
    """Where systemd does not read, nobody waits for it; when it reads again it hears again."""
    sent = 0
    while (why := channel.send(f"STATUS={sent}")) is None:
        sent += 1
        assert sent < 100_000
    assert "unavailable" in why
    assert len(manager.hearAll()) == sent
    assert channel.send("STATUS=again") is None
    assert manager.hear() == "STATUS=again"


def test_comesBack(tmp_path: Path) -> None:
    """A socket that is gone is no error but a reason; one that is there again is found."""
    path = tmp_path / "notify"
    channel = NotifySocket(str(path))
    assert channel.send("READY=1") == "no such file or directory"
    for _ in range(2):
        manager = Manager(str(path))
        assert channel.send("READY=1") is None
        assert manager.hear() == "READY=1"
        manager.close()
        assert channel.send("READY=1") == "connection refused"
        path.unlink()
    channel.close()


@pytest.mark.parametrize("name", ["vsock:2:1234", "relative", "/" + "x" * 200, "@"])
def test_nonsense(name: str) -> None:
    """So is a name that leads nowhere."""
    channel = NotifySocket(name)
    assert channel.send("READY=1")
    channel.close()


def test_socket() -> None:
    """A child does not inherit the socket, and nothing can block on it."""
    channel = NotifySocket("@nobody")
    channel.send("READY=1")
    assert channel._socket is not None
    assert not channel._socket.get_inheritable()
    assert not channel._socket.getblocking()
    channel.close()


@pytest.fixture
def notifying() -> Iterator[list[SystemdNotifier]]:
    """Those that are put here are stopped."""
    started: list[SystemdNotifier] = []
    yield started
    for each in started:
        each.stopService()


@pytest.mark.parametrize("engine", list(ENGINES)[-1:])
@pytest_twisted.ensureDeferred
async def test_stuckLoop(bench: Bench, manager: Manager, notifying: list[SystemdNotifier]) -> None:
    """While the event loop turns the watchdog is fed in time; while it is stuck nobody feeds it."""
    balanced = await bench.balance()
    made = notifier(reactor, balanced.service, {**manager.environment, "WATCHDOG_USEC": str(int(STUCK / 3 * 1e6))})
    assert made is not None
    notifying.append(made)
    made.startService()
    heard: list[str] = []

    def beats() -> int:
        heard.extend(manager.hearAll())
        return sum("WATCHDOG=1" in message for message in heard)

    await eventually(lambda: beats() >= 3, "it is fed")
    fed = beats()
    time.sleep(STUCK)
    assert beats() == fed
    await deferLater(reactor, 0)
    await eventually(lambda: beats() >= fed + 3, "it is fed again")
    assert "READY=1" in "\n".join(heard)
