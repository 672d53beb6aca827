"""Very many connections, seen from both of their far ends. What is here blocks, and is for threads."""

from __future__ import annotations

import errno
import resource
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.integration.servers import Server
from tests.integration.sockets import PATIENCE, Address, Peer, connect

MANY = 2000


@contextmanager
def roomForMany() -> Iterator[None]:
    """As many descriptors as both far ends of the connections and both ends of the balancer need in one process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 4 * MANY + 500
    if hard != resource.RLIM_INFINITY and hard < needed:
        pytest.skip(f"{needed} descriptors are needed, and {hard} are the limit")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """
    The clients of a server, through a balancer.

    @ivar clients: their ends.
    @ivar serving: the server's ends, in the same order.
    """

    def __init__(self, address: Address, server: Server) -> None:
        self.clients: list[Peer] = []
        self.serving: list[Peer] = []
        self._address = address
        self._server = server

    def connect(self) -> None:
        """Connect all of them, each as far as the server."""
        for _ in range(MANY):
            self.clients.append(connect(self._address))
            self.serving.append(self._server.acceptNow())

    def close(self) -> None:
        """Close both far ends of each."""
        for peer in (*self.clients, *self.serving):
            peer.close()


def waitUntilReset(peers: Sequence[Peer]) -> float:
    """Wait until the kernel has heard of a reset at each; returns when that was, by the monotonic clock."""
    waiting = {peer.socket.fileno(): peer for peer in peers}
    deadline = time.monotonic() + PATIENCE
    with select.epoll() as poll:
        for descriptor in waiting:
            poll.register(descriptor, 0)
        while waiting and time.monotonic() < deadline:
            for descriptor, _ in poll.poll(0.1):
                poll.unregister(descriptor)
                error = waiting.pop(descriptor).socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                assert error == errno.ECONNRESET, f"ended, but not by a reset: {error}"
    assert not waiting, f"{len(waiting)} of {len(peers)} have not been reset"
    return time.monotonic()
