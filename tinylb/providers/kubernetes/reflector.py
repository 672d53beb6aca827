"""
Follows a collection of Kubernetes objects: lists it, then watches its changes, for ever. See
U{https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.providers.kubernetes.access import AccessError
from tinylb.providers.kubernetes.answers import Gone, goneOr, readEvent, readList, wordingOf
from tinylb.providers.kubernetes.api import Api
from tinylb.providers.kubernetes.bodies import ApiError, StreamBroken
from tinylb.providers.kubernetes.slices import UnexpectedSlice

SHORTEST, LONGEST = 0.2, 30.0
"""Seconds between tries, at first and at the most; up to half of it less, so that many do not come together."""

WATCH = 120
"""Seconds that a watch is asked to last; up to half as long again."""

GRACE = 10.0
"""Seconds that a server may be late with the end of a watch. Then it is taken to hang."""

LASTING = 5.0
"""Seconds after which a watch that lasts shows that all is well."""

SILENCE = 90.0
"""Seconds of silence that end a watch, if the server sends bookmarks. API servers send one about once a minute; a
server that hangs behind an open connection does not."""

RELIST = 600.0
"""Seconds after which all is listed anew, up to half as long again. A server whose data was restored from a backup may
be behind the version that is known, and tell a watch nothing."""

LONGEST_WISH = 60.0
"""Seconds to which a server's C{Retry-After} is limited."""

AGAIN = 1.0
"""The fewest seconds from one request to the next when the reflector is stopped and started again in between."""

PAGE = 50
"""Objects that are asked for at once, as a page of a list."""

MOST_PAGES = 200
"""The most pages of a list. A list with more is taken to be endless."""


class Collection(Protocol):
    """Hears of a collection's objects. An L{UnexpectedSlice} raised here is the server's fault: all is listed anew."""

    def listed(self, objects: list[Any]) -> None:
        """These are all objects now."""

    def changed(self, kind: str, thing: Any) -> None:
        """
        One object has changed.
        @param kind: C{ADDED}, C{MODIFIED} or C{DELETED}.
        """

    def asked(self) -> None:
        """The server has answered, whether or not the answer can be used."""

    def failed(self, error: Exception) -> None:
        """The collection cannot be followed at present."""

    def worked(self) -> None:
        """The collection can be followed."""


class Reflector:
    """
    Between C{start} and C{stop} the collection is being listed or watched, or there is a pause before the next list or
    watch. A watch that breaks or ends is followed by another, which goes on from there. All is listed anew only when a
    watch is refused, when the server no longer knows what has changed since, after L{RELIST} seconds, and on demand.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1), for jitter.
    @param path: of the collection.
    @param selector: a label selector for the objects to follow.
    """

    _log = Logger()

    def __init__(
        self,
        api: Api,
        clock: IReactorTime,
        random: Callable[[], float],
        path: str,
        selector: str,
        collection: Collection,
    ) -> None:
        self._api = api
        self._clock = clock
        self._random = random
        self._path = path
        self._parameters = {"labelSelector": selector}
        self._collection = collection
        self._run: object = None
        self._going: Deferred[None] | None = None
        self._watching: Deferred[None] | None = None
        self._sendsBookmarks = False
        self._heard = 0.0
        self._backoff = SHORTEST
        # The seconds to wait that the server has asked for (Retry-After).
        self._wish = 0.0
        self._pausing: IDelayedCall | None = None
        # When the last pause is over, even if a stop has cut it short.
        self._notBefore = 0.0
        # The known version of the collection, empty before it is listed; and when it is to be listed again.
        self._version = ""
        self._stale = 0.0

    def start(self) -> None:
        """
        Go on from the known version, unless it is too old. This does not ask at once: the way to the server may be
        through the balancer that uses this, which has yet to listen.
        """
        self._run = run = object()
        self._going = Deferred.fromCoroutine(self._keepUp(run))

    def stop(self) -> None:
        """End what is going on. The collection is told nothing more."""
        self._run = None
        going, self._going = self._going, None
        if going is not None:
            going.cancel()

    def relist(self) -> None:
        """List anew: soon, or after the pause that follows a failure."""
        self._version = ""
        if self._watching is not None:
            self._watching.cancel()

    def refresh(self) -> None:
        """List anew, soon, even if that has failed lately. A pause that the server has asked for is still kept."""
        self._backoff = SHORTEST
        pausing = self._pausing
        if pausing is not None and pausing.active():
            soon = self._clock.seconds() + SHORTEST
            if pausing.getTime() > soon:
                pausing.reset(SHORTEST)
                self._notBefore = soon
        self.relist()

    async def _keepUp(self, run: object) -> None:
        try:
            await self._sleep(max(0.0, self._notBefore - self._clock.seconds()))
            while self._run is run:
                # Stopping and starting this must not ask the server more often than waiting does.
                self._notBefore = self._clock.seconds() + max(AGAIN, self._backoff)
                try:
                    if not self._version or self._clock.seconds() >= self._stale:
                        await self._list(run)
                    if self._run is run and self._version:
                        await self._watch(run)
                except CancelledError:
                    raise
                except Exception as error:
                    if self._run is run:
                        self._fail(error)
                if self._run is run:
                    await self._pause()
        except CancelledError:
            pass

    def _fail(self, error: Exception) -> None:
        if isinstance(error, StreamBroken):
            if self._backoff > SHORTEST:  # not the first in a row
                self._collection.failed(error)
            return
        self._version = ""
        if isinstance(error, Gone):
            return
        if isinstance(error, (ApiError, AccessError, UnexpectedSlice)):
            self._wish = getattr(error, "retryAfter", 0.0)
        else:
            self._log.failure("Following Kubernetes failed; it begins anew", failure=Failure(error))
        self._collection.failed(error)

    async def _list(self, run: object) -> None:
        self._version = ""
        objects: list[Any] = []
        page = ""
        for _ in range(MOST_PAGES):
            more = {"limit": str(PAGE), "continue": page} if page else {"limit": str(PAGE)}
            try:
                answer = await self._api.get(self._path, {**self._parameters, **more})
            except ApiError as error:
                raise goneOr(error) from None
            items, version, page = readList(answer)
            objects += items
            if not page:
                break
        else:
            raise ApiError("the list does not end")
        if self._run is run:
            self._version = version
            self._stale = self._clock.seconds() + RELIST * (1 + self._random() / 2)
            self._collection.asked()
            self._collection.listed(objects)

    async def _watch(self, run: object) -> None:
        seconds = WATCH * (1 + self._random() / 2)
        parameters = {
            **self._parameters,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds)),
        }
        lasting: list[IDelayedCall] = []
        isSilent = False

        def began() -> None:
            self._heard = self._clock.seconds()
            self._collection.asked()
            lasting.append(self._clock.callLater(LASTING, self._calm))
            lasting.append(self._clock.callLater(SILENCE, listen))

        def listen() -> None:
            nonlocal isSilent
            silence = self._clock.seconds() - self._heard
            isSilent = self._sendsBookmarks and silence >= SILENCE
            if isSilent:
                watching.cancel()
            else:
                # Not sooner than in a second: by rounding, the rest may be no time at all.
                lasting[1] = self._clock.callLater(max(1.0, SILENCE - silence % SILENCE), listen)

        stream = self._api.stream(self._path, parameters, began, self._event, seconds + GRACE)
        self._watching = watching = Deferred.fromCoroutine(stream)
        try:
            await watching
            if not lasting or lasting[0].active():
                raise StreamBroken("the server ends each watch at once")
        except Exception as error:
            if self._run is run and not self._version:
                return  # we have ended it ourselves, whatever error Agent makes of that
            if isSilent:
                raise StreamBroken("the server sends nothing any more") from None
            raise (goneOr(error) if isinstance(error, ApiError) else error) from None
        finally:
            self._watching = None
            for call in lasting:
                if call.active():
                    call.cancel()

    def _calm(self) -> None:
        """The watch has lasted: all is well."""
        self._backoff = SHORTEST
        self._collection.worked()

    def _event(self, line: bytes) -> None:
        event = readEvent(line)
        kind, thing = event["type"], event["object"]
        if kind == "ERROR":
            raise goneOr(ApiError(f"the watch failed: {wordingOf(thing)}", thing.get("code")))
        metadata = thing.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        if isinstance(version, str) and version:
            self._version = version
        self._heard = self._clock.seconds()
        self._sendsBookmarks |= kind == "BOOKMARK"
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            self._collection.changed(kind, thing)

    async def _pause(self) -> None:
        wish, self._wish = min(self._wish, LONGEST_WISH), 0.0
        jitter = self._random() / 2
        pause = max(self._backoff * (1 - jitter), wish * (1 + jitter))
        self._notBefore = self._clock.seconds() + pause
        self._backoff = min(self._backoff * 2, LONGEST)
        await self._sleep(pause, isWish=wish > 0)

    def _sleep(self, seconds: float, *, isWish: bool = False) -> Deferred[None]:
        sleeping: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(seconds, sleeping.callback, None)
        self._pausing = None if isWish else call
        return sleeping
