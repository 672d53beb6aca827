"""What the kernel was told of the sockets of a pair."""

from __future__ import annotations

import os
import socket
import sys

import pytest
import pytest_twisted
from twisted.internet.endpoints import TCP6ServerEndpoint

from tests.integration.bench import Bench, backend
from tests.integration.servers import Server
from tests.integration.sockets import Peer, eventually, reactor
from tinylb import PairClosed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the process's sockets are found as Linux lists them")

NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
PROBED = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)
TIMES = [(socket.IPPROTO_TCP, option) for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)]


class Facing:
    """The balancer's own end of a connection, found among all that this process has open."""

    def __init__(self, peer: Peer) -> None:
        self._wanted = peer.socket.getsockname(), peer.socket.getpeername()

    def options(self, *options: tuple[int, int]) -> list[int]:
        """What is set."""
        for number in os.listdir("/proc/self/fd"):
            if self._isSocket(number):
                with socket.socket(fileno=os.dup(int(number))) as sock:
                    if self._isWanted(sock):
                        return [sock.getsockopt(*option) for option in options]
        raise AssertionError(f"no socket for {self._wanted}")

    def _isSocket(self, number: str) -> bool:
        try:
            return os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            return False  # that with which the folder was listed

    def _isWanted(self, sock: socket.socket) -> bool:
        try:
            return (sock.getpeername(), sock.getsockname()) == self._wanted
        except OSError:
            return False


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest_twisted.ensureDeferred
async def test_noDelay(bench: Bench, host: str) -> None:
    """What is sent to either side, however little, is sent at once."""
    server = Server(host)
    listen = TCP6ServerEndpoint(reactor, 0, interface=host) if host == "::1" else None
    _, client, serving = await bench.join(server, listen)
    assert [Facing(peer).options(NO_DELAY) for peer in (client, serving)] == [[1], [1]]


@pytest_twisted.ensureDeferred
async def test_keepalive(bench: Bench) -> None:
    """Both peers of a pair that lasts are probed when they are idle: after the given time, and thrice from then on."""
    server = bench.add(Server())
    balanced = await bench.balance(keepalive=60.0, halfCloseTimeout=0.1)
    balanced.publish(a=backend(server))
    _, client, serving = await bench.joinBy(balanced, server)
    ends = Facing(client), Facing(serving)
    await eventually(lambda: [end.options(PROBED) for end in ends] == [[1], [1]], "both are probed")
    assert [end.options(*TIMES) for end in ends] == [[60, 20, 3]] * 2


@pytest_twisted.ensureDeferred
async def test_noKeepalive(bench: Bench) -> None:
    """Nobody is probed if that is not wanted, however long a pair lasts."""
    server = bench.add(Server())
    balanced = await bench.balance(keepalive=0.0, halfCloseTimeout=0.1)
    balanced.publish(a=backend(server))
    _, client, serving = await bench.joinBy(balanced, server)
    _, other, _ = await bench.joinBy(balanced, server)
    other.finish()
    await balanced.hearOne(PairClosed)
    assert [Facing(peer).options(PROBED) for peer in (client, serving)] == [[0], [0]]
