"""The list of observers, which are told what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, overload

from twisted.logger import Logger

from tinylb.events import Event
from tinylb.interfaces import IObserver, ISelectiveObserver
from tinylb.wording import counted

P = ParamSpec("P")


class Tell(Protocol):
    """The type of L{Observers.tell}."""

    def __call__(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None: ...


class Observers(MutableSequence[IObserver]):
    """
    A list of observers. Events are told in the order in which they happened, even when an observer
    itself causes further events. When an observer raises, the others are told all the same; the log has its first,
    second, fourth, eighth failure, and so on.

    @param organs: more observers, told after the others. They are not in the list, which is the user's.
    """

    _log = Logger()

    def __init__(self, observers: Iterable[IObserver] = (), *, organs: Iterable[IObserver] = ()) -> None:
        self._observers = list(observers)
        self._organs = tuple(organs)
        self._untold: deque[Event] = deque()
        self._holding = False
        self._hearers: dict[object, tuple[IObserver, ...]] = {}
        self._failures: dict[int, int] = {}  # of observers in the list, by their id()

    @overload
    def __getitem__(self, index: int) -> IObserver: ...

    @overload
    def __getitem__(self, index: slice) -> list[IObserver]: ...

    def __getitem__(self, index: int | slice) -> IObserver | list[IObserver]:
        return self._observers[index]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._observers[index] = value
        self._changed()

    def __delitem__(self, index: int | slice) -> None:
        del self._observers[index]
        self._changed()

    def __len__(self) -> int:
        return len(self._observers)

    def insert(self, index: int, value: IObserver) -> None:
        """See L{list.insert}."""
        self._observers.insert(index, value)
        self._changed()

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

    def _changed(self) -> None:
        self._hearers.clear()
        there = {id(each) for each in (*self._observers, *self._organs)}
        self._failures = {key: count for key, count in self._failures.items() if key in there}

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
            self._log.failure("Observer {observer!r} does not say which events it wants", observer=observer)
            return False

    def _tellNow(self, event: Event, hearers: tuple[IObserver, ...]) -> None:
        for observer in hearers:
            try:
                observer.observe(event)
            except Exception:
                self._failed(observer, event)

    def _failed(self, observer: IObserver, event: Event) -> None:
        count = self._failures[id(observer)] = self._failures.get(id(observer), 0) + 1
        if not count & (count - 1):  # a power of two: an observer may fail at every event, and must not fill the disk
            self._log.failure(
                "Observer {observer!r} failed at {event!r}; {times} so far",
                observer=observer,
                event=event,
                times=counted(count, "time"),
            )
