"""What the kernel knows of a peer: when it was last heard, and whether it does not answer."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import pytest_twisted

from tests.integration.servers import Server
from tests.integration.sockets import QUIET, Peer, connect, eventually
from tinylb.hearing import Hearing, hearing
from tinylb.sockets import probe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux's")

# Of Linux; the socket module does not name them.
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)


class Ends:
    """
    The two ends of a TCP connection.

    @ivar own: that is asked about.
    @ivar peer: the other.
    """

    def __init__(self, own: Peer, peer: Peer) -> None:
        self.own = own
        self.peer = peer

    def heard(self) -> Hearing:
        """What is known of the peer."""
        heard = hearing(self.own.socket)
        assert heard is not None
        return heard

    def deafen(self) -> None:
        """Let the peer's kernel drop whatever comes, as if it did not arrive. It has nothing to say itself."""
        code = ctypes.create_string_buffer(_RETURN_NOTHING)
        program = struct.pack("HP", 1, ctypes.addressof(code))
        self.peer.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def heal(self) -> None:
        """Let it arrive again."""
        self.peer.socket.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)

    async def isMuteUntilHealed(self) -> None:
        """Once it has not answered for a while the deafened peer is mute; when it answers again it is not."""
        await eventually(lambda: self.heard().isMute, "it is mute")
        assert self.heard().silence > 0.5
        healed = time.monotonic()
        self.heal()
        await eventually(lambda: not self.heard().isMute, "it answers again")
        assert self.wasHeardSince(healed)

    def wasHeardSince(self, moment: float) -> bool:
        """Whether something was heard of the peer later than that, before which it had been silent for L{QUIET}."""
        # The kernel counts in ticks of its own, of some milliseconds.
        return self.heard().silence < time.monotonic() - moment + QUIET / 2

    def keepAsking(self) -> None:
        """Let the kernel probe the peer each second, and not give up."""
        probe(self.own.socket, 1.0)
        self.own.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 100)


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A connection."""
    with closing(Server()) as server, closing(connect(server.address)) as own:
        yield Ends(own, server.acceptNow())


@pytest_twisted.ensureDeferred
async def test_silence(ends: Ends) -> None:
    """The silence grows while nothing comes, and ends with a byte."""
    await eventually(lambda: ends.heard().silence > QUIET, "it has been silent")
    sent = time.monotonic()
    ends.peer.socket.sendall(b"!")
    await eventually(lambda: ends.wasHeardSince(sent), "it was heard")
    assert not ends.heard().isMute


@pytest_twisted.ensureDeferred
async def test_acknowledgement(ends: Ends) -> None:
    """An acknowledgement ends it, too, though the peer says nothing."""
    await eventually(lambda: ends.heard().silence > QUIET, "it has been silent")
    sent = time.monotonic()
    ends.own.socket.sendall(b"?")
    await eventually(lambda: ends.wasHeardSince(sent), "it was heard")
    assert not ends.heard().isMute


@pytest_twisted.ensureDeferred
async def test_idle(ends: Ends) -> None:
    """One that is asked now and then, because it is idle, answers without its program's doing, and is not mute."""
    ends.keepAsking()
    await eventually(lambda: ends.heard().silence > 2 * QUIET, "it has been silent")
    await eventually(lambda: ends.heard().silence < QUIET, "it has answered")
    assert not ends.heard().isMute


@pytest_twisted.ensureDeferred
async def test_notAsked(ends: Ends) -> None:
    """One that is not there any more is not mute as long as nobody has asked it."""
    ends.deafen()
    await eventually(lambda: ends.heard().silence > 2.0, "it has been silent")
    assert not ends.heard().isMute


@pytest_twisted.ensureDeferred
async def test_reader(ends: Ends) -> None:
    """One that does not read is asked again and again whether it does; it answers each time, and is never mute."""
    ends.keepAsking()
    await ends.own.fill()
    answers, last = 0, 0.0

    def isAnswered() -> bool:
        nonlocal answers, last
        heard = ends.heard()
        assert not heard.isMute
        answers += heard.silence < last
        last = heard.silence
        return answers >= 3

    await eventually(isAnswered, "it has answered three times")


@pytest_twisted.ensureDeferred
async def test_muteIdle(ends: Ends) -> None:
    """One that answers no probes is mute, until it does."""
    ends.keepAsking()
    ends.deafen()
    await ends.isMuteUntilHealed()


@pytest_twisted.ensureDeferred
async def test_muteWithDataInFlight(ends: Ends) -> None:
    """One that does not acknowledge what is sent, though it is sent again and again, is mute, until it does."""
    ends.deafen()
    ends.own.socket.sendall(b"word")
    await ends.isMuteUntilHealed()
    assert await ends.peer.receive(4) == b"word"


@pytest_twisted.ensureDeferred
async def test_muteReader(ends: Ends) -> None:
    """One that did not read, and does not answer any more when it is asked whether it does, is mute, until it does."""
    ends.keepAsking()
    await ends.own.fill()
    ends.deafen()
    await ends.isMuteUntilHealed()


@pytest_twisted.ensureDeferred
async def test_gone(ends: Ends) -> None:
    """Of a socket that is closed nothing is known."""
    ends.own.socket.close()
    assert hearing(ends.own.socket) is None


def test_unix() -> None:
    """Nor of a UNIX socket."""
    one, other = socket.socketpair()
    with one, other:
        assert hearing(one) is None
