"""Memory of idle connections."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.peers import Missing, Peer
from benchmarks.peers.base import mostConnections
from benchmarks.stage import Stage
from benchmarks.works.base import Figure, Sample, Work

# Before the first look at its memory a balancer has had some connections, so that what it needs once is not counted.
WARM_UP = 16
SETTLING = 0.5


class Memory(Work):
    """
    What the process has more in memory when it has C{count} connections, each of which has been used once. Both sockets
    of a pair are one connection. What the kernel has is not counted; it is the same for all.
    """

    server = "echo"
    mostRounds = 2

    def __init__(self, count: int) -> None:
        self.name = f"memory-{count}"
        self.figures = (Figure(self.name, f"memory, {count:,} idle connections", "kB each"),)
        self._count = count

    def prepare(self) -> Sequence[str]:
        """See L{Work.prepare}."""
        most = mostConnections()
        if most < self._count:
            raise Missing(f"{self._count:,} connections are too many: the limit of open descriptors allows {most:,}")
        return ()

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """See L{Work.measure}."""
        with stage.freshBalancer(peer, self.server) as balancer, stage.crowd(balancer) as crowd:
            crowd.ask(f"open {WARM_UP}")
            crowd.ask("close")
            time.sleep(SETTLING)
            before = balancer.residentBytes()
            crowd.ask(f"open {self._count}")
            time.sleep(SETTLING)
            after = balancer.residentBytes()
            crowd.ask("close")
        return Sample({self.name: (after - before) / self._count / 1024}, {"before": before, "after": after})
