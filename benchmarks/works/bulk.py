"""Bulk, by iperf3."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.peers import Peer
from benchmarks.peers.base import find
from benchmarks.ports import HOST
from benchmarks.process import Failed, output
from benchmarks.stage import Stage
from benchmarks.works.base import Figure, Meter, Sample, Work


class Bulk(Work):
    """
    As much as goes through, over some streams that all send in the same direction.

    @param isReverse: from the server to the client.
    """

    server = "iperf3"

    def __init__(self, streams: int, isReverse: bool) -> None:
        self._streams = streams
        self._isReverse = isReverse
        self._tool = ""
        self.name = f"bulk-{streams}" + ("-reverse" if isReverse else "")
        title = f"bulk, {streams} stream{'s' if streams > 1 else ''} {'down' if isReverse else 'up'}"
        self.figures = (Figure(self.name, title, "CPU s/GB"),)

    def prepare(self) -> Sequence[str]:
        """See L{Work.prepare}."""
        self._tool = find("iperf3", "apt install iperf3")
        return ["iperf3 " + output([self._tool, "--version"]).split()[1]]

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """See L{Work.measure}."""
        balancer = stage.balancer(peer, self.server)
        command = [self._tool, "-J", "-c", HOST, "-p", str(balancer.port), "-t", str(seconds), "-P", str(self._streams)]
        meter = Meter(balancer)
        said = output([*command, "--connect-timeout", "5000", *(["-R"] if self._isReverse else [])], stage.cores.load)
        used = meter.read()
        relayed = parse(said)
        raw = {"cpu": used._asdict(), "bytes": relayed, "seconds": seconds}
        return Sample({self.name: used.exact / (relayed / 1e9)}, raw)


def parse(said: str) -> int:
    """
    The bytes that arrived, of what C{iperf3 -J} prints. Those that were sent and had not arrived when the time was over
    may not have come as far as the balancer.

    @raise Failed: when there are none.
    """
    try:
        end = json.loads(said)["end"]
        arrived = int(end["sum_received"]["bytes"])
    except (ValueError, KeyError, TypeError):
        raise Failed(f"iperf3 says {said[-200:]!r}") from None
    if arrived <= 0:
        raise Failed("iperf3 says that nothing arrived")
    return arrived
