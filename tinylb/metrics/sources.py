"""Where the figures of a scrape come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tinylb.metrics.loopdelay import LoopDelay
from tinylb.metrics.provider import ProviderWatch
from tinylb.metrics.tallies import Tallies
from tinylb.service import LoadBalancerService


class LineCounts(Protocol):
    """A log of connections: how many lines it has written, and how many it had to drop."""

    @property
    def written(self) -> int: ...

    @property
    def dropped(self) -> int: ...


@dataclass(frozen=True)
class Sources:
    """All sources of a scrape."""

    service: LoadBalancerService
    tallies: Tallies
    loopDelay: LoopDelay
    provider: ProviderWatch
    accessLog: LineCounts | None
