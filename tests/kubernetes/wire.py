"""HTTP/1.1 as an API server speaks it, over connections that can be handled roughly."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

LARGEST_HEAD = 1 << 16
JSON = "application/json"


class Request(NamedTuple):
    """The head of a request; none that is understood here has a body. Of what is given twice, the last counts."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class Connection(asyncio.StreamReaderProtocol):
    """
    A client's.

    @ivar lost: set when it has ended, from whichever side; then C{onLost} is called, too.
    """

    def __init__(self, converse: Callable[[Connection], Awaitable[None]]) -> None:
        self._reader = asyncio.StreamReader(LARGEST_HEAD)
        super().__init__(self._reader, self._connected)
        self._converse = converse
        self._writer: asyncio.StreamWriter
        self.lost = asyncio.Event()
        self.onLost: Callable[[], object] = lambda: None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self.lost.set()
        self.onLost()
        super().connection_lost(exc)

    @property
    def tls(self) -> ssl.SSLObject:
        """What is known of the handshake."""
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return tls

    @property
    def certificate(self) -> str | None:
        """The common name in the client's certificate, if there is one."""
        subject: Any = (self.tls.getpeercert() or {}).get("subject", ())
        return next((value for part in subject for name, value in part if name == "commonName"), None)

    async def read(self) -> Request | None:
        """The next request; L{None} when there is none any more, or none that can be read."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Request(method, unquote(parts.path), query, headers)

    def begin(self, code: int, headers: Mapping[str, str]) -> None:
        """The head of an answer."""
        common = {"Cache-Control": "no-cache, private", "Content-Type": JSON}
        lines = [f"{name}: {value}\r\n" for name, value in {**common, **headers}.items()]
        self.write(f"HTTP/1.1 {code} {HTTPStatus(code).phrase}\r\n{''.join(lines)}\r\n".encode())

    def chunk(self, data: bytes) -> None:
        """One of them; an empty one is the last."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def write(self, data: bytes) -> None:
        """Whatever it is, if it can still be said."""
        if not self._writer.is_closing():
            self._writer.write(data)

    async def pause(self) -> None:
        """Let what was written arrive apart from what comes next, as far as that can be had."""
        try:
            await self._writer.drain()
        except OSError:
            pass  # there is nobody any more
        await asyncio.sleep(0.001)

    def close(self) -> None:
        """End it when what was written has been sent."""
        self._writer.close()

    def reset(self) -> None:
        """End it now."""
        self._writer.transport.abort()

    async def _connected(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        await self._converse(self)


def encode(value: Any) -> bytes:
    """JSON as API servers write it: without spaces, and with a line feed behind it."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
