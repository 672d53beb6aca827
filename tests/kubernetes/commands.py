"""What an API server can be told while it is running."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kubernetes.faults import Fault, How, On
from tests.kubernetes.server import Server
from tests.kubernetes.state import Record
from tests.kubernetes.store import Object
from tests.kubernetes.watches import Watch, event


class Commands:
    """
    A method each; what it returns is the answer.

    @ivar isOver: set when the process is to end.
    """

    def __init__(self, server: Server) -> None:
        self.isOver = asyncio.Event()
        self._server = server
        self._state = server.state
        self._store = server.state.store

    async def perform(self, command: str, **arguments: Any) -> Any:
        """Carry one out."""
        assert not command.startswith("_"), command
        result = getattr(self, command)(**arguments)
        return await result if asyncio.iscoroutine(result) else result

    # What there is.

    def begin(self, revision: int, objects: Sequence[Object]) -> None:
        """See L{tests.kubernetes.store.Store.begin}."""
        self._store.begin(revision, objects)

    def change(self, put: Sequence[Object], delete: Sequence[tuple[str, str]]) -> str:
        """Create, replace and remove objects, and tell those who watch in one go. The last resourceVersion then."""
        changes = [self._store.put(object) for object in put]
        self._state.tell(changes + [self._store.delete(namespace, name) for namespace, name in delete])
        return self._store.spell(self._store.revision)

    def touch(self, count: int, bookmark: bool) -> str:
        """Other things have changed; those who watch are told how far it is, or not. The resourceVersion then."""
        self._store.touch(count)
        if bookmark:
            self._state.tellBookmarks()
        return self._store.spell(self._store.revision)

    def compact(self) -> None:
        """See L{tests.kubernetes.store.Store.compact}."""
        self._store.compact()

    def prefix(self, text: str) -> None:
        """See C{prefix} of L{tests.kubernetes.store.Store}."""
        self._store.prefix = text

    # Whom it serves, and how.

    def open(self, tokens: Sequence[str] | None, certificates: Sequence[str]) -> None:
        """Who may read; with L{None} anybody may."""
        self._state.isOpen = tokens is None
        self._state.tokens = set(tokens or ())
        self._state.certificates = set(certificates)

    def identify(self, identity: str) -> None:
        """See L{Server.identify}."""
        self._server.identify(Path(identity))

    def chunk(self, pieces: int) -> None:
        """See C{pieces} of L{tests.kubernetes.state.State}; for watches from now on."""
        self._state.pieces = pieces

    def fault(self, how: str, on: str, times: int, details: dict[str, Any]) -> None:
        """Let something go wrong."""
        self._state.faults.add(On(on), times, Fault(How(how), details))

    def heal(self) -> None:
        """Let nothing go wrong any more."""
        self._state.faults.clear()

    # The watches under way.

    def say(self, type: str, object: Object, padding: int) -> None:
        """All of them get an event, whether they have asked for such a thing or not, with so many bytes in it."""
        if padding:
            metadata = object["metadata"]
            object = {**object, "metadata": {**metadata, "annotations": {"padding": "x" * padding}}}
        self._sendAll(event(type, object))

    def mumble(self, data: str) -> None:
        """All of them get this."""
        self._sendAll(data.encode())

    def cut(self, object: Object, isReset: bool) -> None:
        """All of them end in the middle of an event."""
        for watch in self._watches():
            watch.cut(event("MODIFIED", object), isReset)

    def end(self) -> None:
        """All of them end, as after their time."""
        for watch in self._watches():
            watch.end()

    def deafen(self) -> None:
        """None of them is told anything more."""
        for watch in self._watches():
            watch.deafen()

    # Its own life.

    def ready(self, isReady: bool) -> None:
        """What C{/readyz} says from now on."""
        self._state.isReady = isReady

    async def refuse(self) -> None:
        """See L{Server.refuse}."""
        await self._server.refuse()

    def listen(self) -> tuple[str, int]:
        """See L{Server.listen}."""
        return self._server.listen()

    async def finish(self) -> None:
        """Listen no more, end all watches, as after their time, and come to an end with the last of them."""
        await self.refuse()
        self.end()
        while self._state.watches:
            await asyncio.sleep(0.001)
        self.isOver.set()

    # What it has seen.

    def requests(self) -> list[Record]:
        """All requests."""
        return self._state.records

    def connections(self) -> list[float]:
        """When each of them was accepted."""
        return self._state.accepted

    def counts(self) -> dict[str, int]:
        """How many connections are C{open}, and how many C{watches} there are."""
        return {"open": self._state.open, "watches": len(self._state.watches)}

    def _watches(self) -> list[Watch]:
        return list(self._state.watches)

    def _sendAll(self, data: bytes) -> None:
        for watch in self._watches():
            watch.send(data)
