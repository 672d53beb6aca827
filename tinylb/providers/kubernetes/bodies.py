"""Receives the body of an API server's answer, as a whole or line by line."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss

LARGEST = 32 * 1024 * 1024
"""The most bytes of an answer, or of a single line."""


class ApiError(Exception):
    """
    The server did not answer as it should; the message is one line.

    @ivar status: of HTTP, or C{None}.
    @ivar retryAfter: seconds that the server asks us to wait.
    """

    def __init__(self, message: str, status: int | None = None, retryAfter: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retryAfter = retryAfter


class StreamBroken(ApiError):
    """A stream that had begun has ended in another way than it should."""


class Body(Protocol):
    """Collects an answer."""

    def __init__(self, most: int) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._most = most
        self._heard = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) > self._most and not self.done.called:
            self.done.errback(ApiError(f"its answer is larger than {self._most >> 20} MiB"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            if reason.check(ResponseDone, PotentialDataLoss):
                self.done.callback(bytes(self._heard))
            else:
                self.done.errback(ConnectionLost())


class Lines(Protocol):
    """Hands on a stream line by line."""

    def __init__(self, line: Callable[[bytes], None]) -> None:
        self.done: Deferred[None] = Deferred()
        self._line = line
        self._rest = bytearray()

    def dataReceived(self, data: bytes) -> None:
        start = len(self._rest)
        self._rest += data
        # Only the new bytes are searched, however long a line grows.
        end = self._rest.rfind(b"\n", start)
        if end >= 0:
            lines = bytes(self._rest[:end]).split(b"\n")
            del self._rest[: end + 1]
            self._handOn(lines)
        if len(self._rest) > LARGEST and not self.done.called:
            self.done.errback(ApiError(f"an event is larger than {LARGEST >> 20} MiB"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss) and not self._rest.strip():
            self.done.callback(None)
        else:
            self.done.errback(ConnectionLost())

    def _handOn(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.strip() and not self.done.called:
                try:
                    self._line(line)
                except Exception:
                    self.done.errback(Failure())
