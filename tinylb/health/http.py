"""The check that asks over HTTP, in the clear or over TLS."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.distrust import tlsWording
from tinylb.health.answer import Answer, Outcome
from tinylb.interfaces import IHealthCheck
from tinylb.transports import abandon

# A server that asks for credentials, or refuses ours, is alive: https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2
_ALIVE = frozenset((401, 403))
# A status line, after any interim responses (RFC 9110, section 15.2); 101 is not one of these.
_INTERIM = rb"HTTP/1\.[01] 1(?!01)\d\d[^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n"
_STATUS = re.compile(rb"(?:%b)*HTTP/1\.[01] (101|[2-5]\d\d)[ \r\n]" % _INTERIM)
_BEGINNING = b"HTTP/1."
# Bytes within which the status line has to come.
_MOST = 1 << 13


@implementer(IHealthCheck)
class HTTPCheck:
    """
    Gets a path. Statuses below 400 are good answers, and so are 401 and 403. Any other status is a bad answer, and so
    is anything that is not HTTP/1.

    @param path: begins with a slash.
    @param tls: gives what TLS needs for a host, as L{ClientTLS <tinylb.tls.ClientTLS>} does; L{None} for HTTP in
        the clear.
    """

    def __init__(self, path: str, tls: Callable[[str], IOpenSSLClientConnectionCreator] | None = None) -> None:
        self._path = path
        self._tls = tls

    def check(self, endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
        """See L{IHealthCheck.check}."""
        host, netloc = _hostOf(target)
        if self._tls is not None:
            endpoint = wrapClientTLS(self._tls(host), endpoint)
        lines = (f"GET {self._path} HTTP/1.1", f"Host: {netloc}", "User-Agent: tinylb", "Connection: close", "", "")
        question = "\r\n".join(lines).encode("ascii", "replace")
        return endpoint.connect(_Questions(question)).addCallback(_answerOf)


class _Question(Protocol):
    """Sends the request, and reads no further than the status: a response may have no end."""

    def __init__(self, question: bytes) -> None:
        self.answer: Deferred[Answer] = Deferred(lambda _: abandon(self))
        self._question = question
        self._heard = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._question)

    def dataReceived(self, data: bytes) -> None:
        if self.answer.called:
            return
        self._heard += data[:_MOST]
        found = _STATUS.match(self._heard)
        if found:
            status = int(found[1])
            isGood = status < 400 or status in _ALIVE
            self._conclude(Answer(Outcome.YES if isGood else Outcome.NO, f"HTTP {status}"))
        elif len(self._heard) >= _MOST or not _BEGINNING.startswith(self._heard[: len(_BEGINNING)]):
            self._conclude(Answer(Outcome.NO, "its answer is not HTTP"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.answer.called:
            return
        if not reason.check(ConnectionDone):
            self.answer.callback(Answer(Outcome.NO, tlsWording(reason.value) or "connection reset by peer"))
        elif self._heard:
            self.answer.callback(Answer(Outcome.NO, "its answer is not HTTP"))
        else:
            self.answer.callback(Answer(Outcome.NO, "it closes the connection without an answer"))

    def _conclude(self, answer: Answer) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
        self.answer.callback(answer)


class _Questions(Factory):
    noisy = False

    def __init__(self, question: bytes) -> None:
        self._question = question

    def buildProtocol(self, addr: IAddress | None) -> _Question:
        return _Question(self._question)


def _answerOf(question: object) -> Deferred[Answer]:
    assert isinstance(question, _Question), "the factory has built it"
    return question.answer


def _hostOf(target: str) -> tuple[str, str]:
    """The host that a certificate has to name, and host and port as in a URI; C{localhost} for a UNIX socket."""
    try:
        return HostPort.parse(target).host, target
    except InvalidAddress:
        return "localhost", "localhost"
