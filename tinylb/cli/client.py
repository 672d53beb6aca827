"""Asks the status endpoint of a running tinylb."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote

from tinylb.cli.failure import CommandFailed
from tinylb.usage import wrongUsage
from tinylb.wording import printable, wordingOf

PORT = 9090
"""The port of a URL that names neither a port nor C{http://}."""

LARGEST = 64 * 1024 * 1024

_URL = re.compile(
    r"(http://)?(?P<host>(?![0-9]+$)[^\s/:@?#\[\]]*|\[[0-9A-Fa-f:.%\w]+\])(:(?P<port>[0-9]{1,5}))?(?P<path>/[^\s?#]*)?"
)


class Unreachable(CommandFailed):
    """There is no answer, or one that is not tinylb's."""


@dataclass(frozen=True)
class Where:
    """
    Where a status endpoint is.

    @ivar socket: the path of its UNIX socket, if that is what it listens on.
    @ivar prefix: what comes before the paths, if a reverse proxy hands requests on to the endpoint.
    """

    host: str
    port: int
    prefix: str = ""
    socket: str | None = None

    @classmethod
    def parse(cls, text: str) -> Where:
        """Read C{http://HOST:PORT}, C{HOST:PORT}, C{:PORT} or C{unix:/PATH}; wrong usage ends the program."""
        if text.startswith("unix:") and len(text) > len("unix:"):
            return cls("localhost", 80, socket=text.removeprefix("unix:"))
        # As for --status: tcp:9090 alone means loopback.
        found = _URL.fullmatch(text.removeprefix("tcp") if re.fullmatch("tcp:[0-9]+", text) else text)
        port = found and (found["port"] or (80 if found[1] else PORT))
        if found is None or not text or not (found["host"] or found["port"]) or not 1 <= int(port or 0) <= 65535:
            raise wrongUsage(
                f"URL {text}: not where --status may listen; expected for example http://127.0.0.1:{PORT}, :{PORT} or "
                "unix:/run/tinylb.sock"
            )
        host = (found["host"] or "127.0.0.1").strip("[]")
        return cls(host, int(port or 0), quote(found["path"] or "", safe="/%").rstrip("/"))

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix:{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.prefix}"


class _TCPConnection(HTTPConnection):
    """Connects within its timeout, however many addresses the host has."""

    def connect(self) -> None:
        """See L{HTTPConnection}."""
        limit = float(self.timeout or 0.0)
        deadline = time.monotonic() + limit
        failure: OSError = TimeoutError()
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock = socket.socket(family, kind, protocol)
            self.sock.settimeout(left)
            try:
                self.sock.connect(address)
                self.sock.settimeout(limit)
                return
            except OSError as error:
                self.sock.close()
                failure = error
        raise failure


class _UNIXConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class StatusClient:
    """
    Asks one endpoint, with a connection for each question.

    @param timeout: seconds that the whole of an answer may take.
    """

    def __init__(self, where: Where, timeout: float) -> None:
        self.where = where
        self._timeout = timeout

    def state(self) -> dict[str, Any]:
        """
        See L{LoadBalancerService.describe <tinylb.LoadBalancerService.describe>}. The values may be anything: the
        running tinylb may be of another version.

        @raise Unreachable: also when the answer is no such description.
        """
        state = self._get("/api/state")
        if not isinstance(state, dict) or not _areObjects(state.get("backends")):
            raise self._strange()
        return state

    def decisions(self) -> list[dict[str, Any]]:
        """See L{LoadBalancer.explain <tinylb.LoadBalancer.explain>}; otherwise like L{state}."""
        decisions = self._get("/api/explain")
        if not isinstance(decisions, list) or not _areObjects(decisions):
            raise self._strange()
        return decisions

    def _get(self, path: str) -> Any:
        connection = self._connection()
        try:
            response, content = self._answer(connection, path)
        except TimeoutError:
            raise Unreachable(f"{self.where}: no answer within {self._timeout:g} s") from None
        except UnicodeError:
            raise Unreachable(f"{self.where}: {self.where.host!r} is not a host name") from None
        except (ConnectionResetError, BrokenPipeError):
            raise Unreachable(f"{self.where}: {CLOSED}") from None
        except HTTPException as error:
            raise Unreachable(f"{self.where}: not an answer in HTTP ({_told(error)}); {EXPECTED}") from None
        except OSError as error:
            raise Unreachable(f"{self.where}: {_told(error)}; is tinylb running there, with --status?") from None
        finally:
            connection.close()
        if response.status != 200:
            reason = printable(content.decode(errors="replace"), 80) or printable(response.reason, 80)
            raise Unreachable(f"{self.where}: {path} is answered with {response.status}, {reason}; {EXPECTED}")
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise self._strange() from None

    def _connection(self) -> HTTPConnection:
        if self.where.socket is not None:
            return _UNIXConnection(self.where.socket, self._timeout)
        return _TCPConnection(self.where.host, self.where.port, timeout=self._timeout)

    def _answer(self, connection: HTTPConnection, path: str) -> tuple[HTTPResponse, bytes]:
        """The whole answer, within the timeout."""
        deadline = time.monotonic() + self._timeout
        connection.connect()
        # A socket's timeout limits each wait: a server that sends a little now and then would be heard for ever.
        isLate = threading.Event()
        timer = threading.Timer(deadline - time.monotonic(), _cut, (connection.sock, isLate))
        timer.daemon = True
        with suppress(RuntimeError):  # where there are no threads to be had, the socket's timeout has to do
            timer.start()
        try:
            connection.request("GET", self.where.prefix + path, headers={"Connection": "close"})
            response = connection.getresponse()
            content = _content(response)
        except (OSError, HTTPException):
            if not isLate.is_set():
                raise
        finally:
            timer.cancel()
        if isLate.is_set():  # an answer without a Content-Length would seem to be complete
            raise TimeoutError
        return response, content

    def _strange(self) -> Unreachable:
        return Unreachable(f"{self.where}: the answer is not tinylb's; {EXPECTED}")


EXPECTED = "expected the --status endpoint of a tinylb"
CLOSED = (
    "the connection was closed without an answer; tinylb has no free descriptors, or this is not its --status endpoint"
)


def _content(response: HTTPResponse) -> bytes:
    """The whole body, of at most C{LARGEST} bytes."""
    content = bytearray()
    while part := response.read1(1 << 16):
        content += part
        if len(content) > LARGEST:
            raise HTTPException(f"more than {LARGEST >> 20} MiB")
    if response.length:
        raise HTTPException("it ends too early")
    return bytes(content)


def _cut(connection: socket.socket, isLate: threading.Event) -> None:
    """Shut a connection down, so that the thread that reads from it sees its end."""
    isLate.set()
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _areObjects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _told(error: Exception) -> str:
    text = wordingOf(error) if isinstance(error, OSError) else str(error)
    return printable(text or type(error).__name__, 120)
