"""What readers that read nothing cost the balancer, however much is sent to them."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import sys
import termios

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench
from tests.integration.process import BalancerProcess
from tests.integration.servers import Server
from tests.integration.sockets import QUIET, ZEROS, Peer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="measures a process by what Linux tells of it")

READERS = 60
"""More than there are pipes. Many more would use up the memory that the system has for TCP, of other tests as well."""

EACH = 256
"""Kilobytes of memory and in pipes; what the kernel's own buffers of a socket hold is the system's to say."""


def _inPipes(process: BalancerProcess) -> int:
    """Kilobytes in all pipes of a process."""
    folder = f"/proc/{process.pid}/fd"
    pipes: dict[str, int] = {}
    for number in os.listdir(folder):
        path = f"{folder}/{number}"
        if os.readlink(path).startswith("pipe:"):
            pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            (pipes[os.readlink(path)],) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))
            os.close(pipe)
    return sum(pipes.values()) // 1024


def _fillAll(senders: list[Peer]) -> None:
    """Send to all until nobody takes anything more for a moment."""
    poll = select.epoll()
    for sender in senders:
        sender.socket.setblocking(False)
        poll.register(sender.socket, select.EPOLLOUT)
    by = {sender.socket.fileno(): sender for sender in senders}
    with poll:
        while ready := poll.poll(2 * QUIET):
            for descriptor, _ in ready:
                try:
                    by[descriptor].socket.send(ZEROS[: 1 << 20])
                except BlockingIOError:
                    pass


@pytest.mark.parametrize("isBothWays", [False, True], ids=["one way", "both ways"])
@pytest_twisted.ensureDeferred
async def test_manyReadersThatReadNothing(bench: Bench, isBothWays: bool) -> None:
    """Each holds a bounded amount, in the process and in the kernel's pipes together."""
    server = bench.add(Server())
    process = await bench.start({"a": server})
    pairs = []
    for _ in range(READERS):
        client = process.connect()
        pairs.append((client, await server.accept()))
    while (await process.describe())["connections"] < READERS:
        pass
    before = process.memory().now
    senders = [serving for _, serving in pairs] + [client for client, _ in pairs if isBothWays]
    await deferToThread(_fillAll, senders)
    await process.describe()
    held = process.memory().now - before + _inPipes(process)
    assert held < EACH * READERS
