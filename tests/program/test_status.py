"""The status endpoint of the program."""

from __future__ import annotations

import re
import signal
import socket
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.program.peers import Address, freePort, parseAddress
from tests.program.processes import waitUntil
from tests.program.stage import LOOPBACK, Stage, Tinylb

LISTEN = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"

onLinux = pytest.mark.skipif(sys.platform != "linux", reason="what a process uses is read as Linux tells it")


def statusOf(tinylb: Tinylb) -> Address:
    """Where its status endpoint is."""
    return parseAddress(tinylb.waitFor(r"Status at (.+)$")[1])


def ask(where: Address, path: str) -> tuple[int, bytes]:
    """The code and the body of what is there."""
    assert isinstance(where, tuple)
    connection = HTTPConnection(*where, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def megabytes(tinylb: Tinylb) -> float:
    """What of it is in RAM."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{tinylb.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def busySeconds(tinylb: Tinylb) -> float:
    """How long it has been at work."""
    return int(Path(f"/proc/{tinylb.pid}/schedstat").read_text().split()[0]) / 1e9


@onLinux
def test_idle(stage: Stage) -> None:
    """With the page and the metrics looked at, and somebody listening, it takes less than 60 MB and 0.5 % of a core."""
    stage.servers("a", "b", "c")
    tinylb = stage.follow("--status", LOOPBACK)
    where = statusOf(tinylb)
    for path in ("/", "/page.js", "/metrics", "/api/state", "/api/explain"):
        assert ask(where, path)[0] == 200
    listener = stage.client(where)
    listener.send(LISTEN)
    assert listener.line() == "HTTP/1.1 200 OK"
    begun, busy = time.monotonic(), busySeconds(tinylb)
    waitUntil(lambda: time.monotonic() - begun > 3, "a time over which its work is measured")
    assert (busySeconds(tinylb) - busy) / (time.monotonic() - begun) < 0.005
    assert megabytes(tinylb) < 60


def test_drain(stage: Stage) -> None:
    """While it drains the endpoint says that it is not ready, and why; whoever is connected there holds up nothing."""
    stage.servers("a")
    tinylb = stage.follow("--status", LOOPBACK, "--drain", "60")
    where = statusOf(tinylb)
    assert ask(where, "/readyz") == (200, b"ok\n")
    client = stage.client(tinylb)
    assert client.line() == "a"
    listener, idle = stage.client(where), stage.client(where)
    listener.send(LISTEN)
    tinylb.signal(signal.SIGTERM)
    waitUntil(lambda: ask(where, "/readyz")[0] == 503, "it is not ready any more")
    code, said = ask(where, "/readyz")
    assert (code, said.partition(b": ")[2]) == (503, b"stopping\n")
    client.close()
    assert tinylb.ended() == 0
    assert listener.ending() == idle.ending() == "reset"


def test_taken(stage: Stage) -> None:
    """Where it cannot be listened on the program ends with one line that says so, and listens nowhere else."""
    stage.servers("a")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        where = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        tinylb = stage.launch("--listen", LOOPBACK, "--backends-file", stage.file, "--status", where)
        assert tinylb.ended() == 1
    assert tinylb.stderr == [f"tinylb: --status {where}: address already in use"]
    assert "Listening on" not in tinylb.output


def test_loopback(stage: Stage) -> None:
    """A port alone is one of the loopback interface, where foreign names are refused."""
    stage.servers("a")
    port = freePort()
    tinylb = stage.follow("--status", f"tcp:{port}")
    assert statusOf(tinylb) == ("127.0.0.1", port)
    client = stage.client(("127.0.0.1", port))
    client.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert client.line() == "HTTP/1.1 421 Misdirected Request"
