"""What tests of the status endpoint share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.unit.servicecase import ServiceTestCase
from tinylb.status.service import StatusService
from tinylb.testing import MemoryEndpoint, MemoryPeer

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LISTEN = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
METRICS = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


class MemoryMetrics:
    """
    Metrics whose content the test decides.

    @ivar isCounting: whether the metrics are started.
    """

    def __init__(self) -> None:
        self.isCounting = False

    def start(self) -> None:
        """See L{Metrics <tinylb.status.paths.Metrics>}."""
        self.isCounting = True

    def stop(self) -> None:
        """See L{Metrics <tinylb.status.paths.Metrics>}."""
        self.isCounting = False


class FixedMetrics(MemoryMetrics):
    """Exposes what it is given, part by part; an exception among the parts is raised in its turn."""

    def __init__(self, *parts: bytes | Exception) -> None:
        super().__init__()
        self._parts = parts

    def expose(self) -> Iterator[bytes]:
        """See L{Metrics <tinylb.status.paths.Metrics>}."""
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part


class LongMetrics(MemoryMetrics):
    """Exposes so many parts, and calls C{made} before each."""

    def __init__(self, made: Callable[[], None], count: int, part: bytes = b"a 1\n") -> None:
        super().__init__()
        self._made = made
        self._parts = [part] * count

    def expose(self) -> Iterator[bytes]:
        """See L{Metrics <tinylb.status.paths.Metrics>}."""
        for part in self._parts:
            self._made()
            yield part


@dataclass(frozen=True)
class Response:
    """A response: its status, its headers by name in lower case, and its body without the framing of chunks."""

    code: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def responses(data: bytes, *, isHead: bool = False) -> list[Response]:
    """The responses in the data of a connection."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, f"a head without an end: {head!r}"
        status, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            body, data = _unchunked(data)
        elif not isHead:
            length = int(headers.get("content-length", len(data)))
            body, data = data[:length], data[length:]
        found.append(Response(int(status.split(" ")[1]), headers, body))
    return found


def _unchunked(data: bytes) -> tuple[bytes, bytes]:
    """A chunked body as far as it has come, and the data after it."""
    body = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length + 2 :]
        if not length:
            break
    return body, data


def events(body: bytes) -> list[dict[str, Any]]:
    """The data of the server-sent events in a body, in order."""
    return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]


class StatusTestCase(ServiceTestCase):
    """Tests of the status endpoint of a balancer that has started. Nothing of either may be left at the end."""

    def setUp(self) -> None:
        """Start a balancer with one backend, C{a}."""
        super().setUp()
        self.balancer = self.started()
        self.provider.set(self.set)
        self.door = MemoryEndpoint(self.clock, 9090)

    def serve(self, **options: Any) -> StatusService:
        """A status endpoint that listens."""
        service = StatusService(self.clock, options.pop("endpoint", self.door), self.balancer, **options)
        self.addCleanup(self.endStatus, service)
        service.startService()
        return service

    def endStatus(self, service: StatusService) -> None:
        stopped = service.stopService()
        self.clock.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(list(self.balancer.balancer.observers)[2:], [])

    def say(self, *lines: str, to: MemoryPeer | None = None) -> MemoryPeer:
        """Send a request with this first line and these headers besides Host."""
        peer = to or self.door.connect()
        peer.send("\r\n".join((lines[0], "Host: localhost", *lines[1:], "", "")).encode())
        self.settle()
        return peer

    def settle(self) -> None:
        """Let everything happen that is due at once."""
        self.clock.pump([0] * 10)

    def ask(self, path: str, method: str = "GET", *headers: str) -> Response:
        """The one response to a request."""
        peer = self.say(f"{method} {path} HTTP/1.1", *headers)
        (response,) = responses(peer.received, isHead=method == "HEAD")
        return response

    def listen(self) -> MemoryPeer:
        """A client that is sent events."""
        return self.say("GET /api/events HTTP/1.1")

    def heard(self, peer: MemoryPeer) -> list[dict[str, Any]]:
        """The events that it was sent so far, without their times."""
        (response,) = responses(peer.received)
        told = events(response.body)
        for event in told:
            self.assertRegex(event.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        return told
