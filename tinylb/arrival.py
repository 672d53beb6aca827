"""A client that has arrived and waits for its backend."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.dial import Dial
from tinylb.ends import Backlog, End
from tinylb.events import CloseReason
from tinylb.failures import DialError
from tinylb.pair import Pair
from tinylb.proxyprotocol.header import header
from tinylb.reception import Reception, State, Waiting
from tinylb.search import Connected
from tinylb.transports import SocketTransport, abandon

# Bound once: looking a member up in its enumeration is slow enough to matter at each connection.
_WAITING = State.WAITING


class Arrival(Waiting):
    """
    Owns a client's end until there is a backend for it. The client is not read from meanwhile; what
    it has sent already is relayed first. If it resets, the dial is cancelled; its FIN only means that
    it has nothing to add.

    @param address: the client's.
    @param destination: the address that the client connected to; L{None} for our end of its connection.
    """

    _log = Logger()

    def __init__(
        self, reception: Reception, address: IAddress | None, listener: str | None, destination: IAddress | None = None
    ) -> None:
        super().__init__(reception, address, listener)
        self._destination = destination
        self._dial: Dial | None = None

    def connected(self, end: End) -> None:
        """The client is here: find it a backend."""
        if self._enter(end):
            if not isinstance(end.transport, SocketTransport):
                end.pauseProducing()
                end.prepare(self._reception.rules.engines.poller)
            self._seek()

    def introduced(self, end: End, early: bytes, since: float) -> None:
        """
        The same as L{connected}, for a client whose introduction was read.

        @param early: what the client has sent after it.
        @param since: when the client connected.
        """
        self._end, self._since = end, since
        self._state = _WAITING
        self._reception.waiting[self] = None
        end.owner = self
        end.pauseProducing()
        if early:
            self.received(end, early)
        self._seek(self._reception.rules.clock.seconds() - since)

    def found(self, connected: Connected) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        try:
            self._serve(connected)
        except Exception:
            abandon(connected.protocol)
            self._fail(Failure())

    def notFound(self, error: Exception) -> None:
        """See L{Seeker <tinylb.search.Seeker>}."""
        if not isinstance(error, DialError):
            self._fail(Failure(error))
        elif self._state is _WAITING:
            self._over()
            self._refuse(error.reason, error)

    def _seek(self, waited: float = 0.0) -> None:
        reception, end = self._reception, self._end
        self._dial = reception.dialer.prepare(reception.rules.engines.backendEnds(end), self._address, self, waited)
        self._dial.start()

    def _serve(self, connected: Connected) -> None:
        backend = connected.protocol
        if not isinstance(backend, End) or not isinstance(backend.owner, Backlog):
            raise TypeError(f"{connected.candidate.backend!r} connected {backend!r}, which the factory did not build")
        if self._state is not _WAITING:
            backend.transport.abortConnection()
            return
        self._over()
        rules = self._reception.rules
        if not isinstance(backend.transport, SocketTransport):
            backend.prepare(rules.engines.poller)
        greeting = b""
        if connected.candidate.proxyProtocol is not None:
            greeting = self._header(connected.candidate.proxyProtocol)
        pair = Pair(rules, connected, self._end, backend, self._address, self._listener, greeting)
        try:
            pair.open()
        except Exception:
            pair.abort(CloseReason.BACKEND_RESET)
            raise

    def _header(self, version: str) -> bytes:
        return header(version, self._address, self._destination or self._end.transport.getHost())

    def _fail(self, failure: Failure) -> None:
        self._log.failure("A client could not be joined to its backend", failure=failure)
        if self._state is _WAITING:
            self._over()
        abandon(self._end)

    def _cancel(self, reason: CloseReason) -> None:
        if self._state is _WAITING:
            dial = self._dial
            self._over()
            if dial is not None:
                dial.cancel()
            self._refuse(reason)

    def _over(self) -> None:
        super()._over()
        self._dial = None
