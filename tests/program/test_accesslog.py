"""The access log agrees with what clients did."""

from __future__ import annotations

import json
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.program.accessfile import KEYS, RUNS, AccessFile, addressOf, linesOf, reset
from tests.program.daemons import Daemon
from tests.program.processes import waitUntil
from tests.program.stage import LOOPBACK, Stage, Tinylb
from tinylb.accesslog import AT_ONCE
from tinylb.signals import SAME_SIGNAL


@pytest.fixture(params=RUNS)
def command(request: pytest.FixtureRequest) -> Sequence[str | Path]:
    """Each way to run it in turn."""
    return RUNS[request.param]


@pytest.fixture
def file(tmp_path: Path) -> AccessFile:
    """Where the log is to be."""
    return AccessFile(tmp_path / "access.log")


def test_agrees(stage: Stage, command: Sequence[str | Path], file: AccessFile) -> None:
    """
    Each client has a line of its own: who it was, where it came to and went, what it moved, how long it was there, and
    how it ended.
    """
    a, b = stage.server("a"), stage.server("b")
    stage.write({"a": a})
    tinylb = stage.follow("--access-log", file.path, "--drain", "0.2", runner=command)
    began, clock = time.monotonic(), time.time()
    said = {
        "client-closed": b"x" * 100_000,
        "half-closed": b"y" * 1000,
        "client-reset": b"z" * 10,
        "target-removed": b"",
    }
    clients = {name: stage.client(tinylb) for name in said}
    for name, client in clients.items():
        assert client.line() == "a"
        assert client.echoes(said[name])
    connected = time.monotonic()
    names = {addressOf(client): name for name, client in clients.items()}
    clients["half-closed"].finish()
    assert clients["half-closed"].ending() == "closed"
    lasted = time.monotonic() - connected
    clients["client-closed"].close()
    reset(clients["client-reset"])
    file.lines(3)
    stage.write({"b": b})
    assert clients["target-removed"].ending() == "reset"
    clients["stopping"] = stage.client(tinylb)
    assert clients["stopping"].line() == "b"
    names[addressOf(clients["stopping"])] = "stopping"
    said["stopping"] = b""
    assert tinylb.stop() == 0
    took = time.monotonic() - began
    told = {names.pop(line["client"]): line for line in file.lines(5)}
    for name, line in told.items():
        backend = b if name == "stopping" else a
        assert line["reason"] == ("client-closed" if name == "half-closed" else name)
        assert (line["backend"], line["target"], line["attempts"]) == (backend.name, backend.target, 1)
        assert line["listener"] == f"{tinylb.address[0]}:{tinylb.address[1]}"
        assert (line["bytesIn"], line["bytesOut"]) == (len(said[name]), len(said[name]) + len(b"a\n"))
        assert 0 < line["dialSeconds"] < took
        assert 0 < line["duration"] < took
        start = datetime.fromisoformat(line["start"])
        assert start.utcoffset() == timedelta(0)
        assert clock - 1 <= start.timestamp() <= time.time() + 1  # it may have been set a little meanwhile
    assert told["client-closed"]["duration"] >= lasted


def test_unserved(stage: Stage, file: AccessFile) -> None:
    """A client that gets no backend has made no connection, and has no line; attempts before one that worked count."""
    with socket.socket() as refusing:  # it is bound, so that nobody else is there, and does not listen
        refusing.bind(("127.0.0.1", 0))
        a, b = "127.0.0.1:{1}".format(*refusing.getsockname()), stage.server("b").target
        tinylb = stage.balance("--backend", f"a={a}", "--backend", f"b={b}", "--access-log", file.path)
        for _ in range(2):
            assert stage.nameOf(tinylb) == "b"
        assert tinylb.stop() == 0
    assert sorted(line["attempts"] for line in file.lines(2)) in ([1, 1], [1, 2])


def test_stop(stage: Stage, command: Sequence[str | Path], file: AccessFile) -> None:
    """When the process has ended every connection is in the file, once, also those that only the stop has ended."""
    stage.servers("a")
    tinylb = stage.follow("--access-log", file.path, "--drain", "60", runner=command)
    clients = [stage.client(tinylb) for _ in range(200)]
    assert all(client.line() == "a" for client in clients)
    tinylb.signal(signal.SIGTERM)
    tinylb.waitFor("stopping; 200 connections open")
    addresses = {addressOf(client) for client in clients}
    for client in clients[:80]:
        client.finish()
    file.lines(80)
    signalAgain(tinylb, signal.SIGTERM)
    assert tinylb.ended() == 0
    lines = linesOf(file.path)
    assert len(lines) == 200
    assert {line["client"] for line in lines} == addresses
    assert Counter(line["reason"] for line in lines) == {"client-closed": 80, "stopping": 120}
    assert "dropped" not in tinylb.output


def test_secondSignal(stage: Stage, file: AccessFile) -> None:
    """Also connections that a second signal ends are in the file, more of them than are written at a time."""
    count = AT_ONCE + 100
    if 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * count + 100:
        pytest.skip(f"{2 * count + 100} descriptors are needed")
    with socket.create_server(("127.0.0.1", 0), backlog=count) as server:
        host, port = server.getsockname()
        tinylb = stage.balance("--backend", f"{host}:{port}", "--access-log", file.path, "--drain", "60")
        for _ in range(count):
            stage.client(tinylb)
        waitUntil(lambda: established(port) >= count, "all are connected")
        tinylb.signal(signal.SIGTERM)
        tinylb.waitFor(f"stopping; {count} connections open")
        signalAgain(tinylb, signal.SIGINT)
        assert tinylb.ended() == 0
    assert [line["reason"] for line in linesOf(file.path)] == ["stopping"] * count


def signalAgain(tinylb: Tinylb, number: signal.Signals) -> None:
    """A second signal, so much later than the first that it does not count as the same one."""
    now = time.monotonic()
    waitUntil(lambda: time.monotonic() > now + 2 * SAME_SIGNAL, "the next one is another one")
    tinylb.signal(number)


def established(port: int) -> int:
    """How many connections there are to a port of this machine, as their clients see it."""
    return Path("/proc/net/tcp").read_text().count(f":{port:04X} 01 ")


def test_standardOutput(stage: Stage) -> None:
    """On standard output each line is one of its own among those of the program's log."""
    stage.servers("a")
    tinylb = stage.follow("--access-log", "-", runner=RUNS["tinylb"])
    for _ in range(3):
        assert stage.nameOf(tinylb) == "a"
    tinylb.waitFor(r'^\{"start": ', count=3)
    assert tinylb.stop() == 0
    assert [list(json.loads(line)) for line in tinylb.stdout] == [KEYS] * 3


def test_daemon(stage: Stage) -> None:
    """A relative path is taken from where the daemon was started, also after the file was moved away."""
    (stage.folder / "run").mkdir()
    arguments = ("--listen", LOOPBACK, "--backend", stage.server("a").target, "--access-log", "access.log")
    with closing(Daemon(stage, *arguments, runner=["--rundir=run"])) as daemon:
        file = AccessFile(stage.folder / "access.log")
        for name in ("moved", "moved again"):
            client = stage.client(daemon.address)
            assert client.line() == "a"
            client.close()
            file.lines(1)
            file.path.rename(stage.folder / name)
