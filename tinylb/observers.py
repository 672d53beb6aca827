"""The list of observers, which are told what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any, Protocol, overload

from twisted.logger import Logger
from typing_extensions import ParamSpec

from tinylb.events import Event
from tinylb.interfaces import IObserver, ISelectiveObserver

P = ParamSpec("P")


class Tell(Protocol):
    """The type of L{Observers.tell}."""

    def __call__(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None: ...


class Observers(MutableSequence[IObserver]):
    """
    A list of observers. Events are told in the order in which they happened, even when an observer
    itself causes further events. When an observer raises, the others are told all the same.

    @param organs: more observers, told after the others. They are not in the list, which is the user's.
    """

    _log = Logger()

    def __init__(self, observers: Iterable[IObserver] = (), *, organs: Iterable[IObserver] = ()) -> None:
        self._observers = list(observers)
        self._organs = tuple(organs)
        self._untold: deque[Event] = deque()
        self._holding = False
        self._hearers: dict[object, tuple[IObserver, ...]] = {}

    @overload
    def __getitem__(self, index: int) -> IObserver: ...

    @overload
    def __getitem__(self, index: slice) -> list[IObserver]: ...

    def __getitem__(self, index: int | slice) -> IObserver | list[IObserver]:
        return self._observers[index]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._observers[index] = value
        self._hearers.clear()

    def __delitem__(self, index: int | slice) -> None:
        del self._observers[index]
        self._hearers.clear()

    def __len__(self) -> int:
        return len(self._observers)

    def insert(self, index: int, value: IObserver) -> None:
        """See L{list.insert}."""
        self._observers.insert(index, value)
        self._hearers.clear()

    def tell(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None:
        """
        Tell every observer, now or as soon as events are no longer held back.

        @param kind: the event's class. The event is made, from the other arguments, only if an observer wants it: for a
            healthy connection there may be none.
        """
        hearers = self._hearers.get(kind)
        if hearers is None:
            hearers = self._findHearers(kind)
        if not hearers:
            return
        event = kind(*args, **kwargs)
        if self._holding:
            self._untold.append(event)
            return
        self._holding = True
        try:
            self._tellNow(event, hearers)
        finally:
            self._holding = False
            if self._untold:
                with self.held():
                    pass

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep events back until the state is consistent again, at the end of the block."""
        if self._holding:
            yield
            return
        self._holding = True
        try:
            yield
        finally:
            try:
                while self._untold:
                    event = self._untold.popleft()
                    self._tellNow(event, self._findHearers(type(event)))
            finally:
                self._holding = False

    def _findHearers(self, kind: object) -> tuple[IObserver, ...]:
        hearers = self._hearers.get(kind)
        if hearers is None:
            hearers = tuple(each for each in (*self._observers, *self._organs) if self._hears(each, kind))
            self._hearers[kind] = hearers
        return hearers

    def _hears(self, observer: IObserver, kind: object) -> bool:
        try:
            return not ISelectiveObserver.providedBy(observer) or kind in observer.kinds
        except Exception:
            self._log.failure("Observer {observer!r} does not say what it is told of", observer=observer)
            return False

    def _tellNow(self, event: Event, hearers: tuple[IObserver, ...]) -> None:
        for observer in hearers:
            try:
                observer.observe(event)
            except Exception:
                self._log.failure("Observer {observer!r} failed at {event!r}", observer=observer, event=event)
