"""Tells the balancer's events to those who listen; while nobody does, nothing is observed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from tinylb.events import (
    BackendPicked,
    BackendRecovered,
    BackendsReplaced,
    ClientUnserved,
    DialFailed,
    Event,
    PairClosed,
    PairHalfClosed,
    PairOpened,
    TargetRemoved,
    VerdictChanged,
)
from tinylb.interfaces import ISelectiveObserver
from tinylb.observers import Observers
from tinylb.status.stream import Stream, message
from tinylb.status.told import told
from tinylb.wording import timestamp

LISTENERS = 16
"""The most listeners at once; fewer where few connections are allowed."""

BUDGET = 50
"""The most events of single clients told in a second: what a connection costs must not depend on who listens."""

BEAT = 15.0
"""Seconds between heartbeats, which show a listener that the connection is alive."""

_SECOND = 1.0


class Feed:
    """
    Tells events to streams.

    @param observers: the balancer's; the feed is among them while somebody listens.
    @ivar most: the most listeners at once.
    """

    def __init__(self, observers: Observers, clock: IReactorTime, most: int = LISTENERS) -> None:
        self.most = most
        self._clock = clock
        self._streams: list[Stream] = []
        self._changes = _Changes(self._tell)
        self._traffic = _Traffic(self._tell, self._skip, observers, clock)
        self._observers = observers
        self._heart: IDelayedCall | None = None

    def listen(self) -> Stream | None:
        """
        @return: a stream of what happens from now on, until it is closed; L{None} when there are too many.
        """
        if len(self._streams) >= self.most:
            return None
        stream = Stream(self._left)
        self._streams.append(stream)
        if len(self._streams) == 1:
            self._observers.append(self._changes)
            self._traffic.start()
            self._heart = self._clock.callLater(BEAT, self._beat)
        return stream

    def _left(self, stream: Stream) -> None:
        self._streams.remove(stream)
        if not self._streams:
            self._observers.remove(self._changes)
            self._traffic.stop()
            if self._heart is not None:
                self._heart.cancel()
                self._heart = None

    def _beat(self) -> None:
        self._heart = self._clock.callLater(BEAT, self._beat)
        for stream in self._streams:
            stream.beat()

    def _tell(self, event: Event) -> None:
        self._send(told(event))

    def _skip(self, seconds: float) -> None:
        self._send({"time": timestamp(), "what": "skipped", "seconds": round(seconds, 3)})

    def _send(self, data: object) -> None:
        text = message(data)
        for stream in self._streams:
            stream.tell(text)


@implementer(ISelectiveObserver)
class _Changes:
    """Observes changes of the set and of verdicts. They are rare, and always told."""

    kinds = frozenset((BackendsReplaced, TargetRemoved, VerdictChanged))

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        self._tell(event)


@implementer(ISelectiveObserver)
class _Traffic:
    """
    Observes what happens to single clients. When the budget of a second is used up, it leaves the observers for the
    rest of that second: an event that nobody observes costs nothing.
    """

    kinds = frozenset(
        (BackendPicked, BackendRecovered, ClientUnserved, DialFailed, PairClosed, PairHalfClosed, PairOpened)
    )

    def __init__(
        self,
        tell: Callable[[Event], None],
        skip: Callable[[float], None],
        observers: Observers,
        clock: IReactorTime,
    ) -> None:
        self._tell = tell
        self._skip = skip
        self._observers = observers
        self._clock = clock
        self._began = 0.0
        self._told = 0
        self._pause: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to observe."""
        self._observers.append(self)

    def stop(self) -> None:
        """Stop observing."""
        if self._pause is None:
            self._observers.remove(self)
        else:
            self._pause.cancel()
            self._pause = None

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        now = self._clock.seconds()
        if now - self._began >= _SECOND:
            self._began, self._told = now, 0
        self._told += 1
        self._tell(event)
        if self._told >= BUDGET and self._pause is None:
            rest = self._began + _SECOND - now
            self._observers.remove(self)
            self._pause = self._clock.callLater(rest, self._resume)
            self._skip(rest)

    def _resume(self) -> None:
        self._pause = None
        self._observers.append(self)
