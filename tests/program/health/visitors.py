"""Clients that ask web servers for their names through tinylb: curl, wrk, and one whose connection stays open."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.program.peers import Client
from tests.program.processes import run
from tests.program.stage import Stage, Tinylb

needsCurl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
needsWrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")

SOON = 5.0
"""Seconds that a client may wait on a busy machine; a client for whom nothing is done waits for ever."""

CONNECTIONS = 8
"""So many clients wrk is at a time. Each request is a connection of its own."""

_IN_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Visits(NamedTuple):
    """
    What came of it.

    @ivar names: who answered, one after the other.
    @ivar seconds: how long the clients waited.
    """

    names: list[str]
    seconds: list[float]


def visit(tinylb: Tinylb, times: int, ca: Path | None = None, atOnce: int = 1) -> Visits:
    """
    Ask with curl, over a new connection each time, in TLS where there is a C{ca}; all have to be answered.

    @param atOnce: how many clients there are at a time.
    """
    url = tinylb.url if ca is None else tinylb.url.replace("http:", "https:")
    options = ["--silent", "--max-time", "10", "--noproxy", "*", "--header", "Connection: close"]
    if ca is not None:
        options += ["--cacert", str(ca)]
    if atOnce > 1:
        options += ["--parallel", "--parallel-immediate", "--parallel-max", str(atOnce)]
    done = run(["curl", *options, "--write-out", r"%{http_code} %{time_total}\n", f"{url}?[1-{times}]"], Path())
    names = re.findall(r"^[a-z]\w*$", done.stdout, re.MULTILINE)
    seconds = re.findall(r"^200 ([\d.]+)$", done.stdout, re.MULTILINE)
    assert len(names) == len(seconds) == times, f"not all were answered:\n{done.stdout}{done.stderr}"
    return Visits(names, [float(each) for each in seconds])


def serving(tinylb: Tinylb, times: int, ca: Path | None = None) -> list[str]:
    """The same, one client after the other, each answered L{SOON}; by whom."""
    visits = visit(tinylb, times, ca)
    assert max(visits.seconds) < SOON
    return visits.names


class Result(NamedTuple):
    """
    What wrk says in the end.

    @ivar requests: how many were answered.
    @ivar cut: how many connections ended without an answer after they had been made.
    @ivar failed: how many failed in any other way, or got an answer that is none.
    @ivar longest: seconds; the longest that a client waited for its answer.
    """

    requests: int
    cut: int
    failed: int
    longest: float


class Load:
    """
    wrk, at work. A client that waits for its answer when time is up is not counted at all: that nobody is left
    hanging is seen with curl.
    """

    def __init__(self, stage: Stage, tinylb: Tinylb, seconds: int) -> None:
        load = ("-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-H", "Connection: close")
        self._process = stage.run("wrk", *load, tinylb.url)

    def succeeds(self) -> None:
        """Wait for its end: neither has a connection failed, nor has one waited for long."""
        result = self.result()
        assert (result.cut, result.failed) == (0, 0)
        assert result.longest < SOON

    def result(self) -> Result:
        """Wait for its end."""
        assert self._process.ended() == 0, self._process.output
        said = self._process.output
        errors = {what: int(count) for what, count in re.findall(r"\b(connect|read|write|timeout) (\d+)", said)}
        cut = errors.pop("read", 0) + errors.pop("write", 0)
        wrong = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", said)))
        requests = re.search(r"(\d+) requests in", said)
        latency = re.search(r"Latency +\S+ +\S+ +([\d.]+)(us|ms|s|m)\b", said)
        assert requests is not None, said
        assert latency is not None, said
        return Result(int(requests[1]), cut, sum(errors.values()) + wrong, float(latency[1]) * _IN_SECONDS[latency[2]])


def ask(client: Client) -> str:
    """Ask over a connection that stays open; the name of who answers, and nothing when the connection ends."""
    client.send(b"GET / HTTP/1.1\r\nHost: tinylb\r\n\r\n")
    while client.line():
        pass  # the head
    return client.line()
