"""The console's client of the status endpoint, at hosts with several addresses."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tinylb.cli.client import StatusClient, Unreachable, Where

STATE = {"ready": True, "backends": []}


class Handler(BaseHTTPRequestHandler):
    """Answers each request with the state."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(STATE).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server at 127.0.0.1."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def leadTo(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Each name has these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_nextAddress(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one address refuses, the next one is asked."""
    leadTo(monkeypatch, ("127.0.0.2", port), ("127.0.0.1", port))
    assert StatusClient(Where("two.example", port), 5.0).state() == STATE


def test_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all refuse, that is told."""
    leadTo(monkeypatch, ("127.0.0.2", port), ("127.0.0.3", port))
    with pytest.raises(Unreachable, match="connection refused"):
        StatusClient(Where("two.example", port), 5.0).state()


def test_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is for all addresses together, not for each."""
    with ExitStack() as stack:
        full = stack.enter_context(closing(socket.socket()))
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # with its queue full, the kernel answers nobody
            client = stack.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        leadTo(monkeypatch, *[full.getsockname()] * 5)
        begun = time.monotonic()
        with pytest.raises(Unreachable, match="no answer within 1 s"):
            StatusClient(Where("five.example", full.getsockname()[1]), 1.0).state()
        assert time.monotonic() - begun < 3.0
