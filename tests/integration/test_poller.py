"""The error poller on real sockets: it hears of resets that nobody reads, once, and of nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import pytest_twisted

from tests.integration.servers import Server
from tests.integration.sockets import Peer, connect, eventually, reactor
from tinylb.poller import ErrorPoller, errorPoller


@pytest.fixture
def poller() -> Iterator[ErrorPoller]:
    """The reactor's."""
    poller = errorPoller(reactor)
    assert poller is not None
    yield poller
    poller.release()


@pytest.fixture
def server() -> Iterator[Server]:
    """A listening socket."""
    server = Server()
    yield server
    server.close()


async def _pair(server: Server) -> tuple[Peer, Peer]:
    client = connect(server.address)
    return client, await server.accept()


@pytest_twisted.ensureDeferred
async def test_reset(poller: ErrorPoller, server: Server) -> None:
    """A reset is told once, although the socket stays open and nobody reads from it."""
    told: list[str] = []
    (near, far), (otherNear, otherFar) = await _pair(server), await _pair(server)
    poller.watch(near.socket.fileno(), lambda: told.append("first"))
    poller.watch(otherNear.socket.fileno(), lambda: told.append("other"))
    far.reset()
    await eventually(lambda: bool(told), "the first reset is told")
    otherFar.reset()
    await eventually(lambda: "other" in told, "the other reset is told")
    assert told == ["first", "other"]
    for peer in (near, otherNear):
        poller.forget(peer.socket.fileno())
        peer.close()


@pytest_twisted.ensureDeferred
async def test_nothingElse(poller: ErrorPoller, server: Server) -> None:
    """Neither bytes, nor a FIN, nor one each way are told; a reset after a FIN is."""
    told: list[str] = []
    pairs = (near, far), (endedNear, endedFar), (resetNear, resetFar) = [await _pair(server) for _ in range(3)]
    poller.watch(near.socket.fileno(), lambda: told.append("bytes and a FIN"))
    poller.watch(endedNear.socket.fileno(), lambda: told.append("a FIN each way"))
    poller.watch(resetNear.socket.fileno(), lambda: told.append("a reset"))
    await far.send(b"bytes")
    far.finish()
    endedNear.finish()
    endedFar.finish()
    resetFar.reset()
    await eventually(lambda: bool(told), "the reset, which came last, is told")
    assert told == ["a reset"]
    far.reset()
    await eventually(lambda: len(told) == 2, "the reset after the FIN is told")
    for peer, _ in pairs:
        poller.forget(peer.socket.fileno())
        peer.close()


@pytest_twisted.ensureDeferred
async def test_forgotten(poller: ErrorPoller, server: Server) -> None:
    """What is forgotten is not told, also when its number belongs to another socket by then."""
    told: list[str] = []
    near, far = await _pair(server)
    number = near.socket.fileno()
    poller.watch(number, lambda: told.append("forgotten"))
    near.close()
    poller.forget(number)
    other = await _pair(server)
    assert number in {peer.socket.fileno() for peer in other}
    (again,) = (peer for peer in other if peer.socket.fileno() == number)
    (peer,) = (peer for peer in other if peer is not again)
    poller.watch(number, lambda: told.append("watched"))
    peer.reset()
    await eventually(lambda: bool(told), "the reset is told")
    assert told == ["watched"]
    poller.forget(number)
    again.close()
    far.close()


@pytest_twisted.ensureDeferred
async def test_forgottenByAnother(poller: ErrorPoller, server: Server) -> None:
    """When two have failed at once, and the first one's callback forgets the other, that is not told any more."""
    told: list[int] = []
    pairs = [await _pair(server) for _ in range(2)]
    numbers = [near.socket.fileno() for near, _ in pairs]

    def broken(number: int) -> None:
        told.append(number)
        for each in numbers:
            poller.forget(each)

    for number in numbers:
        poller.watch(number, partial(broken, number))
    for _, far in pairs:
        far.reset()
    await eventually(lambda: bool(told), "a reset is told")
    marker, markerFar = await _pair(server)
    poller.watch(marker.socket.fileno(), lambda: told.append(-1))
    markerFar.reset()
    await eventually(lambda: -1 in told, "a later reset is told")
    assert len(told) == 2
    poller.forget(marker.socket.fileno())
    for near, _ in (*pairs, (marker, markerFar)):
        near.close()


@pytest_twisted.ensureDeferred
async def test_release(poller: ErrorPoller, server: Server) -> None:
    """It gives its place in the reactor back only when nothing is watched, and takes it again when something is."""
    told: list[str] = []
    near, far = await _pair(server)
    poller.watch(near.socket.fileno(), lambda: told.append("reset"))
    poller.release()
    assert poller in reactor.getReaders()
    poller.forget(near.socket.fileno())
    poller.release()
    assert poller not in reactor.getReaders()
    poller.watch(near.socket.fileno(), lambda: told.append("reset"))
    far.reset()
    await eventually(lambda: told == ["reset"], "the reset is told")
    poller.forget(near.socket.fileno())
    near.close()
