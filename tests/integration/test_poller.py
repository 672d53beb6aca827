"""The nested epoll on real sockets, in the real reactor."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import pytest_twisted

from tests.integration.servers import Server
from tests.integration.sockets import Peer, connect, eventually, reactor
from tinylb.poller import ERRORS, EVERYTHING, FAILED, FINISHED, READABLE, WRITABLE, Poller, pollerOf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no epoll")


class Ear:
    """
    Watches one end of a connection.

    @ivar told: all the events so far.
    @ivar peer: the other end.
    """

    def __init__(self, poller: Poller, near: Peer, far: Peer, events: int) -> None:
        self.told: list[int] = []
        self.peer = far
        self._poller = poller
        self._near = near
        assert poller.watch(near.socket.fileno(), self, events)

    def ready(self, events: int) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        self.told.append(events)

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""

    def close(self) -> None:
        """Watch no longer."""
        self._poller.forget(self._near.socket.fileno())
        self._near.close()


class Ears:
    """Makes them."""

    def __init__(self) -> None:
        poller = pollerOf(reactor)
        assert poller is not None
        self.poller = poller
        self._server = Server()
        self._made: list[Ear] = []

    async def make(self, events: int) -> Ear:
        """One at a new connection."""
        near = connect(self._server.address)
        ear = Ear(self.poller, near, await self._server.accept(), events)
        self._made.append(ear)
        return ear

    def close(self) -> None:
        """Close all of them, and release the poller."""
        while self._made:
            self._made.pop().close()
        self._server.close()
        self.poller.release()


@pytest.fixture
def ears() -> Iterator[Ears]:
    """At the reactor's poller."""
    ears = Ears()
    yield ears
    ears.close()


@pytest_twisted.ensureDeferred
async def test_reset(ears: Ears) -> None:
    """Who waits for errors alone is told of a reset, once, although the socket stays open and nobody reads from it."""
    first, other = await ears.make(ERRORS), await ears.make(ERRORS)
    first.peer.reset()
    await eventually(lambda: bool(first.told), "the first reset is told")
    other.peer.reset()
    await eventually(lambda: bool(other.told), "the other reset is told")
    assert [len(ear.told) for ear in (first, other)] == [1, 1]
    assert first.told[0] & FAILED


@pytest_twisted.ensureDeferred
async def test_nothingElse(ears: Ears) -> None:
    """Neither bytes, nor a FIN, nor one each way are errors; a reset after a FIN is."""
    finishes, reset = await ears.make(ERRORS), await ears.make(ERRORS)
    await finishes.peer.send(b"bytes")
    finishes.peer.finish()
    reset.peer.reset()
    await eventually(lambda: bool(reset.told), "the reset, which came last, is told")
    assert not finishes.told
    finishes.peer.reset()
    await eventually(lambda: bool(finishes.told), "the reset after the FIN is told")
    assert finishes.told[0] & FAILED


@pytest_twisted.ensureDeferred
async def test_everything(ears: Ears) -> None:
    """Who waits for everything is told when he may write, of bytes, of more bytes, of a FIN, and of a reset."""
    ear = await ears.make(EVERYTHING)

    async def hear(events: int) -> None:
        await eventually(lambda: bool(ear.told) and ear.told[-1] & events != 0, f"{events} among {ear.told}")
        ear.told.clear()

    await hear(WRITABLE)
    for _ in range(2):
        await ear.peer.send(b"bytes")
        await hear(READABLE)
    ear.peer.finish()
    await hear(FINISHED)
    ear.peer.reset()
    await hear(FAILED)


@pytest_twisted.ensureDeferred
async def test_release(ears: Ears) -> None:
    """It gives its place in the reactor back only when nothing is watched, and takes it again when something is."""
    ear = await ears.make(ERRORS)
    ears.poller.release()
    assert reactor.getReaders().count(ears.poller) == 1
    ear.peer.reset()
    await eventually(lambda: bool(ear.told), "the reset is told")
    ears.close()
    assert ears.poller not in reactor.getReaders()
    again = Ears()
    assert again.poller is ears.poller
    assert not (await again.make(ERRORS)).told
    assert ears.poller in reactor.getReaders()
    again.close()
