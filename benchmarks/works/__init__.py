"""What is measured."""

from __future__ import annotations

from benchmarks.works.base import Figure, Sample, Work
from benchmarks.works.bulk import Bulk
from benchmarks.works.latency import Latency
from benchmarks.works.memory import Memory
from benchmarks.works.removal import Removal
from benchmarks.works.requests import Requests

__all__ = ["ALL", "QUICK", "Figure", "Sample", "Work"]

ALL: tuple[Work, ...] = (
    *(Bulk(streams, isReverse) for streams in (1, 4, 64) for isReverse in (False, True)),
    Requests("small", "64-byte reply", 64),
    Requests("large", "16 kB reply", 16384),
    Requests("short", "short connection", 64, isShort=True),
    Latency(),
    Memory(2000),
    Memory(8000),
    Removal(4000),
)
QUICK = ("bulk-4", "small", "short", "latency", "memory-2000", "removal")
