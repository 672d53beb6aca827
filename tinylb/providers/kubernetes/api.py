"""Sends requests to an API server: for one object, or for an endless stream of lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tinylb.addresses import quote
from tinylb.providers.kubernetes.access import Access, Session
from tinylb.providers.kubernetes.bodies import LARGEST, ApiError, Body, Lines, StreamBroken
from tinylb.providers.kubernetes.connection import Connection, wording
from tinylb.wording import printable

HEADERS = 10.0
"""Seconds that a server may take to accept the connection and begin its answer."""

BODY = 30.0
"""Seconds that it may take to send the rest of an answer that is not a stream."""

KEEPALIVE = 15.0
"""Seconds of silence after which the kernel probes whether the peer of a stream is still there."""


class Api:
    """
    A client of an API server. Each request has a connection of its own, which is closed when the request is over: a
    renewed certificate or token is in use at once, and a connection that hangs costs nothing later. Cancelling a
    request ends its connection at once.

    @param clock: monotonic.
    """

    def __init__(self, reactor: Any, clock: IReactorTime, access: Access) -> None:
        self._reactor = reactor
        self._clock = clock
        self._access = access

    async def get(self, path: str, parameters: Mapping[str, str]) -> Any:
        """
        Ask for an object.

        @return: the object, parsed from JSON.
        @raise ApiError: when the server does not give one.
        @raise AccessError: when the server cannot be asked.
        """
        session = await self._access.session()
        connection = Connection(self._reactor, session)
        try:
            response = await self._ask(connection, session, path, parameters)
            body = await self._read(response, LARGEST)
        finally:
            connection.close()
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise ApiError(f"its answer is not JSON: {quote(body[:60].decode(errors='replace'))}") from None

    async def stream(
        self,
        path: str,
        parameters: Mapping[str, str],
        began: Callable[[], None],
        line: Callable[[bytes], None],
        seconds: float,
    ) -> None:
        """
        Ask for a stream of lines, until the server ends it.

        @param began: called when the server has accepted the request.
        @param line: called with each line. What it raises ends the stream, and is raised.
        @param seconds: after so many the stream is ended, whatever the server sends.
        @raise ApiError: when the server refuses the request.
        @raise StreamBroken: when the stream ends in another way than it should.
        @raise AccessError: when the server cannot be asked.
        """
        session = await self._access.session()
        connection = Connection(self._reactor, session)
        try:
            response = await self._ask(connection, session, path, parameters)
            connection.probe(KEEPALIVE)
            began()
            lines = Lines(line)
            response.deliverBody(lines)
            await lines.done.addTimeout(seconds, self._clock)
        except TimeoutError:
            raise StreamBroken("the stream is not ended when it should be") from None
        except (ConnectionLost, ConnectionDone):
            raise StreamBroken("the stream broke off") from None
        finally:
            connection.close()

    async def _ask(
        self, connection: Connection, session: Session, path: str, parameters: Mapping[str, str]
    ) -> IResponse:
        """
        @return: the response, whose status is 200.
        """
        url = f"{session.server}{path}?{urlencode(parameters)}"
        headers = Headers({"Accept": ["application/json"], "User-Agent": ["tinylb"]})
        for name, values in session.headers.items():
            headers.setRawHeaders(name, list(values))
        agent = Agent.usingEndpointFactory(self._reactor, connection)
        asking = agent.request(b"GET", url.encode("ascii", "replace"), headers)
        try:
            response = await asking.addTimeout(HEADERS, self._clock, onTimeoutCancel=_late)
        except TimeoutError:
            raise ApiError(f"no answer within {HEADERS:g} s") from None
        except CancelledError:
            raise
        except Exception:
            excess = "it says too much before its answer" if connection.isExcessive else None
            raise ApiError(excess or wording(Failure())) from None
        connection.isAnswered = True
        if response.code != 200:
            raise await self._refusal(session, response)
        return IResponse(response)

    async def _refusal(self, session: Session, response: IResponse) -> ApiError:
        """The error for another status, with the server's message if that can be read."""
        if response.code == 401:
            self._access.rejected(session)
        said = ""
        try:
            status = json.loads(await self._read(response, 1 << 16))
            said = printable(status.get("message") or status.get("reason") or "")
        except (ApiError, ValueError, AttributeError, RecursionError):
            pass
        after = response.headers.getRawHeaders("Retry-After", [""])[0]
        isNumber = after.isascii() and after.isdecimal()
        message = f"HTTP {response.code}{said and ': ' + said}"
        return ApiError(message, response.code, float(after) if isNumber else 0.0)

    async def _read(self, response: IResponse, most: int) -> bytes:
        body = Body(most)
        response.deliverBody(body)
        try:
            return await body.done.addTimeout(BODY, self._clock)
        except TimeoutError:
            raise ApiError("its answer does not end") from None
        except (ConnectionLost, ConnectionDone):
            raise ApiError("its answer broke off") from None


def _late(result: object, seconds: float) -> Failure:
    """Agent fails in many ways when it is cancelled; make it one."""
    return Failure(TimeoutError(seconds))
