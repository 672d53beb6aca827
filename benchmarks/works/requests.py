"""Requests and short connections, by wrk."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.peers import Missing, Peer
from benchmarks.peers.base import find
from benchmarks.peers.nginx import findNginx, nginxVersion
from benchmarks.ports import HOST
from benchmarks.process import Failed, output
from benchmarks.stage import Stage
from benchmarks.works.base import Figure, Meter, Sample, Work

CONNECTIONS = 32


class Requests(Work):
    """
    As many HTTP requests as go through, over 32 connections.

    @param size: of the body of each answer, in bytes.
    @param isShort: each request has a connection of its own, which the server closes.
    """

    server = "http"

    def __init__(self, name: str, title: str, size: int, isShort: bool = False) -> None:
        self.name = name
        self.figures = (Figure(name, title, "CPU µs"),)
        self._path = f"/{size}"
        self._isShort = isShort
        self._tool = ""

    def prepare(self) -> Sequence[str]:
        """See L{Work.prepare}."""
        self._tool = find("wrk", "apt install wrk")
        # It prints its version together with its usage, as if it had been used wrongly.
        versions = ["wrk " + output([self._tool, "-v"], status=1).split()[1].removeprefix("debian/")]
        try:
            return [*versions, nginxVersion(findNginx())]
        except Missing as missing:
            return [*versions, f"an HTTP server in Python ({missing})"]

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """See L{Work.measure}."""
        balancer = stage.balancer(peer, self.server)
        command = [self._tool, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "10s"]
        header = ["-H", "Connection: close"] if self._isShort else []
        meter = Meter(balancer)
        said = output([*command, *header, f"http://{HOST}:{balancer.port}{self._path}"], stage.cores.load)
        used = meter.read()
        done = parse(said)
        raw = {"cpu": used._asdict(), "requests": done, "seconds": seconds}
        return Sample({self.name: used.exact / done * 1e6}, raw)


def parse(said: str) -> int:
    """
    The number of requests, of what wrk prints.

    @raise Failed: when there were none, or errors.
    """
    errors = re.findall(r"^ +(Socket errors: .*|Non-2xx .*)$", said, re.MULTILINE)
    if errors:
        raise Failed("wrk: " + "; ".join(errors))
    found = re.search(r"^ +(\d+) requests in ", said, re.MULTILINE)
    if found is None or not int(found[1]):
        raise Failed(f"wrk says {said[-200:]!r}")
    return int(found[1])
