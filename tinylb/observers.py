"""The list of those who are told what happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from twisted.logger import Logger

from tinylb.events import Event
from tinylb.interfaces import IObserver


class Observers(list[IObserver]):
    """
    A list of observers. Events are told in the order in which they happened, also when an observer
    itself makes something happen, and an observer that raises keeps nobody else from hearing.
    """

    _log = Logger()

    def __init__(self, observers: list[IObserver] | None = None) -> None:
        super().__init__(observers or [])
        self._untold: deque[Event] = deque()
        self._holding = False

    def tell(self, event: Event) -> None:
        """Tell everybody, now or as soon as what is going on has come to its end."""
        self._untold.append(event)
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

    def _tellNow(self, event: Event) -> None:
        for observer in tuple(self):
            try:
                observer.observe(event)
            except Exception:
                self._log.failure("Observer {observer!r} failed at {event!r}", observer=observer, event=event)
