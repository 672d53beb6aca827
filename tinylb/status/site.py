"""Which requests the status endpoint takes, and the headers that every answer carries."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Cooperator
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import Request, datetimeToString

from tinylb.status.answer import Answer, say
from tinylb.status.hosts import isOurs
from tinylb.status.paths import Paths

_SLICE = 0.001
"""Seconds of a turn of the reactor that go to answers; the last part may take longer."""

_FAILURES = 10
"""The most failures that are logged."""

_METHODS = (b"GET", b"HEAD")

_ABSOLUTE = re.compile(rb"http://([^/]*)(/.*)?", re.IGNORECASE | re.DOTALL)

_HEADERS = (
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)


class Site:
    """
    Answers requests.

    @param isPrivate: whether only this machine can reach the endpoint; then only hosts that L{isOurs} accepts are
        taken.
    @ivar cooperator: shares the turns of the reactor among the answers under way.
    """

    _log = Logger()

    def __init__(self, paths: Paths, isPrivate: Callable[[], bool], clock: IReactorTime) -> None:
        self._paths = paths
        self._isPrivate = isPrivate
        self._clock = clock
        self._failed: set[bytes] = set()
        self.cooperator = Cooperator(self._sliceBegins, lambda tick: clock.callLater(0, tick))

    def answer(self, request: Request, hasBody: bool) -> Answer:
        """The answer to a request. It never raises: a failure is logged, and answered with a 500."""
        try:
            host, path = _target(request.path)
            return self._refusal(request, host, hasBody) or self._paths.answer(path)
        except Exception:
            self.failed(request.path, Failure())
            return say(500, "this failed; the log says why")

    def failed(self, path: bytes, failure: Failure) -> None:
        """Log an unexpected failure, once for each path, however often it happens."""
        if path not in self._failed and len(self._failed) < _FAILURES:
            self._failed.add(path)
            self._log.failure("The status endpoint failed at {path}", failure, path=path.decode("latin-1"))

    def headers(self, answer: Answer) -> Iterator[tuple[str, str]]:
        """The headers that an answer is sent with."""
        yield "Content-Type", answer.kind
        yield "Date", datetimeToString().decode()
        yield from _HEADERS
        yield from answer.headers

    def _refusal(self, request: Request, host: bytes | None, hasBody: bool) -> Answer | None:
        hosts = request.requestHeaders.getRawHeaders(b"Host") or []
        if len(hosts) > 1 or (not hosts and request.clientproto == b"HTTP/1.1"):
            return say(400, "one Host header is expected")
        named = hosts if host is None else [host]
        if named and self._isPrivate() and not isOurs(named[0]):
            return say(421, "ask by an IP address or localhost: on loopback, no other Host is answered")
        if request.method not in _METHODS:
            return say(405, "only GET and HEAD are answered", ("Allow", "GET, HEAD"))
        if hasBody:
            return say(413, "no request has a body here")
        return None

    def _sliceBegins(self) -> Callable[[], bool]:
        end = self._clock.seconds() + _SLICE
        return lambda: self._clock.seconds() >= end


def _target(target: bytes) -> tuple[bytes | None, bytes]:
    """
    @param target: the request's target, without the query. In absolute form, which clients of a proxy send, it names a
        host that counts instead of the Host header; see RFC 9112, 3.2.2.
    @return: the host of an absolute form, or L{None}, and the path.
    """
    match = _ABSOLUTE.fullmatch(target)
    return (match[1], match[2] or b"/") if match is not None else (None, target)
