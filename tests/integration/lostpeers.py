"""The other side of C{lostpeersprocess}: pairs with far ends on a machine that vanishes, and on one that stays."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.integration.namespaces import IP, Namespace
from tests.integration.process import ROOT
from tests.integration.servers import Server
from tests.integration.sockets import PATIENCE, ZEROS, Address, Peer, connect

_TCP_RTO_MAX_MS = 44
"""Of Linux; the socket module does not name it."""

TICK = 0.1
"""Seconds from one word of those that speak to the next."""

STUCK = 5
"""Ticks in which nothing was taken of one that sends as much as it can, after which it is held up."""


class Case(NamedTuple):
    """
    A pair.

    @ivar engine: of its relay.
    @ivar side: of the peer that vanishes, or else does not read.
    @ivar state: what is going on; see L{Far}.
    """

    engine: str
    side: str
    state: str


Key = tuple[int, Address]
"""Of a pair: the balancer's number, and the client's address."""


class Balancers:
    """
    A process of balancers in a namespace.

    @ivar ports: of each balancer, in order.
    @ivar ended: of each pair that has ended, by the balancer's number and the client's address: why, and when.
    """

    def __init__(self, namespace: str, configuration: list[dict[str, object]]) -> None:
        command = [sys.executable, "-m", "tests.integration.lostpeersprocess", json.dumps(configuration)]
        self.ended: dict[Key, tuple[str, float]] = {}
        self._process = subprocess.Popen(
            [IP, "netns", "exec", namespace, *command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._lines = self._process.stdout
        self.ports: list[int] = json.loads(self._lines.readline())["ports"]
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._listener.join()
            self._lines.close()

    def _listen(self) -> None:
        for line in self._lines:
            told = json.loads(line)
            self.ended[told["balancer"], tuple(told["client"])] = told["reason"], time.monotonic()


class Far:
    """
    The two far ends of a pair.

    C{idle}: nothing is said. C{hears}: the other speaks to the one that vanishes; C{speaks}: it speaks itself;
    C{talks}: both. C{held}: it does not read, and the other sends as much as it can.

    @ivar sent: how much the other has sent, and C{received}: how much of that has come.
    @ivar isHeld: whether nothing more is taken.
    """

    def __init__(self, state: str, one: Peer, other: Peer) -> None:
        self.sent = self.received = self._ticks = 0
        self.mustRead = state != "held"
        self._state = state
        self._one = one
        self._other = other
        for peer in (one, other):
            peer.socket.setblocking(False)

    @property
    def isHeld(self) -> bool:
        return self._ticks >= STUCK

    def tick(self) -> None:
        """Each does what it does in such a state."""
        if self._state in ("hears", "talks"):
            self.sent += _send(self._other, b"word")
        if self._state in ("speaks", "talks"):
            _send(self._one, b"word")
        if self._state == "held" and not self.mustRead:
            sent = _send(self._other, ZEROS)
            self._ticks = 0 if sent else self._ticks + 1
            self.sent += sent
        if self.mustRead:
            self.received += _receive(self._one)
        _receive(self._other)


class Traffic:
    """What all far ends do, in a thread."""

    def __init__(self) -> None:
        self._far: list[Far] = []
        self._isOver = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def add(self, far: Far) -> None:
        """From now on."""
        self._far.append(far)

    def close(self) -> None:
        """Enough."""
        self._isOver.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._isOver.wait(TICK):
            for far in tuple(self._far):
                far.tick()


class Machine:
    """
    A machine with a server.

    @ivar server: its clients are taken by hand.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.server = namespace.inside(lambda: Server(namespace.address))
        self._clients: list[Peer] = []

    def connect(self, port: int) -> Peer:
        """A client of a balancer in the middle."""
        client = self.namespace.inside(lambda: connect((self.namespace.middle, port)))
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close all that it has."""
        self.server.close()
        for client in self._clients:
            client.close()


def waitUntil(condition: Callable[[], bool], within: float) -> bool:
    """Whether it came to that."""
    until = time.monotonic() + within
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def asksOften() -> bool:
    """Whether the kernel can be told to ask peers that do not read more often than it does by itself."""
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, 1000)
        except OSError:
            return False
    return True


def _send(peer: Peer, data: bytes | memoryview) -> int:
    try:
        return peer.socket.send(data)
    except OSError:
        return 0  # there is no room for more, or the other end is gone


def _receive(peer: Peer) -> int:
    """All that is there."""
    count = 0
    try:
        while data := peer.socket.recv(1 << 20):
            count += len(data)
    except OSError:
        pass
    return count
