"""A stop that was asked for is clean, in the foreground and as a daemon."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.daemons import Daemon
from tests.program.peers import blackHole
from tests.program.processes import run, waitUntil
from tests.program.stage import LOOPBACK, NOISE, RUNNERS, Stage, Tinylb
from tinylb.signals import SAME_SIGNAL

AT_ONCE = 5.0
"""Seconds that "at once" may take a busy machine; what is waited for otherwise takes much longer."""

STOPS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("stop", STOPS)
def test_cleanStop(stage: Stage, runner: str, stop: signal.Signals) -> None:
    """SIGTERM and SIGINT end it with status 0, and nothing on standard error."""
    stage.servers("a")
    tinylb = stage.follow(runner=runner)
    assert stage.nameOf(tinylb) == "a"
    assert tinylb.stop(stop) == 0
    assert tinylb.count(f"{stop.name}: stopping") == 1
    assert tinylb.stderr == []


@pytest.mark.parametrize("stop", STOPS)
def test_secondSignal(stage: Stage, runner: str, stop: signal.Signals) -> None:
    """
    A second signal ends it at once and without a traceback, whatever is still going on, and says so; the status is 0
    all the same.
    """
    stage.servers("a")
    tinylb = stage.follow("--drain", "60", runner=runner)
    client = stage.client(tinylb)
    assert client.line() == "a"
    tinylb.signal(stop)
    tinylb.waitFor("stopping")
    waitUntil(lambda: isRefused(tinylb.address), "it listens no more")
    waitUntil(lambda: not tinylb.signal(stop), "it ends")
    assert tinylb.ended(AT_ONCE) == 0
    assert tinylb.stderr == []
    assert "Traceback" not in tinylb.output
    assert tinylb.count(f"{stop.name}: ending at once; 1 connection open") == 1
    assert client.ending() == "reset"


def test_closedOutput(stage: Stage) -> None:
    """So it does when whoever started it has closed standard output."""
    stage.servers("a")
    closed = ["sh", "-c", 'exec "$@" >&-', "sh"]
    tinylb = stage.follow("--drain", "60", runner=[*closed, sys.executable, "-m", "tinylb", "run"])
    client = stage.client(tinylb)
    assert client.line() == "a"
    hurry(tinylb)
    assert tinylb.ended(AT_ONCE) == 0
    assert client.ending() == "reset"


def test_statusSocket(stage: Stage) -> None:
    """A second signal leaves no file of the status endpoint's socket behind."""
    stage.servers("a")
    path = stage.folder / "status.sock"
    tinylb = stage.follow("--drain", "60", "--status", f"unix:{path}")
    client = stage.client(tinylb)
    assert client.line() == "a"
    assert path.is_socket()
    hurry(tinylb)
    assert tinylb.ended(AT_ONCE) == 0
    assert list(stage.folder.glob("status.sock*")) == []


def test_socketsOfAFailedStart(stage: Stage, runner: str) -> None:
    """Neither does a start that fails, as one of its endpoints cannot be listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        options = ("--listen", "unix:lb.sock", "--listen", listen, "--status", "unix:status.sock")
        failed = run([*RUNNERS[runner], *options, "--backend", "127.0.0.1:1"], stage.folder)
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == f"tinylb: --listen {listen}: address already in use"
    assert "Traceback" not in failed.stdout + failed.stderr
    assert list(stage.folder.glob("*.sock*")) == []


def test_drain(stage: Stage) -> None:
    """While it drains nobody new is let in, what is open may finish, and the end of the last connection is the end."""
    stage.servers("a")
    tinylb = stage.follow("--drain", "60")
    clients = [stage.client(tinylb) for _ in range(2)]
    assert [client.line() for client in clients] == ["a", "a"]
    tinylb.signal(signal.SIGTERM)
    tinylb.waitFor("SIGTERM: stopping; 2 connections open")
    waitUntil(lambda: isRefused(tinylb.address), "it listens no more")
    for client in clients:
        assert client.echoes(b"last words")
        client.finish()
        assert client.ending() == "closed"
    assert tinylb.ended(AT_ONCE) == 0


def test_drainIsOver(stage: Stage) -> None:
    """Connections that do not finish are reset on both sides after --drain seconds."""
    a = stage.servers("a")["a"]
    tinylb = stage.follow("--drain", "0.2")
    client = stage.client(tinylb)
    assert client.line() == "a"
    tinylb.signal(signal.SIGTERM)
    assert client.ending() == "reset"
    assert tinylb.ended(AT_ONCE) == 0
    waitUntil(lambda: not a.connections, "the backend's side is gone")


def test_stopCancelsDials(stage: Stage) -> None:
    """Who waits for a backend is not drained, but closed after a moment in which most find one."""
    with blackHole() as hole:
        waiting = dials(hole)
        tinylb = stage.balance("--backend", hole, "--dial-timeout", "60", "--drain", "60")
        client = stage.client(tinylb)
        waitUntil(lambda: dials(hole) > waiting, "it dials")
        tinylb.signal(signal.SIGTERM)
        assert client.ending() == "closed"
        assert tinylb.ended(AT_ONCE) == 0


@pytest.fixture
def daemon(stage: Stage) -> Iterator[Daemon]:
    """A daemon that balances over one server, a; connections may take a minute to finish."""
    arguments = ("--listen", LOOPBACK, "--backend", stage.server("a").target, "--drain", "60")
    daemon = Daemon(stage, *arguments)
    yield daemon
    daemon.close()


def test_daemon(stage: Stage, daemon: Daemon) -> None:
    """twistd comes back once tinylb listens. A signal to the pid in the file stops it, and the file is removed."""
    client = stage.client(daemon.address)
    assert daemon.started.stdout == daemon.started.stderr == ""
    assert client.line() == "a"
    client.close()
    os.kill(daemon.pid, signal.SIGTERM)
    waitUntil(lambda: not daemon.pidfile.exists(), "the pid file is removed")
    waitUntil(lambda: "Server Shut Down" in daemon.log, "it has ended")
    assert not NOISE.search(daemon.log)


def signalled(daemon: Daemon) -> bool:
    """Ask it to stop; whether it was still there."""
    try:
        os.kill(daemon.pid, signal.SIGTERM)
    except OSError:  # of the file, or of the process
        return daemon.pidfile.exists()
    return True


def test_daemonSecondSignal(stage: Stage, daemon: Daemon) -> None:
    """A daemon that a second signal ends removes its pid file, too: it can be started again."""
    client = stage.client(daemon.address)
    assert client.line() == "a"
    os.kill(daemon.pid, signal.SIGTERM)
    waitUntil(lambda: "1 connection" in daemon.log, "it stops")
    waitUntil(lambda: not signalled(daemon), "the pid file is removed")
    assert client.ending() == "reset"
    assert not NOISE.search(daemon.log)


def test_daemonCannotListen(stage: Stage) -> None:
    """A daemon that cannot listen says so before twistd comes back, with status 1; no pid file is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        daemon = Daemon(stage, "--listen", listen, "--backend", "127.0.0.1:7101")
    assert daemon.started.returncode == 1
    assert f"--listen {listen}: " in daemon.started.stderr
    assert "in use" in daemon.started.stderr
    waitUntil(lambda: not daemon.pidfile.exists(), "the pid file is gone, which comes after what is said")
    assert "Traceback" not in daemon.started.stderr + daemon.log


def test_daemonWrongUsage(stage: Stage) -> None:
    """Wrong usage is told as in the foreground: one line, and nothing has been started."""
    daemon = Daemon(stage, "--listen", LOOPBACK)
    assert daemon.started.returncode == 1
    assert len(daemon.started.stderr.splitlines()) == 1
    assert not daemon.pidfile.exists()


def hurry(tinylb: Tinylb) -> None:
    """Send it two signals that are not taken for one."""
    tinylb.signal(signal.SIGTERM)
    tinylb.waitFor("SIGTERM: stopping")
    told = time.monotonic()
    waitUntil(lambda: time.monotonic() > told + 2 * SAME_SIGNAL, "the next one is another one")
    tinylb.signal(signal.SIGTERM)


def isRefused(address: tuple[str, int]) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(address) != 0


def dials(target: str) -> int:
    """How many connections to a target wait for an answer: sockets in the state SYN-SENT."""
    port = int(target.rpartition(":")[2])
    return Path("/proc/net/tcp").read_text().count(f":{port:04X} 02 ")
