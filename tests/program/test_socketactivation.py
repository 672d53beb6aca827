"""A listening socket that outlives the program, as systemd keeps one: a restart refuses nobody."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.program.peers import Address, Client
from tests.program.processes import waitUntil
from tests.program.stage import RUNNERS, Stage, Tinylb
from tests.program.test_wrongusage import refusal

CLIENTS = 6
"""So many at once, each with a new connection again and again."""
RESTARTS = 4
LEAST_SERVED = 50
"""Clients between two restarts, on a slow machine."""

# What systemd does between fork and exec: the sockets come third, and the environment speaks of the process itself.
ACTIVATE = """
import os, sys
descriptor, name, *command = sys.argv[1:]
os.dup2(int(descriptor), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=name)
os.execv(command[0], command)
"""


class Unit:
    """
    A socket unit: it keeps a listening socket, and starts tinylb with it.

    @ivar address: where clients connect.
    """

    def __init__(self, stage: Stage, where: Address, listen: str, *arguments: str) -> None:
        self._stage = stage
        self._arguments = ("--listen", listen, *arguments)
        self.socket = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.socket.bind(where)
        self.socket.listen(4096)
        self.address: Address = self.socket.getsockname()

    def start(self, runner: str = "twistd") -> Tinylb:
        """Start the service. It listens when this returns."""
        descriptor = self.socket.fileno()
        activate = [sys.executable, "-c", ACTIVATE, str(descriptor), "tinylb", *RUNNERS[runner]]
        tinylb = self._stage.launch(*self._arguments, runner=activate, inherits=[descriptor])
        tinylb.listening()
        return tinylb

    def close(self) -> None:
        """Listen no more."""
        self.socket.close()


@pytest.fixture(params=["INET:index=0", "INET:name=tinylb", "UNIX:name=tinylb"])
def unit(request: pytest.FixtureRequest, stage: Stage, tmp_path: Path) -> Iterator[Unit]:
    """One over two backends, by each kind of socket and each way to name it."""
    where: Address = str(tmp_path / "listen") if request.param.startswith("UNIX") else ("127.0.0.1", 0)
    backends = [f"--backend={stage.server(name).target}" for name in "ab"]
    with closing(Unit(stage, where, f"systemd:domain={request.param}", *backends)) as unit:
        yield unit


class Load:
    """
    Clients in threads: each connects, is greeted, asks, is answered, and begins again.

    @ivar served: how many had all they wanted.
    @ivar failures: what happened to the others.
    """

    def __init__(self, address: Address) -> None:
        self.served = 0
        self.failures: list[str] = []
        self._address = address
        self._isOver = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def waitForMore(self, count: int) -> None:
        """Wait until so many more are served."""
        enough = self.served + count
        waitUntil(lambda: self.served >= enough or self.failures, f"{count} more clients are served")

    def close(self) -> None:
        """No more clients; those that there are get their answers first."""
        self._isOver.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        question = f"question {number}".encode()
        while not self._isOver.is_set():
            try:
                with closing(Client(self._address)) as client:
                    greeting = client.line()
                    answer = client.echoes(question)
            except (OSError, AssertionError) as error:
                self._done(repr(error))
            else:
                self._done(
                    "" if greeting in ("a", "b") and answer else f"greeted with {greeting!r}, answered: {answer}"
                )

    def _done(self, failure: str) -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
            else:
                self.served += 1


def test_restartRefusesNobody(unit: Unit) -> None:
    """Through several restarts under a load of new connections every client is served, and none fails."""
    tinylb = unit.start()
    with closing(Load(unit.address)) as load:
        for _ in range(RESTARTS):
            load.waitForMore(LEAST_SERVED)
            assert tinylb.stop(SIGTERM) == 0
            tinylb = unit.start()
        load.waitForMore(LEAST_SERVED)
    assert load.failures == []


def test_everyRunner(stage: Stage, runner: str) -> None:
    """Either of Twisted's runners takes the socket; a client that was there before the program is served."""
    backend = f"--backend={stage.server('a').target}"
    with closing(Unit(stage, ("127.0.0.1", 0), "systemd:domain=INET:index=0", backend)) as unit:
        early = stage.client(unit.address)
        tinylb = unit.start(runner)
        assert early.line() == "a"
        early.close()
        assert tinylb.stop() == 0


def test_withoutSystemd(stage: Stage) -> None:
    """Without a socket to inherit it does not start, and says what is missing."""
    line = refusal(stage, "--listen", "systemd:domain=INET:index=0", "--backend", "127.0.0.1:7101", runners=["twistd"])
    assert line.startswith("--listen systemd:domain=INET:index=0: ")
    assert "socket unit" in line
