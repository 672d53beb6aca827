"""Follows a provider: hands on each set it publishes, and outlives its failures."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.backends import BackendSet
from tinylb.interfaces import IDescribed, IProvider, IRefreshable, IWatcher
from tinylb.value import WatcherClosed
from tinylb.wording import timestamp

LONGEST_BACKOFF = 30.0


class Follower:
    """
    When the provider fails the last set stays, the error is logged once and shown by L{describe}, and
    the provider is asked again, after 1 s at first and 30 s at the most.

    @param take: is given each set.
    @param random: gives numbers in [0, 1), for jitter.
    @raise TypeError: when C{provider} cannot be watched.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        provider: IProvider,
        take: Callable[[BackendSet], None],
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        if not hasattr(provider, "watch"):
            raise TypeError(f"the provider is {provider!r}; expected: something to watch, such as a Value of that")
        self._clock = clock
        self._provider = provider
        self._take = take
        self._random = random
        self._run: object = None
        self._watcher: IWatcher | None = None
        self._retry: IDelayedCall | None = None
        self._backoff = 1.0
        self._error: str | None = None
        self._changed: str | None = None
        self._taken: BackendSet | None = None

    def start(self) -> None:
        """Watch. A set that is available already has been taken when this returns."""
        self._run = run = object()
        self._getNext(run)

    def stop(self) -> None:
        """Watch no more."""
        self._run = None
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            try:
                watcher.close()
            except Exception:
                self._log.failure("The provider's watcher could not be closed")

    def refresh(self) -> None:
        """Make the provider look again, if it can; one that has failed is asked again now."""
        run, retry = self._run, self._retry
        if run is None:
            return
        if IRefreshable.providedBy(self._provider):
            self._provider.refresh()
        if retry is not None and retry is self._retry:
            retry.cancel()
            self._getNext(run)

    def describe(self) -> dict[str, str | None]:
        """C{source}, C{error} and C{changed}, see L{IDescribed.describe}; the provider's own if it describes itself."""
        known = {"source": type(self._provider).__name__, "error": self._error, "changed": self._changed}
        if IDescribed.providedBy(self._provider):
            told = self._ask(self._provider)
            known.update({**told, "error": self._error or told.get("error")})
        return known

    def _ask(self, provider: IDescribed) -> dict[str, str | None]:
        """What a provider says of itself. It may be an application's: no mistake of its may go any further."""
        try:
            told = dict(provider.describe())
        except Exception as error:
            return {"error": f"it does not say how it is doing: {error!r}"}
        return {key: said for key, said in told.items() if isinstance(said, str) or (said is None and key != "source")}

    def _getNext(self, run: object) -> None:
        self._retry = None
        getting = maybeDeferred(self._get)
        getting.addCallback(self._got, run).addErrback(self._failed, run)

    def _get(self) -> Deferred[Any]:
        if self._watcher is None:
            self._watcher = self._provider.watch()
        return self._watcher.get()

    def _got(self, published: BackendSet, run: object) -> None:
        if run is not self._run:
            return
        backends = published if isinstance(published, BackendSet) else BackendSet(published)
        if self._taken is None or backends.members != self._taken.members:
            self._changed = timestamp()
        self._taken = backends
        self._take(backends)
        if run is not self._run:  # C{take} has stopped this follower, and may have started it again
            return
        self._backoff = 1.0
        if self._error is not None:
            self._error = None
            self._log.info("The provider works again")
        self._getNext(run)

    def _failed(self, failure: Failure, run: object) -> None:
        if run is not self._run:
            return
        error = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
        if error != self._error:
            self._error = error
            self._log.error("The provider failed; the last set stays in force: {error}", error=error)
        if failure.check(WatcherClosed) is None:
            self._retry = self._clock.callLater(self._backoff * (0.5 + self._random() / 2), self._getNext, run)
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)
