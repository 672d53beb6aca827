"""Servers behind a balancer: ones that the test accepts for, that act alone, that refuse, or that do not answer."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.integration.sockets import PATIENCE, Address, Peer, connect, familyOf, nameOf

SYN_SENT = "02"
"""The state of a connection that is being made, in /proc/net/tcp."""


class Server:
    """
    A listening socket; the test accepts each connection to it.

    @param where: an IP address of this machine, or the path of a UNIX socket.
    """

    def __init__(self, where: str | Path = "127.0.0.1", backlog: int = 128) -> None:
        address: Address = str(where) if isinstance(where, Path) else (where, 0)
        self.socket = socket.socket(familyOf(address))
        self.socket.bind(address)
        self.socket.listen(backlog)
        self.socket.settimeout(PATIENCE)
        self.address = nameOf(self.socket)
        self._accepted: list[Peer] = []

    def accept(self) -> Deferred[Peer]:
        """The next connection."""
        return deferToThread(self.acceptNow)

    def close(self) -> None:
        """Stop listening, and close what was accepted."""
        self.socket.close()
        for peer in self._accepted:
            peer.close()

    def acceptNow(self) -> Peer:
        """Accept the next connection in this thread, which blocks."""
        peer = Peer(self.socket.accept()[0])
        self._accepted.append(peer)
        return peer


class BlackHole(Server):
    """
    A server that does not answer: its queue is full, and the kernel silently drops whatever else arrives, as if the
    machine were gone. Connecting takes for ever.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            pytest.skip("a server that does not answer is made of what Linux does with a full queue")
        super().__init__(backlog=0)
        self._fillers: dict[Address, Peer] = {}
        while not self._isFull():
            filler = connect(self.address)
            self._fillers[filler.address] = filler

    def trying(self) -> int:
        """How many connections the kernel is still trying to make to it."""
        assert isinstance(self.address, tuple)
        there = f":{self.address[1]:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return sum(remote.endswith(there) and state == SYN_SENT for _, _, remote, state, *_ in map(str.split, lines))

    def open(self) -> None:
        """Answer from now on. Clients send again, within about a second, what the kernel has dropped."""
        self.socket.listen(128)

    def close(self) -> None:
        """See L{Server.close}."""
        super().close()
        for filler in self._fillers.values():
            filler.close()

    def acceptNow(self) -> Peer:
        """See L{Server.acceptNow}. Skips the connections that fill the queue."""
        while True:
            peer = super().acceptNow()
            if peer.socket.getpeername() not in self._fillers:
                return peer

    def _isFull(self) -> bool:
        # Of a listening socket, tcpi_unacked is how many wait to be accepted, and tcpi_sacked how many may.
        information = self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
        waiting, most = struct.unpack_from("II", information, 24)
        return bool(waiting > most)


class NamedServer:
    """
    Sends its name to each client, then echoes what it receives.

    @ivar served: how many clients there were.
    """

    def __init__(self, name: str) -> None:
        self.served = 0
        self._server = _NamedTCPServer(("127.0.0.1", 0), _SayNameAndEcho)
        self._server.named = self
        self.greeting = f"{name}\n".encode()
        self.address: Address = self._server.socket.getsockname()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        """Stop; the connections end with their clients."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _NamedTCPServer(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128
    named: NamedServer


class _SayNameAndEcho(BaseRequestHandler):
    server: _NamedTCPServer

    def handle(self) -> None:
        self.server.named.served += 1
        try:
            self.request.sendall(self.server.named.greeting)
            while data := self.request.recv(1 << 16):
                self.request.sendall(data)
        except OSError:
            pass  # reset by the client


class Refusing:
    """A port that refuses connections: a socket is bound to it that does not listen, so that nobody else can."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address: Address = self._socket.getsockname()

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
