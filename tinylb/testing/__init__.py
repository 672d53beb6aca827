"""
The test kit, for applications that embed tinylb and for its own unit tests: backends in memory that
connect, refuse, hang or vanish on command, a provider that the test publishes with, an endpoint, and a
balancer on a clock that the test moves. No socket is opened.
"""

from tinylb.testing.kit import (
    Behaviour,
    ManualProvider,
    MemoryBackend,
    MemoryBalancer,
    MemoryEndpoint,
    MemoryPort,
    Recorder,
)
from tinylb.testing.memory import MemoryTransport, join
from tinylb.testing.peer import MemoryPeer

__all__ = [
    "Behaviour",
    "ManualProvider",
    "MemoryBackend",
    "MemoryBalancer",
    "MemoryEndpoint",
    "MemoryPeer",
    "MemoryPort",
    "MemoryTransport",
    "Recorder",
    "join",
]
