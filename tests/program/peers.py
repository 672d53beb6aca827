"""The peers of a balancer on real sockets: clients that connect to it, and servers behind it."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import SystemRandom
from typing import cast

from tests.ipv6 import needIPv6
from tests.program.processes import PATIENCE

Address = tuple[str, int] | str
"""A host and a port, or the path of a UNIX socket."""


PORTS = range(29100, 32768)
"""The kernel hands out none of these by itself, as other tests that run at the same time have it do all the time."""


def freePort(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now, and that nobody is likely to be given soon."""
    while True:
        port = SystemRandom().choice(PORTS)
        with socket.socket(familyOf(host)) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue  # somebody has it
        return port


def familyOf(host: str) -> socket.AddressFamily:
    """The kind of socket that an IP address is for. The test is skipped where there are none of it."""
    if ":" not in host:
        return socket.AF_INET
    needIPv6()
    return socket.AF_INET6


class _Conversation(socketserver.BaseRequestHandler):
    """Sends the server's name, then echoes what it receives."""

    server: _Listener

    def handle(self) -> None:
        with self.server.lock:
            self.server.open.add(self.request)
        try:
            self.request.sendall(self.server.greeting)
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except OSError:
            pass
        finally:
            with self.server.lock:
                self.server.open.discard(self.request)


class _Listener(socketserver.ThreadingTCPServer):
    request_queue_size = 1024

    def __init__(self, host: str, port: int, greeting: bytes) -> None:
        self.address_family = familyOf(host)
        self.allow_reuse_address = True
        self.greeting = greeting
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        super().__init__((host, port), _Conversation)


class Server:
    """
    A backend: greets each client with its name and a line feed, then echoes until the client's FIN.

    @ivar target: its target in a backends file.
    """

    def __init__(self, name: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.name = name
        self._listener = _Listener(host, port, f"{name}\n".encode())
        self.port: int = self._listener.server_address[1]
        self.target = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many are open now."""
        with self._listener.lock:
            return len(self._listener.open)

    def close(self) -> None:
        """Stop listening, and end the open connections. May be called again."""
        self._listener.shutdown()
        self._thread.join(PATIENCE)
        with self._listener.lock:
            for connection in self._listener.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the other side was first
        self._listener.server_close()


class Client:
    """A client on a plain socket."""

    def __init__(self, address: Address) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, PATIENCE)
        self._received = bytearray()

    def send(self, data: bytes) -> None:
        """Send."""
        self.socket.sendall(data)

    def finish(self) -> None:
        """Send a FIN, and go on receiving."""
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self, size: int) -> bytes:
        """The next bytes: exactly so many, or fewer if the connection ends before."""
        deadline = time.monotonic() + PATIENCE
        while len(self._received) < size and self._more(deadline):
            pass
        return self._take(size)

    def line(self) -> str:
        """The next line, such as the name of the server; empty when the connection ends instead."""
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._received and self._more(deadline):
            pass
        return self._take(self._received.find(b"\n") + 1).decode().rstrip("\r\n")

    def echoes(self, data: bytes) -> bool:
        """Whether the server behind it answers."""
        self.send(data)
        return self.receive(len(data)) == data

    def ending(self) -> str:
        """Wait for the end, ignoring what comes before it; C{"closed"} or C{"reset"}."""
        deadline = time.monotonic() + PATIENCE
        try:
            while self._more(deadline):
                self._received.clear()
        except ConnectionResetError:
            return "reset"
        return "closed"

    def close(self) -> None:
        """Close it."""
        self.socket.close()

    def _more(self, deadline: float) -> bool:
        self.socket.settimeout(max(0.001, deadline - time.monotonic()))
        data = self.socket.recv(65536)
        self._received += data
        return bool(data)

    def _take(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data


def parseAddress(text: str) -> Address:
    """An address from its text in tinylb's log."""
    if text.startswith("unix:"):
        return text.removeprefix("unix:")
    found = cast("re.Match[str]", re.fullmatch(r"\[?([^]]*)\]?:(\d+)", text))
    return found[1], int(found[2])


@contextmanager
def blackHole() -> Iterator[str]:
    """An address that never answers: its queue of connections is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield f"{address[0]}:{address[1]}"
