"""
Backends from the DNS. The program asks the servers of C{/etc/resolv.conf}, which cannot name a port: the test has a
name server at port 53 of a loopback address of its own, and the program sees a file of the test's in that place.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.nameserver import NameServer
from tests.program.processes import PATIENCE
from tests.program.stage import RUNNERS, Stage, Tinylb

CONFIGURATION = "/etc/resolv.conf"
PORT = 53

NAME = "api.tinylb.example"
NOBODY = "127.53.255.1"
"""Where the system's name server is at first: there is none."""

SERVICE = f"_https._tcp.{NAME}"

WITHIN = 4.0
"""
Seconds from a change in the DNS to the reset at a client: records hold for one, half a one is promised, and a busy
machine may take longer.
"""


def _mounted(file: Path, command: Sequence[str | Path]) -> list[str | Path]:
    """A command for which the file stands in the place of the system's; for all others nothing changes."""
    mounting = f'mount --bind "$0" {CONFIGURATION} && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mounting, file, *command]


def _whyNot(folder: Path) -> str | None:
    """Why this cannot be done here."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return "another resolv.conf needs root, and Linux's unshare and mount"
    file = folder / "try"
    file.touch()
    tried = subprocess.run(_mounted(file, ["true"]), capture_output=True, timeout=PATIENCE)
    if tried.returncode:
        return f"another resolv.conf cannot be mounted: {tried.stderr.decode()}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((Names.host, PORT))
        except OSError as error:
            return f"no name server can be at port {PORT}: {error}"
    return None


class Names:
    """A name server, when it is there, and tinylb as it sees it."""

    host = f"127.53.{random.randrange(1, 255)}.{random.randrange(1, 255)}"

    def __init__(self, stage: Stage) -> None:
        self.file = stage.folder / "resolv.conf"
        self.file.write_text(f"nameserver {NOBODY}\n")
        self._stage = stage
        self._stack = ExitStack()

    def configure(self) -> None:
        """From now on the system is set up to ask it."""
        self.file.write_text(f"nameserver {self.host}\n")

    def serve(self, *records: str) -> NameServer:
        """Start it."""
        server = self._stack.enter_context(closing(NameServer(self.host, PORT)))
        server.publish(*records)
        return server

    def balance(self, *arguments: str | Path) -> Tinylb:
        """Start tinylb."""
        return self._stage.balance(*arguments, runner=_mounted(self.file, RUNNERS["twistd"]))

    def close(self) -> None:
        """End the server."""
        self._stack.close()


@pytest.fixture
def names(stage: Stage) -> Iterator[Names]:
    """What is there for one test."""
    reason = _whyNot(stage.folder)
    if reason is not None:
        pytest.skip(reason)
    names = Names(stage)
    yield names
    names.close()


def servedBy(stage: Stage, tinylb: Tinylb, count: int) -> set[str]:
    """Who serves so many clients, one after the other."""
    return {stage.nameOf(tinylb) for _ in range(count)}


def test_host(stage: Stage, names: Names) -> None:
    """The addresses of a name serve; connections to one that has left are reset, the others go on."""
    a = stage.server("a", "127.0.0.1")
    b, c = stage.server("b", "127.0.0.2", a.port), stage.server("c", "::1", a.port)
    server = names.serve(f"{NAME} 1 A 127.0.0.1", f"{NAME} 1 A 127.0.0.2")
    names.configure()
    tinylb = names.balance("--dns", f"{NAME}:{a.port}")
    tinylb.waitForSet(1)
    clients = {client.line(): client for client in (stage.client(tinylb), stage.client(tinylb))}
    assert clients.keys() == {"a", "b"}
    server.publish(f"{NAME} 1 A 127.0.0.2", f"{NAME} 1 AAAA ::1")
    changed = time.monotonic()
    assert clients["a"].ending() == "reset"
    assert time.monotonic() - changed < WITHIN
    assert clients["b"].echoes(b"still here")
    assert servedBy(stage, tinylb, 4) == {b.name, c.name}


def test_service(stage: Stage, names: Names) -> None:
    """The servers of a service serve by their priority: the second best only while the best cannot."""
    best, second = stage.server("best"), stage.server("second")
    names.serve(
        f"{SERVICE} 1 SRV 10 1 {best.port} one.{NAME}",
        f"{SERVICE} 1 SRV 20 1 {second.port} two.{NAME}",
        f"one.{NAME} 1 A 127.0.0.1",
        f"two.{NAME} 1 A 127.0.0.1",
    )
    names.configure()
    tinylb = names.balance("--srv", SERVICE)
    tinylb.waitForSet(1)
    assert servedBy(stage, tinylb, 4) == {"best"}
    best.close()
    assert stage.nameOf(tinylb) == "second"


def test_beforeTheNetwork(stage: Stage, names: Names) -> None:
    """
    A node that boots before it has a name server says so once, is served by the fixed backend meanwhile, and by the
    name's addresses as soon as there is a server, without a restart. When that is gone again, they stay.
    """
    fixed = stage.server("fixed")
    found = stage.server("found", "127.0.0.2")
    trouble = rf"dns {NAME}:\d+: A and AAAA of {NAME}: {NOBODY} is not there \(connection refused\)"
    tinylb = names.balance("--dns", f"{NAME}:{found.port}", "--backend", fixed.target)
    tinylb.waitFor(f"{trouble}; nothing is known from it yet")
    assert servedBy(stage, tinylb, 2) == {"fixed"}
    names.configure()
    server = names.serve(f"{NAME} 1 A 127.0.0.2")
    tinylb.waitFor(f"dns {NAME}:{found.port} works again")
    assert tinylb.count(trouble) == 1
    assert servedBy(stage, tinylb, 3) == {"found"}
    server.publish()
    tinylb.waitFor(rf"{NAME} does not exist \(NXDOMAIN\); the last good set stays in force")
    server.close()
    tinylb.waitFor("connection refused.*; the last good set stays in force")
    assert servedBy(stage, tinylb, 3) == {"found"}


def test_stop(stage: Stage, names: Names) -> None:
    """A stop does not wait for a server that is silent, and nothing but what matters has been said."""
    server = names.serve(f"{NAME} 1 A 127.0.0.1")
    names.configure()
    tinylb = names.balance("--dns", f"{NAME}:443")
    tinylb.waitForSet(1)
    server.freeze()
    tinylb.waitFor(f"{names.host} does not answer")
    stopped = time.monotonic()
    assert tinylb.stop(SIGTERM) == 0
    assert time.monotonic() - stopped < PATIENCE / 4
    assert tinylb.count("UDP|Starting|Stopping") == 0
