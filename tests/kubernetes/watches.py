"""Watches that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.kubernetes.store import API_VERSION, KIND, Selector
from tests.kubernetes.wire import Connection, encode


class Watch:
    """
    One of them.

    @param after: the revision that it begins with. What changes before that is reached is not told, even if the server
        has yet to come there; so it is when a cluster was restored from an older state.
    @param seconds: for how long, or L{None}.
    @param hasBookmarks: whether the client wants them.
    @param pieces: the most bytes in a chunk; C{0}: all that is sent at once is one.
    """

    def __init__(
        self,
        connection: Connection,
        selector: Selector,
        after: int,
        seconds: int | None,
        hasBookmarks: bool,
        pieces: int,
    ) -> None:
        self.selector = selector
        self.after = after
        self.hasBookmarks = hasBookmarks
        self._connection = connection
        self._deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        self._pieces = pieces
        self._isDeaf = False
        self._queue: asyncio.Queue[bytes | Callable[[], None]] = asyncio.Queue()
        connection.onLost = self.end

    def send(self, data: bytes) -> None:
        """Some lines, or whatever it is."""
        if data and not self._isDeaf:
            self._queue.put_nowait(data)

    def end(self) -> None:
        """It is over, in the way that one is that has lasted for long enough."""
        self._queue.put_nowait(b"")

    def deafen(self) -> None:
        """From now on it says nothing, and does not end by itself."""
        self._isDeaf = True
        self._deadline = None

    def cut(self, data: bytes, isReset: bool) -> None:
        """End the connection in the middle of an event, when all that was sent before is on its way."""
        self._queue.put_nowait(partial(self._cut, data, isReset))

    async def run(self) -> None:
        """Say what there is to say, until the end."""
        loop = asyncio.get_running_loop()
        while True:
            left = None if self._deadline is None else max(0, self._deadline - loop.time())
            try:
                data = await asyncio.wait_for(self._queue.get(), left)
            except asyncio.TimeoutError:
                if self._isDeaf:
                    continue
                return
            if not data:
                return
            if not isinstance(data, bytes):
                data()
                continue
            size = self._pieces or len(data)
            for start in range(0, len(data), size):
                self._connection.chunk(data[start : start + size])
                await self._connection.pause()

    def _cut(self, data: bytes, isReset: bool) -> None:
        self._connection.write(b"%x\r\n" % len(data) + data[: len(data) // 2])
        if isReset:
            self._connection.reset()
        else:
            self._connection.close()


def event(kind: str, object: dict[str, Any]) -> bytes:
    """A line of a watch. An object says what it is here, unlike in a list."""
    if kind != "ERROR":
        object = {"kind": KIND, "apiVersion": API_VERSION, **object}
    return encode({"type": kind, "object": object})


def bookmark(version: str) -> bytes:
    """The line that tells how far the watch has come; what Go has no value for is there all the same."""
    metadata = {"resourceVersion": version, "creationTimestamp": None}
    return event("BOOKMARK", {"metadata": metadata, "addressType": "", "endpoints": None, "ports": None})
