"""Asks an API server: for an object, or for lines without an end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tinylb.addresses import quote
from tinylb.providers.kubernetes.access import Access, Session
from tinylb.providers.kubernetes.bodies import LARGEST, ApiError, Body, Lines, StreamBroken
from tinylb.providers.kubernetes.line import Line, wording

HEADERS = 10.0
"""Seconds that a server may take to accept the connection and begin its answer."""

BODY = 30.0
"""Seconds that it may take to say all of an answer that is no stream."""

KEEPALIVE = 15.0
"""Seconds of silence after which the kernel asks whether the peer of a stream is still there."""


class Api:
    """
    A way to an API server. Each request has a connection of its own, which is gone when the request is over: a
    certificate or token that was renewed is in use at once, and one that hangs costs nothing later.

    @param clock: monotonic.
    """

    def __init__(self, reactor: Any, clock: IReactorTime, access: Access) -> None:
        self._reactor = reactor
        self._clock = clock
        self._access = access

    def get(self, path: str, parameters: Mapping[str, str]) -> Deferred[Any]:
        """
        Ask for an object.

        @return: fires with it, as JSON has it, or fails with L{ApiError} or L{AccessError}. Cancelling it ends the
            connection at once.
        """
        return Deferred.fromCoroutine(self._get(path, parameters))

    def stream(
        self,
        path: str,
        parameters: Mapping[str, str],
        began: Callable[[], None],
        line: Callable[[bytes], None],
        seconds: float,
    ) -> Deferred[None]:
        """
        Ask for lines without an end.

        @param began: called when the server has agreed.
        @param line: called with each line. What it raises ends the stream, and is what this fails with.
        @param seconds: after so many it is ended, whatever the server says.
        @return: fires when the server has ended it, or fails as L{get} does.
        """
        return Deferred.fromCoroutine(self._stream(path, parameters, began, line, seconds))

    async def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        session = await self._access.session()
        way = Line(self._reactor, session)
        try:
            response = await self._ask(way, session, path, parameters)
            body = await self._body(way, session, response, LARGEST)
        finally:
            way.close()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(f"{session.server}: what it says is not JSON: {quote(body[:60])}") from None

    async def _stream(
        self,
        path: str,
        parameters: Mapping[str, str],
        began: Callable[[], None],
        line: Callable[[bytes], None],
        seconds: float,
    ) -> None:
        session = await self._access.session()
        way = Line(self._reactor, session)
        try:
            response = await self._ask(way, session, path, parameters)
            way.probe(KEEPALIVE)
            began()
            lines = Lines(line)
            response.deliverBody(lines)
            await lines.done.addTimeout(seconds, self._clock)
        except TimeoutError:
            raise StreamBroken(f"{session.server}: the stream is not ended when it should be") from None
        except (ConnectionLost, ConnectionDone):
            raise StreamBroken(f"{session.server}: the stream broke off") from None
        finally:
            way.close()

    async def _ask(self, way: Line, session: Session, path: str, parameters: Mapping[str, str]) -> IResponse:
        """
        @return: an answer that says yes.
        """
        url = f"{session.server}{path}?{urlencode(parameters)}"
        headers = Headers({"Accept": ["application/json"], "User-Agent": ["tinylb"]})
        for name, values in session.headers.items():
            headers.setRawHeaders(name, list(values))
        agent = Agent.usingEndpointFactory(self._reactor, way)
        try:
            response = await agent.request(b"GET", url.encode("ascii", "replace"), headers).addTimeout(
                HEADERS, self._clock
            )
        except TimeoutError:
            raise ApiError(f"{session.server}: no answer within {HEADERS:g} s") from None
        except (ApiError, CancelledError):
            raise
        except Exception:
            if way.isExcessive:
                raise ApiError(f"{session.server}: it says too much before its answer") from None
            raise ApiError(f"{session.server}: {wording(Failure())}") from None
        way.isAnswered = True
        if response.code != 200:
            raise await self._refusal(way, session, response)
        return IResponse(response)

    async def _refusal(self, way: Line, session: Session, response: IResponse) -> ApiError:
        """What the server says beside its status is worth knowing, and no more."""
        if response.code == 401:
            self._access.rejected(session)
        said = ""
        try:
            status = json.loads(await self._body(way, session, response, 1 << 16))
            said = " ".join(str(status.get("message") or status.get("reason") or "").split())[:200]
        except (ApiError, ValueError, AttributeError, RecursionError):
            pass
        after = response.headers.getRawHeaders("Retry-After", [""])[0]
        message = f"{session.server}: HTTP {response.code}{said and ': ' + said}"
        isNumber = after.isascii() and after.isdecimal()
        return ApiError(message, response.code, float(after) if isNumber else 0.0)

    async def _body(self, way: Line, session: Session, response: IResponse, most: int) -> bytes:
        body = Body(most)
        response.deliverBody(body)
        try:
            return await body.done.addTimeout(BODY, self._clock)
        except TimeoutError:
            raise ApiError(f"{session.server}: its answer does not end") from None
        except (ConnectionLost, ConnectionDone):
            raise ApiError(f"{session.server}: its answer broke off") from None
