"""What an API server answers to a request, be it right or, if that was told, wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.kubernetes.faults import Fault, How, On
from tests.kubernetes.state import Record, State
from tests.kubernetes.statuses import Refusal, forbidden
from tests.kubernetes.store import API_VERSION, KIND, Change, Selector
from tests.kubernetes.watches import Watch, bookmark, event
from tests.kubernetes.wire import Connection, Request, encode

SLICES = re.compile(rf"/apis/{API_VERSION}/namespaces/([^/]+)/endpointslices")
PROBES = ("/healthz", "/livez", "/readyz")
ANONYMOUS = "system:anonymous"

CHUNKED_FROM = 2048
"""Go's server, not told how long an answer will be, sends one of this size in chunks."""

NEXT_PAGE = "there is always more"
ENDLESS = {
    How.ENDLESS_HEADERS: (b"HTTP/1.1 200 OK\r\n", b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(16))),
    How.ENDLESS_INTERIM: (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
}
"""How it begins, and how it goes on."""

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
NOT_READY = b"[+]ping ok\n[+]etcd ok\n[-]shutdown failed: reason withheld\nreadyz check failed\n"


def kindOf(request: Request) -> On:
    """What is asked for."""
    if not SLICES.fullmatch(request.path):
        return On.OTHER
    return On.WATCH if request.query.get("watch") in ("1", "true") else On.LIST


class Answer:
    """The one to C{request}. What the connection is used for then is up to others."""

    def __init__(self, state: State, request: Request, record: Record, connection: Connection) -> None:
        self._state = state
        self._store = state.store
        self._query = request.query
        self._request = request
        self._record = record
        self._connection = connection
        self._on = On(record["on"])
        self._fault: Fault | None = None

    async def give(self) -> None:
        """Do so. A watch takes until it has come to its end."""
        self._fault = self._state.faults.take(self._on)
        try:
            await self._giveOrRefuse()
        except Refusal as refusal:
            headers = {} if refusal.retryAfter is None else {"Retry-After": str(refusal.retryAfter)}
            self._whole(refusal.code, encode(refusal.status), headers)

    async def _giveOrRefuse(self) -> None:
        if await self._isSpoilt():
            return
        user = self._user()
        found = SLICES.fullmatch(self._request.path)
        if found is None:
            self._giveOther()
            return
        if self._request.method != "GET":
            raise Refusal(405)
        if user == ANONYMOUS and not self._state.isOpen:
            raise forbidden(user, self._on.value, found[1])
        selector = Selector.parse(found[1], self._query.get("labelSelector", ""))
        if self._on is On.WATCH:
            await self._watch(selector)
        else:
            await self._list(selector)

    def _user(self) -> str:
        """
        @raise Refusal: for credentials of which none is believed.
        """
        name, token = self._record["certificate"], self._record["token"]
        if name in self._state.certificates or token in self._state.tokens:
            return "somebody"
        if (name is None and token is None) or self._state.isOpen:
            return ANONYMOUS
        raise Refusal(401)

    def _giveOther(self) -> None:
        path = self._request.path
        if path in PROBES:
            isWell = self._state.isReady or path != "/readyz"
            self._whole(200 if isWell else 500, b"ok" if isWell else NOT_READY, TEXT)
        else:
            self._whole(404, b"404 page not found\n", TEXT)

    async def _list(self, selector: Selector) -> None:
        version, match = self._query.get("resourceVersion", ""), self._query.get("resourceVersionMatch", "")
        # What comes from the watch cache comes at once.
        limit = 0 if version == "0" else self._number("limit")
        token = self._query.get("continue", "")
        page = self._store.page(selector, version, match, limit, "" if token == NEXT_PAGE else token)
        metadata = {"resourceVersion": self._store.spell(page.revision)}
        if self._isFault(How.ENDLESS_LIST):
            metadata["continue"] = NEXT_PAGE
        elif page.token:
            metadata["continue"] = page.token
        items = [self._store.render(object, revision) for revision, object in page.items]
        kind = {"kind": f"{KIND}List", "apiVersion": API_VERSION}
        await self._body(encode({**kind, "metadata": metadata, "items": items}))

    async def _body(self, body: bytes) -> None:
        """A list, or a half of it."""
        if self._isFault(How.HALF, How.CLOSE_HALF):
            self._begin(200, {"Content-Length": str(len(body))})
            self._connection.write(body[: len(body) // 2])
            if self._isFault(How.HALF):
                await self._connection.lost.wait()
            else:
                self._connection.close()
        elif len(body) < CHUNKED_FROM:
            self._whole(200, body, {})
        else:
            self._begin(200, {"Transfer-Encoding": "chunked"})
            for start in range(0, len(body), CHUNKED_FROM):
                self._connection.chunk(body[start : start + CHUNKED_FROM])
            self._connection.chunk(b"")

    async def _watch(self, selector: Selector) -> None:
        hasBookmarks = self._query.get("allowWatchBookmarks") in ("1", "true")
        version = self._query.get("resourceVersion", "")
        refusal: Refusal | None = None
        changes: list[Change] = []
        try:
            changes = self._changes(version)
        except Refusal as error:
            if error.code != 410 or self._isFault(How.EXPIRED_STATUS):
                raise
            refusal = error
        self._begin(200, {"Transfer-Encoding": "chunked"})
        seconds = self._number("timeoutSeconds") or None
        after = 0 if version in ("", "0") else self._store.parse(version)
        watch = Watch(self._connection, selector, after, seconds, hasBookmarks, self._state.pieces)
        if self._isFault(How.HEADERS_ONLY):
            watch.deafen()
        if self._isFault(How.CUT):
            self._connection.close()
        if refusal is not None:
            watch.send(event("ERROR", refusal.status))
            watch.end()
        watch.send(self._state.events(changes, selector))
        self._state.watches.add(watch)
        try:
            await watch.run()
        finally:
            self._state.watches.discard(watch)
        if hasBookmarks and refusal is None:
            self._connection.chunk(bookmark(self._store.spell(self._store.revision)))
        self._connection.chunk(b"")

    def _changes(self, version: str) -> list[Change]:
        """What a watch begins with. Without a version it is all there is, as if it had been added now."""
        if version not in ("", "0"):
            return self._store.since(self._store.parse(version))
        found = self._store.snapshot(self._store.revision)
        return [Change(revision, key, None, object) for key, (revision, object) in sorted(found.items())]

    async def _isSpoilt(self) -> bool:
        """Whether a fault has taken the place of the answer."""
        if self._fault is None:
            return False
        how, details = self._fault
        if how is How.SILENCE:
            await self._connection.lost.wait()
        elif how is How.CLOSE:
            self._connection.close()
        elif how in ENDLESS:
            await self._neverEnd(*ENDLESS[how])
        elif how is How.HEADERS_ONLY and self._on is not On.WATCH:
            self._begin(200, {"Content-Length": "1000"})
            await self._connection.lost.wait()
        elif how is How.REFUSAL:
            raise Refusal(**details)
        elif how is How.ANSWER:
            self._answerAs(**details)
        else:
            return False
        return True

    async def _neverEnd(self, beginning: bytes, more: bytes) -> None:
        self._connection.write(beginning)
        while not self._connection.lost.is_set():
            self._connection.write(more)
            await self._connection.pause()

    def _isFault(self, *hows: How) -> bool:
        return self._fault is not None and self._fault.how in hows

    def _answerAs(self, code: int, headers: Mapping[str, str], body: str, size: int) -> None:
        self._whole(code, body.encode().ljust(size), headers)

    def _number(self, name: str) -> int:
        text = self._query.get(name, "0")
        if not text.isdigit():
            raise Refusal(400, f'strconv.ParseInt: parsing "{text}": invalid syntax')
        return int(text)

    def _whole(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self._begin(code, {"Content-Length": str(len(body)), **headers})
        self._connection.write(body)

    def _begin(self, code: int, headers: Mapping[str, str]) -> None:
        self._record["code"] = code
        isLast = {} if self._state.isListening else {"Connection": "close"}
        self._connection.begin(code, {**headers, **isLast})
