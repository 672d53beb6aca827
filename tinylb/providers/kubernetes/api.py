"""Asks an API server: for an answer, or for a stream of events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from tinylb.addresses import InvalidAddress, quote
from tinylb.backends import TCPBackend
from tinylb.distrust import tlsWording
from tinylb.failures import explain
from tinylb.providers.kubernetes.access import Access, Session
from tinylb.reach import Reach
from tinylb.sockets import probe, socketOf

HEADERS = 10.0
"""Seconds that a server may take to accept the connection and begin its answer."""

BODY = 30.0
"""Seconds that it may take to say all of an answer that is no stream."""

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer, or of a single event."""

KEEPALIVE = 15.0
"""Seconds of silence after which the kernel asks whether the peer of a stream is still there."""


class ApiError(Exception):
    """
    The server did not answer as it should; the message is one line.

    @ivar status: of HTTP, or C{None}.
    @ivar retryAfter: seconds that the server asks to be left in peace.
    """

    def __init__(self, message: str, status: int | None = None, retryAfter: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retryAfter = retryAfter


class StreamBroken(ApiError):
    """A stream that had begun has ended in another way than it should."""


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
        way = _Way(self._reactor, session)
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
        way = _Way(self._reactor, session)
        try:
            response = await self._ask(way, session, path, parameters)
            way.probe(KEEPALIVE)
            began()
            lines = _Lines(line)
            response.deliverBody(lines)
            await lines.done.addTimeout(seconds, self._clock)
        except TimeoutError:
            raise StreamBroken(f"{session.server}: the stream is not ended when it should be") from None
        except (ConnectionLost, ConnectionDone):
            raise StreamBroken(f"{session.server}: the stream broke off") from None
        finally:
            way.close()

    async def _ask(self, way: _Way, session: Session, path: str, parameters: Mapping[str, str]) -> IResponse:
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
        except ApiError:
            raise
        except Exception:
            raise ApiError(f"{session.server}: {_wording(Failure())}") from None
        if response.code != 200:
            raise await self._refusal(way, session, response)
        return IResponse(response)

    async def _refusal(self, way: _Way, session: Session, response: IResponse) -> ApiError:
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
        return ApiError(message, response.code, float(after) if after.isdigit() else 0.0)

    async def _body(self, way: _Way, session: Session, response: IResponse, most: int) -> bytes:
        body = _Body(most)
        response.deliverBody(body)
        try:
            return await body.done.addTimeout(BODY, self._clock)
        except TimeoutError:
            raise ApiError(f"{session.server}: its answer does not end") from None
        except (ConnectionLost, ConnectionDone):
            raise ApiError(f"{session.server}: its answer broke off") from None


class _Way:
    """An endpoint factory for a single request, that can end the request's connection."""

    def __init__(self, reactor: Any, session: Session) -> None:
        self._session = session
        url = urlsplit(session.server)
        try:
            backend = TCPBackend(reactor, url.hostname or "", url.port or (80 if session.tls is None else 443))
        except (InvalidAddress, ValueError) as error:
            raise ApiError(f"{session.server}: {error}") from None
        self._reach = Reach(backend)

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See L{IAgentEndpointFactory <twisted.web.iweb.IAgentEndpointFactory>}."""
        tls = self._session.tls
        endpoint: IStreamClientEndpoint = self._reach if tls is None else wrapClientTLS(tls, self._reach)
        return endpoint

    def probe(self, keepalive: float) -> None:
        """Let the kernel find out whether the peer is still there."""
        sock = socketOf(self._reach.transport)
        if sock is not None:
            probe(sock, keepalive)

    def close(self) -> None:
        """Whatever is left of the connection goes at once."""
        self._reach.close()


class _Body(Protocol):
    """Collects an answer."""

    def __init__(self, most: int) -> None:
        self.done: Deferred[bytes] = Deferred()
        self._most = most
        self._heard = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) > self._most and not self.done.called:
            self.done.errback(ApiError(f"its answer is larger than {self._most} bytes"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.done.called:
            if reason.check(ResponseDone, PotentialDataLoss):
                self.done.callback(bytes(self._heard))
            else:
                self.done.errback(ConnectionLost())


class _Lines(Protocol):
    """Hands on a stream line by line."""

    def __init__(self, line: Callable[[bytes], None]) -> None:
        self.done: Deferred[None] = Deferred()
        self._line = line
        self._rest = bytearray()

    def dataReceived(self, data: bytes) -> None:
        start = len(self._rest)
        self._rest += data
        # Only what is new is looked through, however long a line grows.
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


def _wording(failure: Failure) -> str:
    """Agent wraps what has happened, with the last of it last."""
    reasons = getattr(failure.value, "reasons", None)
    while reasons:
        failure = reasons[-1] if isinstance(reasons[-1], Failure) else Failure(reasons[-1])
        reasons = getattr(failure.value, "reasons", None)
    tls = tlsWording(failure.value)
    if tls is not None:
        return tls
    if failure.check(ConnectionDone):
        return "it closes the connection without an answer"
    if failure.check(ConnectionLost):
        return "it resets the connection"
    return explain(failure)[1]
