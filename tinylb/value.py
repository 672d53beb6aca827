"""A value that changes, and watchers that follow it one Deferred at a time."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final, Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from typing_extensions import Self
from zope.interface import implementer

from tinylb.interfaces import IProvider, IWatcher

T = TypeVar("T")


class AlreadyWaiting(Exception):
    """L{Watcher.get} was called while an earlier call's Deferred was pending."""


class WatcherClosed(Exception):
    """The watcher is closed; it has nothing more to give."""


class _Unset(Enum):
    UNSET = "unset"


_UNSET: Final = _Unset.UNSET


@implementer(IProvider)
class Value(Generic[T]):
    """
    Holds the current value and tells its watchers of every L{set}.

    @param initial: the first value; without it a watcher's first L{Watcher.get} waits.
    @param onWatched: called when the first watcher arrives, and again when one arrives after a time without any.
    @param onUnwatched: called when the last watcher has been closed.
    """

    def __init__(
        self,
        initial: T | _Unset = _UNSET,
        *,
        onWatched: Callable[[], object] = lambda: None,
        onUnwatched: Callable[[], object] = lambda: None,
    ) -> None:
        self._current = initial
        self._revision = 0 if initial is _UNSET else 1
        self._watchers: dict[Watcher[T], None] = {}
        self._onWatched = onWatched
        self._onUnwatched = onUnwatched

    def set(self, value: T) -> None:
        """Publish. Every watcher is told, whether C{value} equals the last one or not."""
        self._current = value
        self._revision += 1
        for watcher in tuple(self._watchers):
            watcher._wake()

    def fail(self, error: Exception) -> None:
        """Fail every pending L{Watcher.get}. The current value stays, and the watchers may ask again."""
        for watcher in tuple(self._watchers):
            watcher._fail(error)

    def watch(self) -> Watcher[T]:
        """A new watcher; its first L{Watcher.get} gives the current value, if there is one."""
        watcher = Watcher(self)
        self._watchers[watcher] = None
        if len(self._watchers) == 1:
            self._onWatched()
        return watcher

    def _newerThan(self, seen: int) -> tuple[T | _Unset, int]:
        return (_UNSET if seen == self._revision else self._current), self._revision

    def _leave(self, watcher: Watcher[T]) -> None:
        del self._watchers[watcher]
        if not self._watchers:
            self._onUnwatched()


@implementer(IWatcher)
class Watcher(Generic[T]):
    """
    One reader of a L{Value}. It remembers only which revision it saw last, so whatever was published
    in between is skipped, and a nested L{Value.set} cannot deliver an older value after a newer one.
    """

    def __init__(self, value: Value[T]) -> None:
        self._value: Value[T] | None = value
        self._seen = 0
        self._waiting: Deferred[T] | None = None

    def get(self) -> Deferred[T]:
        """See L{IWatcher.get}."""
        if self._value is None:
            return fail(WatcherClosed())
        if self._waiting is not None:
            return fail(AlreadyWaiting())
        value, self._seen = self._value._newerThan(self._seen)
        if not isinstance(value, _Unset):
            return succeed(value)
        self._waiting = Deferred(self._cancelled)
        return self._waiting

    def close(self) -> None:
        """See L{IWatcher.close}."""
        value, self._value = self._value, None
        if value is None:
            return
        value._leave(self)
        self._fail(WatcherClosed())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self.get()
        except WatcherClosed:
            raise StopAsyncIteration from None

    def _wake(self) -> None:
        if self._waiting is None or self._value is None:
            return
        value, self._seen = self._value._newerThan(self._seen)
        if not isinstance(value, _Unset):
            waiting, self._waiting = self._waiting, None
            waiting.callback(value)

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(error)

    def _cancelled(self, _: Deferred[T]) -> None:
        self._waiting = None
