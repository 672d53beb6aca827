"""The list of those who are told what happened."""

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
    """L{Observers.tell}, for whoever has something to tell."""

    def __call__(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None: ...


class Observers(MutableSequence[IObserver]):
    """
    A list of observers. Events are told in the order in which they happened, also when an observer
    itself makes something happen, and an observer that raises keeps nobody else from hearing.

    @param organs: are told as well, after the others, and are not in the list: it is the user's.
    """

    _log = Logger()

    def __init__(self, observers: Iterable[IObserver] = (), *, organs: Iterable[IObserver] = ()) -> None:
        self._observers = list(observers)
        self._organs = tuple(organs)
        self._untold: deque[Event] = deque()
        self._holding = False
        self._unheard: set[object] = set()

    @overload
    def __getitem__(self, index: int) -> IObserver: ...

    @overload
    def __getitem__(self, index: slice) -> list[IObserver]: ...

    def __getitem__(self, index: int | slice) -> IObserver | list[IObserver]:
        return self._observers[index]

    def __setitem__(self, index: int | slice, value: Any) -> None:
        self._observers[index] = value
        self._unheard.clear()

    def __delitem__(self, index: int | slice) -> None:
        del self._observers[index]
        self._unheard.clear()

    def __len__(self) -> int:
        return len(self._observers)

    def insert(self, index: int, value: IObserver) -> None:
        """See L{list.insert}."""
        self._observers.insert(index, value)
        self._unheard.clear()

    def tell(self, kind: Callable[P, Event], *args: P.args, **kwargs: P.kwargs) -> None:
        """
        Tell everybody, now or as soon as what is going on has come to its end.

        @param kind: the event's class. It is made of what follows only if somebody is there to hear of it: on the way
            of a healthy connection nobody may be.
        """
        if kind in self._unheard:
            return
        if not self._isHeard(kind):
            self._unheard.add(kind)
            return
        self._untold.append(kind(*args, **kwargs))
        if not self._holding:
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
                    self._tellNow(self._untold.popleft())
            finally:
                self._holding = False

    def _isHeard(self, kind: object) -> bool:
        try:
            return any(_hears(observer, kind) for observer in (*self._observers, *self._organs))
        except Exception:
            return True  # that observer is asked once more when it is told, and what it raises is logged

    def _tellNow(self, event: Event) -> None:
        for observer in (*self._observers, *self._organs):
            try:
                if _hears(observer, type(event)):
                    observer.observe(event)
            except Exception:
                self._log.failure("Observer {observer!r} failed at {event!r}", observer=observer, event=event)


def _hears(observer: IObserver, kind: object) -> bool:
    return not ISelectiveObserver.providedBy(observer) or kind in observer.kinds
