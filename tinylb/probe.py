"""Whether backends can be reached, found out by connecting to them."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tinylb.interfaces import IBackend, IProbe
from tinylb.reach import Reach

PATIENCE = 3.0
"""Seconds after which a backend that has not answered is taken for one that does not."""


@implementer(IProbe)
class ConnectProbe:
    """
    Connects to all of them at once, and takes the first connection for a yes.

    @param clock: monotonic.
    @param patience: seconds; a lost SYN is sent again after one.
    """

    def __init__(self, clock: IReactorTime, patience: float = PATIENCE) -> None:
        self._clock = clock
        self._patience = patience

    def anyAnswers(self, backends: Iterable[IBackend]) -> Deferred[bool]:
        """See L{IProbe.anyAnswers}."""
        asking = _Asking(backends)
        asking.start(self._clock.callLater(self._patience, asking.conclude, False))
        return asking.result


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
        if not self._ways:
            self.conclude(False)

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
