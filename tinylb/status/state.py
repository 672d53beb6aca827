"""The state, told in parts: there may be very many connections, and the bytes of each have to be asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tinylb.service import LoadBalancerService
from tinylb.status.answer import encode

PAIRS_A_TURN = 2000
"""So many connections are looked at in one go; it takes about a millisecond."""


def state(balancer: LoadBalancerService) -> Iterator[bytes]:
    """
    What L{LoadBalancerService.describe <tinylb.LoadBalancerService.describe>} says, as JSON. Empty parts come before
    it, where others may have their turn. The bytes of open connections may be read a little later than the rest.
    """
    known = balancer.describe(addsUp=False)
    registry = balancer.balancer.pool.registry
    pairs = [(told, tuple(registry.record(told["target"]).pairs)) for told in known["backends"]]
    count = 0
    for told, them in pairs:
        for pair in them:
            told["bytesIn"] += pair.bytesIn
            told["bytesOut"] += pair.bytesOut
            count += 1
            if not count % PAIRS_A_TURN:
                yield b""
    yield encode(known) + b"\n"
