"""Finds out whether backends can be reached, by connecting to them."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.interfaces import IBackend, IProbe
from tinylb.reach import HOLD, Reach

PATIENCE = 3.0
"""Seconds after which a backend that has not answered counts as one that does not; a lost SYN is sent again after one
second."""

AT_ONCE = 8
"""Backends that are asked at a time."""


@implementer(IProbe)
class ConnectProbe:
    """
    Connects to a few backends at a time; the first connection that is not closed at once, see L{HOLD}, means yes. A
    backend may be a balancer without backends, even this one.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1), for the order in which backends are asked.
    """

    def __init__(self, clock: IReactorTime, random: Callable[[], float] = systemRandom.random) -> None:
        self._clock = clock
        self._random = random

    def anyAnswers(self, backends: Iterable[IBackend]) -> Deferred[bool]:
        """See L{IProbe.anyAnswers}. It may take three seconds for every eight backends."""
        return Deferred.fromCoroutine(self._ask(sorted(backends, key=lambda _: self._random())))

    async def _ask(self, backends: list[IBackend]) -> bool:
        for first in range(0, len(backends), AT_ONCE):
            asking = _Asking(self._clock, backends[first : first + AT_ONCE])
            asking.start()
            if await asking.result:
                return True
        return False


class _Asking:
    """One question to several backends."""

    def __init__(self, clock: IReactorTime, backends: Iterable[IBackend]) -> None:
        self.result: Deferred[bool] = Deferred(lambda _: self._end())
        self._clock = clock
        self._ways = [Reach(backend) for backend in backends]
        self._connecting: list[Deferred[IProtocol]] = []
        self._calls: list[IDelayedCall] = []
        self._open = len(self._ways)
        self._isOver = False

    def start(self) -> None:
        """Connect to all of them."""
        self._calls.append(self._clock.callLater(PATIENCE, self._conclude, False))
        self._connecting = [maybeDeferred(way.connect, _Visits(self)) for way in self._ways]
        for connecting in self._connecting:
            connecting.addErrback(lambda _: self.failed())

    def connected(self) -> IDelayedCall:
        """There is a connection. The answer is yes, unless the returned call is cancelled in time."""
        call = self._clock.callLater(HOLD, self._conclude, True)
        self._calls.append(call)
        return call

    def failed(self) -> None:
        """A connection was not made, or is lost."""
        self._open -= 1
        if not self._open:
            self._conclude(False)

    def _conclude(self, answer: bool) -> None:
        if not self._isOver:
            self._end()
            self.result.callback(answer)

    def _end(self) -> None:
        self._isOver = True
        for call in self._calls:
            if call.active():
                call.cancel()
        for connecting in self._connecting:
            connecting.cancel()
        for way in self._ways:
            way.close()


class _Visit(Protocol):
    """Stays connected for a little, and sends nothing."""

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking

    def connectionMade(self) -> None:
        self._held = self._asking.connected()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._held.active():
            self._held.cancel()
        self._asking.failed()


class _Visits(Factory):
    noisy = False

    def __init__(self, asking: _Asking) -> None:
        self._asking = asking

    def buildProtocol(self, addr: IAddress | None) -> _Visit:
        return _Visit(self._asking)
