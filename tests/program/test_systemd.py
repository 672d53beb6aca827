"""What systemd hears of the program."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.notified import Manager
from tests.program.stage import Stage


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """One that expects to hear of it at least every two seconds."""
    with closing(Manager(str(tmp_path / "notify"), watchdog=2)) as manager:
        yield manager


def test_life(stage: Stage, runner: str, manager: Manager) -> None:
    """It is ready once it listens, tells the set as it changes, and that it stops; it shows that it is alive."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow("--drain", "60", runner=runner, environment=manager.environment)
    manager.waitFor("READY=1")
    assert stage.nameOf(tinylb) in servers
    manager.waitFor("WATCHDOG=1")
    stage.write({"b": servers["b"]})
    manager.waitFor("STATUS=1 backend: 1 ready; 0 connections")
    client = stage.client(tinylb)
    assert client.line() == "b"
    tinylb.signal(signal.SIGTERM)
    manager.waitFor("STATUS=stopping; 1 connection open")
    for _ in range(2):
        manager.waitFor("WATCHDOG=1")
    assert client.echoes(b"still here")
    client.close()
    assert tinylb.ended() == 0


def test_stopping(stage: Stage, manager: Manager) -> None:
    """A stop is told at its beginning."""
    tinylb = stage.balance("--backend", stage.server("a").target, environment=manager.environment)
    manager.waitFor("STATUS=1 backend: 1 ready; 0 connections")
    assert tinylb.stop() == 0
    manager.waitFor("STOPPING=1")


def test_nobodyListens(stage: Stage) -> None:
    """Where nobody listens it serves all the same, and says so once."""
    tinylb = stage.balance(
        "--backend", stage.server("a").target, environment={"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "400000"}
    )
    tinylb.waitFor("systemd cannot be told how tinylb is doing: no such file or directory")
    assert stage.nameOf(tinylb) == "a"
    assert tinylb.stop() == 0
    assert tinylb.count("systemd cannot be told") == 1
