"""The time from the removal of a backend to the end of its connections."""

from __future__ import annotations

import json
from collections.abc import Sequence

from benchmarks.peers import Missing, Peer
from benchmarks.peers.base import mostConnections
from benchmarks.peers.ontwisted import BACKENDS_FILE, Tinylb, writeBackends
from benchmarks.process import Failed
from benchmarks.stage import Stage
from benchmarks.works.base import Figure, Meter, Sample, Work


class Removal(Work):
    """
    C{count} connections, whose target leaves the set by the rename of a backends file. The others keep such
    connections, so it is tinylb's alone.
    """

    name = "removal"
    server = "echo"

    def __init__(self, count: int) -> None:
        self._count = count
        self.figures = (
            Figure("removal-first", f"removal, first of {count:,} resets", "ms"),
            Figure("removal-last", f"removal, last of {count:,} resets", "ms"),
        )

    def prepare(self) -> Sequence[str]:
        """See L{Work.prepare}."""
        if mostConnections() < self._count:
            raise Missing(f"{self._count:,} connections are too many for the limit of open descriptors")
        return ()

    def suits(self, peer: Peer) -> bool:
        """See L{Work.suits}."""
        return isinstance(peer, Tinylb)

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """See L{Work.measure}."""
        other = stage.server("other")
        with stage.freshBalancer(peer, self.server) as balancer, stage.crowd(balancer) as crowd:
            crowd.ask(f"open {self._count}")
            following = balancer.folder / "following.json"
            writeBackends(following, other)
            meter = Meter(balancer)
            told = json.loads(crowd.ask(f"rename {following} {balancer.folder / BACKENDS_FILE}"))
            told["cpu"] = meter.read()._asdict()
        if told["resets"] < self._count:
            raise Failed(f"{peer.name}: of {self._count:,} connections {told['resets']:,} were reset, {told}")
        return Sample({"removal-first": told["first"] * 1000, "removal-last": told["last"] * 1000}, told)
