"""Asks one DNS server one question: over UDP, and over TCP when the answer is too long for a datagram."""

from __future__ import annotations

import struct
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.interfaces import IAddress, IReactorFDSet, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.names.dns import EFORMAT, ENAME, ENOTIMP, EREFUSED, ESERVER, OK, SOA, Message, Query, randomSource
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from tinylb.providers.dns.datagrams import Datagrams
from tinylb.providers.dns.failures import NoAnswer
from tinylb.wording import wordingOf

_WORDS = {
    EFORMAT: "does not understand the question (FORMERR)",
    ESERVER: "has failed (SERVFAIL)",
    ENOTIMP: "does not know such questions (NOTIMP)",
    EREFUSED: "refuses to answer (REFUSED)",
}


class Server:
    """
    A DNS server, for the time of a lookup.

    @param clock: monotonic.
    @param host: an IP address.
    """

    def __init__(self, reactor: IReactorTCP, clock: IReactorTime, host: str, port: int) -> None:
        self.host = host
        self._reactor = reactor
        self._clock = clock
        self._port = port

    async def ask(self, query: Query, seconds: float) -> Message:
        """
        @return: what it answers: that there are records, or none, or that there is no such name.
        @raise NoAnswer: for everything else.
        """
        request = Message(randomSource(), recDes=1)
        request.queries = [query]
        answer = await self._within(seconds, Deferred.fromCoroutine(self._byDatagram(request)))
        if answer.trunc:
            answer = await self._within(seconds, Deferred.fromCoroutine(self._byConnection(request)))
        if answer.rCode not in (OK, ENAME):
            raise NoAnswer(_WORDS.get(answer.rCode, f"has failed (code {answer.rCode})"))
        if answer.rCode == OK and _isReferral(answer):
            raise NoAnswer("does not know the answer, and asks no other server")
        return answer

    def _within(self, seconds: float, answering: Deferred[Message]) -> Deferred[Message]:
        def isOver(result: object, seconds: float) -> Failure:
            return Failure(NoAnswer("does not answer", isSilence=True))

        return answering.addTimeout(seconds, self._clock, onTimeoutCancel=isOver)

    async def _byDatagram(self, request: Message) -> Message:
        try:
            datagrams = Datagrams(
                IReactorFDSet(self._reactor),
                self.host,
                self._port,
                request.toStr(),
                partial(understood, request=request),
            )
        except OSError as error:
            raise NoAnswer(f"cannot be asked ({wordingOf(error)})") from None
        try:
            return await datagrams.answered
        finally:
            datagrams.close()

    async def _byConnection(self, request: Message) -> Message:
        connection = _Connection(request)
        # It takes IPv6 literals, too. Its own timeout would follow the wall clock.
        endpoint = TCP4ClientEndpoint(self._reactor, self.host, self._port, timeout=None)  # type: ignore[arg-type]
        try:
            await endpoint.connect(_Connections(connection))
            return await connection.answered
        except ConnectError as error:
            why = "connection refused" if isinstance(error, ConnectionRefusedError) else str(error).lower()
            raise NoAnswer(f"has a longer answer, and accepts no connection for it ({why})") from None
        finally:
            if connection.transport is not None:
                connection.transport.loseConnection()


class _Connection(Int16StringReceiver):
    """
    @ivar answered: fires with the answer.
    """

    def __init__(self, request: Message) -> None:
        self.answered: Deferred[Message] = Deferred()
        self._request = request

    def connectionMade(self) -> None:
        """See L{Int16StringReceiver}."""
        self.sendString(self._request.toStr())  # type: ignore[no-untyped-call]

    def stringReceived(self, string: bytes) -> None:
        """See L{Int16StringReceiver}."""
        answer = understood(string, self._request)
        if self.answered.called:
            return
        if answer is None or answer.trunc:
            self.answered.errback(NoAnswer("answers with what cannot be understood"))
        else:
            self.answered.callback(answer)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Int16StringReceiver}."""
        if not self.answered.called:
            self.answered.errback(NoAnswer("has a longer answer, and closes the connection for it"))


class _Connections(Factory):
    """Gives out a connection's protocol, which is made beforehand."""

    noisy = False

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> _Connection:
        """See L{Factory}."""
        return self._connection


def understood(data: bytes, request: Message) -> Message | None:
    """
    Parse a message. The result is L{None} unless the message is complete and answers this request; see
    U{RFC 5452<https://www.rfc-editor.org/rfc/rfc5452>}.
    """
    answer = Message()
    try:
        answer.fromStr(data)
        asked, answered = struct.unpack_from("!2H", data, 4)
    except Exception:  # the data may be anybody's, and make the parser raise anything
        return None
    # The parser accepts fewer records than the header counts. That is right only for a truncated message.
    isWhole = asked == len(answer.queries) and (answered == len(answer.answers) or answer.trunc)
    hasFailed = answer.rCode not in (OK, ENAME)
    isOurs = answer.answer and answer.id == request.id
    isMeant = _asked(answer) == _asked(request) or (hasFailed and not answer.queries)
    return answer if isWhole and isOurs and isMeant else None


def _isReferral(answer: Message) -> bool:
    """Whether this only refers to other servers: no answer, no authority, no recursion, and no SOA of the zone."""
    knows = answer.answers or answer.auth or answer.recAv
    return not knows and all(record.type != SOA for record in answer.authority)


def _asked(message: Message) -> list[tuple[bytes, int, int]]:
    return [(query.name.name.lower(), query.type, query.cls) for query in message.queries]
