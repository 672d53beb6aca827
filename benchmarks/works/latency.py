"""The time that a balancer adds to a round trip."""

from __future__ import annotations

import json

from benchmarks.peers import Peer
from benchmarks.process import child, output
from benchmarks.stage import Stage
from benchmarks.works.base import Figure, Meter, Sample, Work

PERCENTILES = ("p50", "p99")
RoundTrips = dict[str, float]  # as the pinger tells them


class Latency(Work):
    """
    One connection, on which 64 bytes go there and back, and nothing else happens. What the same takes without a
    balancer is subtracted, percentile by percentile. A balancer that waits for bytes without sleeping is fast, and pays
    for it: so the CPU time of a round trip is told as well.
    """

    name = "latency"
    server = "echo"

    def __init__(self) -> None:
        self.figures = (
            *(Figure(f"latency-{percentile}", f"added latency, {percentile}", "µs") for percentile in PERCENTILES),
            Figure("latency-cpu", "round trips, one connection", "CPU µs"),
        )
        self._direct: RoundTrips = {}

    def begin(self, stage: Stage, seconds: int) -> None:
        """See L{Work.begin}."""
        self._direct = _ping(stage, stage.server(self.server), seconds)

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """See L{Work.measure}."""
        balancer = stage.balancer(peer, self.server)
        meter = Meter(balancer)
        through = _ping(stage, balancer.port, seconds)
        used = meter.read()
        figures = {
            f"latency-{percentile}": through[percentile] - self._direct[percentile] for percentile in PERCENTILES
        }
        figures["latency-cpu"] = used.exact / through["count"] * 1e6
        return Sample(figures, {"cpu": used._asdict(), "through": through, "direct": self._direct})


def _ping(stage: Stage, port: int, seconds: int) -> RoundTrips:
    told: RoundTrips = json.loads(output(child("pinger", port, seconds), stage.cores.load))
    return told
