"""Whether backends can be reached, found out by connecting to them."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tinylb.interfaces import IBackend, IProbe
from tinylb.reach import Reach

PATIENCE = 3.0
"""Seconds after which a backend that has not answered is taken for one that does not; a lost SYN is sent again after
one."""

AT_ONCE = 8
"""Backends that are asked at a time."""


@implementer(IProbe)
class ConnectProbe:
    """
    Connects to a few of them at a time, and takes the first connection for a yes.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1); who is asked first.
    """

    def __init__(self, clock: IReactorTime, random: Callable[[], float] = systemRandom.random) -> None:
        self._clock = clock
        self._random = random

    def anyAnswers(self, backends: Iterable[IBackend]) -> Deferred[bool]:
        """See L{IProbe.anyAnswers}. For each eight of them it may take three seconds."""
        return Deferred.fromCoroutine(self._ask(sorted(backends, key=lambda _: self._random())))

    async def _ask(self, backends: list[IBackend]) -> bool:
        for first in range(0, len(backends), AT_ONCE):
            asking = _Asking(backends[first : first + AT_ONCE])
            asking.start(self._clock.callLater(PATIENCE, asking.conclude, False))
            if await asking.result:
                return True
        return False


class _Visits(Factory):
    protocol = Protocol
    noisy = False


class _Asking:
    """One question to several backends."""

    def __init__(self, backends: Iterable[IBackend]) -> None:
        self.result: Deferred[bool] = Deferred(lambda _: self._end())
        self._ways = [Reach(backend) for backend in backends]
        self._open = len(self._ways)
        self._isOver = False
        self._connecting: list[Deferred[IProtocol]] = []
        self._patience: IDelayedCall | None = None

    def start(self, patience: IDelayedCall) -> None:
        """Ask. When patience is over, so is this."""
        self._patience = patience
        self._connecting = [maybeDeferred(way.connect, _Visits()) for way in self._ways]
        for connecting in self._connecting:
            connecting.addCallbacks(lambda _: self.conclude(True), lambda _: self._failed())

    def conclude(self, answer: bool) -> None:
        """The first answer counts."""
        if not self._isOver:
            self._end()
            self.result.callback(answer)

    def _failed(self) -> None:
        self._open -= 1
        if not self._open:
            self.conclude(False)

    def _end(self) -> None:
        self._isOver = True
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        for connecting in self._connecting:
            connecting.cancel()
        for way in self._ways:
            way.close()
