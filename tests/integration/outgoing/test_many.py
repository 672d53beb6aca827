"""Hundreds of balanced connections, and the end of their target."""

from __future__ import annotations

import time

import pytest_twisted
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.integration.bench import backend
from tests.integration.crowd import waitUntilReset
from tests.integration.outgoing.bench import EndpointBench, isIdle
from tests.integration.servers import BlackHole, Server
from tests.integration.sockets import Peer, eventually
from tests.integration.talkers import Talker, Talkers
from tinylb import TargetRemoved
from tinylb.testing import Recorder

MANY = 300
PROMISE = 0.5
"""Seconds from the removal to the last reset."""


@pytest_twisted.ensureDeferred
async def test_removed(ends: EndpointBench) -> None:
    """Half a second after the removal of their target all are reset, at both ends; whoever has another one stays."""
    gone, stays = ends.add(Server(backlog=MANY)), ends.add(Server(backlog=MANY))
    endpoint = ends.endpoint()
    recorder = Recorder()
    endpoint.observers.append(recorder)

    async def measure() -> float:
        ends.publish(a=backend(gone), b=backend(stays))
        accepting = [deferToThread(accept, server, MANY // 2) for server in (gone, stays)]
        talkers = await gatherResults([endpoint.connect(Talkers()) for _ in range(MANY)])
        lost, kept = [await each for each in accepting]
        assert endpoint.describe()["connections"] == MANY
        waiting = deferToThread(waitUntilReset, lost)
        removed = time.monotonic()
        ends.publish(b=backend(stays))
        seconds = await waiting - removed
        leavers = [each for each in talkers if isinstance(each, Talker) and each.lost is not None]
        assert (len(lost), len(kept), len(leavers)) == (MANY // 2,) * 3
        ends.publish()
        await eventually(lambda: isIdle(endpoint), "all are lost")
        return seconds

    # The promise is about this program, and not about others that keep the machine busy: it has three tries.
    for _ in range(3):
        if await measure() < PROMISE:
            break
    else:
        raise AssertionError("too slow")
    assert {event.pairs for event in recorder.events if isinstance(event, TargetRemoved)} == {MANY // 2}


@pytest_twisted.ensureDeferred
async def test_removedWhileDialling(ends: EndpointBench) -> None:
    """Those who wait for an answer go elsewhere, all of them."""
    hole, server = ends.add(BlackHole()), ends.add(Server(backlog=MANY))
    endpoint = ends.endpoint(attemptDelay=60.0, dialTimeout=60.0)
    ends.publish(a=backend(hole))
    connecting = gatherResults([endpoint.connect(Talkers()) for _ in range(MANY // 3)])
    await eventually(lambda: hole.trying() == MANY // 3, "it is tried")
    accepting = deferToThread(accept, server, MANY // 3)
    ends.publish(b=backend(server))
    assert len(await connecting) == len(await accepting) == MANY // 3
    assert hole.trying() == 0


def accept(server: Server, count: int) -> list[Peer]:
    """So many connections; this blocks."""
    return [server.acceptNow() for _ in range(count)]
