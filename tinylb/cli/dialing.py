"""Tries whether each backend can be connected to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults, maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.failures import explain
from tinylb.interfaces import IBackend
from tinylb.reach import HOLD, Reach

AT_ONCE = 64
"""How many backends are tried at the same time."""


@dataclass(frozen=True)
class Finding:
    """
    What came of one try.

    @ivar why: what failed; L{None} where nothing did.
    @ivar seconds: until there was a connection, or it was clear that there would be none.
    """

    why: str | None
    seconds: float


def dialAll(clock: IReactorTime, backends: Iterable[IBackend], timeout: float) -> Deferred[list[Finding]]:
    """
    Connect to each backend, and disconnect again.

    @param clock: monotonic.
    @param timeout: seconds for each backend.
    @return: a L{Deferred} that fires with a finding for each backend, in order. It may be cancelled.
    """
    turns = DeferredSemaphore(AT_ONCE)
    trying = [turns.run(_Try(clock, backend, timeout).begin) for backend in backends]
    return gatherResults(trying, consumeErrors=True)


class _Try:
    """Tries one backend."""

    def __init__(self, clock: IReactorTime, backend: IBackend, timeout: float) -> None:
        self._clock = clock
        self._timeout = timeout
        self._reach = Reach(backend)
        self._result: Deferred[Finding] | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._calls: list[IDelayedCall] = []
        self._start = 0.0
        self._seconds: float | None = None

    def begin(self) -> Deferred[Finding]:
        """Connect. The result fails only when it is cancelled."""
        self._result = result = Deferred[Finding](lambda _: self._end())
        self._start = self._clock.seconds()
        self._calls.append(self._clock.callLater(self._timeout, self._late))
        self._connecting = maybeDeferred(self._reach.connect, _Visits(self))
        self._connecting.addErrback(lambda failure: self._conclude(explain(failure)[1]))
        return result

    def connected(self) -> None:
        """There is a connection that could be used."""
        self._seconds = self._clock.seconds() - self._start
        self._calls.append(self._clock.callLater(HOLD, self._conclude, None))

    def spokenTo(self) -> None:
        """Data has arrived: there is a backend, even if it closes the connection now."""
        self._conclude(None)

    def lost(self, reason: Failure) -> None:
        """The connection is gone."""
        why = "without a word" if reason.check(ConnectionDone) else explain(reason)[1]
        self._conclude(f"TLS: {why}" if self._seconds is None else f"closed at once: {why}")

    def _late(self) -> None:
        if self._seconds is not None:
            self._conclude(None)
            return
        what = "TLS: " if self._reach.isConnected else "" if self._reach.isTried else "looking its name up: "
        self._conclude(f"{what}no answer within {self._timeout:g} s")

    def _conclude(self, why: str | None) -> None:
        result = self._result
        if result is not None:
            seconds = self._clock.seconds() - self._start if self._seconds is None else self._seconds
            self._end()
            result.callback(Finding(why, seconds))

    def _end(self) -> None:
        self._result = None
        for call in self._calls:
            if call.active():
                call.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
        self._reach.close()


@implementer(IHandshakeListener)
class _Visit(Protocol):
    """One connection, which tells its L{_Try} what happens to it."""

    def __init__(self, attempt: _Try) -> None:
        self._attempt = attempt

    def connectionMade(self) -> None:
        if not ISSLTransport.providedBy(self.transport):
            self._attempt.connected()

    def handshakeCompleted(self) -> None:
        """See L{IHandshakeListener.handshakeCompleted}."""
        self._attempt.connected()

    def dataReceived(self, data: bytes) -> None:
        self._attempt.spokenTo()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._attempt.lost(reason)


class _Visits(Factory):
    noisy = False

    def __init__(self, attempt: _Try) -> None:
        self._attempt = attempt

    def buildProtocol(self, addr: IAddress | None) -> _Visit:
        return _Visit(self._attempt)
