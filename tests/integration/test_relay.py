"""Whatever the ends of a connection do, what one sent is what the other received."""

from __future__ import annotations

from random import Random

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address

from tests.integration.bench import Bench, backend
from tests.integration.servers import Server
from tests.integration.sockets import Ending
from tests.integration.traffic import Outcome, Plan, follow
from tinylb import CloseReason, PairClosed

CONNECTIONS = 4
"""At once, through one balancer."""

REASONS = {
    (Ending.FIN, Ending.FIN): {CloseReason.CLIENT_CLOSED, CloseReason.BACKEND_CLOSED},
    (Ending.RESET, Ending.FIN): {CloseReason.CLIENT_RESET},
    (Ending.FIN, Ending.RESET): {CloseReason.BACKEND_RESET},
    (Ending.RESET, Ending.RESET): {CloseReason.CLIENT_RESET, CloseReason.BACKEND_RESET},
}


@pytest.mark.parametrize("seed", range(20))
@pytest_twisted.ensureDeferred
async def test_randomTraffic(bench: Bench, seed: int) -> None:
    """
    Random chunks, pauses, half-closes and resets in both directions: every byte before a FIN arrives, and what a reset
    cut short is ended by a reset, so that nobody takes it for complete.
    """
    random = Random(seed)
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    pairs = [await bench.joinBy(balanced, server) for _ in range(CONNECTIONS)]
    plans = [(Plan.make(random), Plan.make(random)) for _ in pairs]
    under_way = [
        (follow(client, pair.client), follow(serving, pair.serving))
        for pair, (client, serving) in zip(pairs, plans, strict=True)
    ]
    outcomes = [(await client, await serving) for client, serving in under_way]
    closed = {event.client: event for event in await balanced.hear(PairClosed, CONNECTIONS)}
    for pair, (client, serving), (atClient, atServer) in zip(pairs, plans, outcomes, strict=True):
        _checkReceived(client, atServer, serving)
        _checkReceived(serving, atClient, client)
        event = closed[IPv4Address("TCP", *pair.client.address)]
        assert event.reason in REASONS[client.ending, serving.ending]
        if client.ending is serving.ending is Ending.FIN:
            assert (event.bytesIn, event.bytesOut) == (len(client.data), len(serving.data))


def _checkReceived(sender: Plan, received: Outcome, receiver: Plan) -> None:
    if received.ending is Ending.FIN:
        assert sender.ending is Ending.FIN
        assert received.received == sender.data
    else:
        assert Ending.RESET in (sender.ending, receiver.ending)
        assert sender.data.startswith(received.received)
