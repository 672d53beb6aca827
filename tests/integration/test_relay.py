"""Whatever the ends of a connection do, what one sent is what the other received."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.endpoints import UNIXServerEndpoint

from tests.integration.bench import Bench, Joined, backend
from tests.integration.servers import Server
from tests.integration.sockets import Ending, reactor
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

FAMILIES = ["tcp-tcp", "tcp-unix", "unix-tcp", "unix-unix"]


@pytest.mark.parametrize("families", FAMILIES)
@pytest.mark.parametrize("seed", range(10))
@pytest_twisted.ensureDeferred
async def test_randomTraffic(bench: Bench, tmp_path: Path, families: str, seed: int) -> None:
    """
    Random chunks, pauses, half-closes and resets in both directions: every byte before a FIN arrives, and what a reset
    cut short is ended by a reset, so that nobody takes it for complete.
    """
    random = Random(f"{families} {seed}")
    isUNIX = [family == "unix" for family in families.split("-")]
    pairs = await _join(bench, tmp_path, *isUNIX)
    plans = [tuple(Plan.make(random, mayReset=not each) for each in isUNIX) for _ in pairs]
    under_way = [
        (follow(client, pair.client), follow(serving, pair.serving))
        for pair, (client, serving) in zip(pairs, plans, strict=True)
    ]
    outcomes = [(await client, await serving) for client, serving in under_way]
    closed = {event.client: event for event in await pairs[0].balanced.hear(PairClosed, CONNECTIONS)}
    for pair, (client, serving), (atClient, atServer) in zip(pairs, plans, outcomes, strict=True):
        _checkReceived(client, atServer, serving, canBeReset=not isUNIX[1])
        _checkReceived(serving, atClient, client, canBeReset=not isUNIX[0])
        name = pair.client.address
        event = closed[UNIXAddress(name) if isinstance(name, str) else IPv4Address("TCP", *name)]
        assert event.reason in REASONS[client.ending, serving.ending]
        assert len(atServer.received) <= event.bytesIn <= len(client.data)
        assert len(atClient.received) <= event.bytesOut <= len(serving.data)


async def _join(bench: Bench, folder: Path, isUNIXClient: bool, isUNIXBackend: bool) -> list[Joined]:
    server = bench.add(Server(folder / "backend") if isUNIXBackend else Server())
    listen = UNIXServerEndpoint(reactor, str(folder / "listen")) if isUNIXClient else None
    balanced = await bench.balance(endpoint=listen)
    balanced.publish(a=backend(server))
    names = [folder / f"client-{number}" if isUNIXClient else None for number in range(CONNECTIONS)]
    return [await bench.joinBy(balanced, server, bench.connect(balanced, name)) for name in names]


def _checkReceived(sender: Plan, received: Outcome, receiver: Plan, canBeReset: bool) -> None:
    """A UNIX socket knows no reset of who has read everything."""
    wasReset = Ending.RESET in (sender.ending, receiver.ending)
    if received.ending is Ending.RESET or (wasReset and not canBeReset):
        assert wasReset
        assert sender.data.startswith(received.received)
    else:
        assert sender.ending is Ending.FIN
        assert received.received == sender.data


@pytest.mark.parametrize("families", FAMILIES)
@pytest_twisted.ensureDeferred
async def test_changingOver(bench: Bench, tmp_path: Path, families: str) -> None:
    """From a word to much and back, again and again in one connection, nothing is lost, late or out of order."""
    random = Random(families)
    first, *_ = await _join(bench, tmp_path, *(family == "unix" for family in families.split("-")))
    for _ in range(40):
        for speaker, listener in ((first.client, first.serving), (first.serving, first.client)):
            for size in (random.randint(1, 100), random.choice((65_535, 65_536, 65_537, 131_072, 1_500_000))):
                data = random.randbytes(size)
                sending = speaker.send(data)
                assert await listener.receive(size) == data
                await sending
    first.client.finish()
    assert await first.serving.receiveToEnd() == (b"", Ending.FIN)
