"""A provider that follows a backends file."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet.interfaces import IDelayedCall, IReactorTCP, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from tinylb.backends import BackendSet
from tinylb.clock import monotonicClock, release
from tinylb.files import Missing, Unreadable, contentOf, expecting
from tinylb.interfaces import IBackend, IDescribed, IProvider, IRefreshable
from tinylb.providers.backendsfile import Entry, InvalidBackends, parseBackends
from tinylb.providers.entries import backendOf
from tinylb.providers.notify import Notifier
from tinylb.value import Value, Watcher
from tinylb.wording import timestamp

REREAD = 2.0
"""Seconds between looks at the file when no notification comes."""

SETTLE = 0.02
"""Seconds from a notification to the reading of the file, so that a burst of them is read once."""

PATIENCE = 0.75
"""Seconds for which a file that cannot be read or is invalid is tried again before that is reported: it may be half
written."""

RETRY = 0.1
"""Seconds between those tries."""


class BackendsFileError(Exception):
    """
    The file cannot be read or is invalid; the message names it and says what would be right.

    @ivar isMissing: whether there is no such file; it may still be created.
    """

    def __init__(self, message: str, isMissing: bool) -> None:
        super().__init__(message)
        self.isMissing = isMissing


@implementer(IProvider, IDescribed, IRefreshable)
class FileProvider:
    """
    Publishes the set in a JSON file and follows it: a change is published within 100 ms where the
    filesystem notifies, else within 5 s. A file that cannot be read or is invalid changes nothing; the
    error is logged once, and shown by L{describe} until the file is valid.

    @param reactor: used by the backends, and to wait.
    @param path: of the file. Its folder must exist to be notified of changes.
    @param clock: monotonic; by default the one that goes with the reactor.
    """

    _log = Logger()

    def __init__(
        self, reactor: IReactorTCP, path: str | os.PathLike[str], *, clock: IReactorTime | None = None
    ) -> None:
        self.path = Path(path).absolute()
        self._reactor = reactor
        self._clock = clock or monotonicClock(IReactorTime(reactor))
        self._value: Value[BackendSet] = Value(onWatched=self._start, onUnwatched=self._stop)
        self._notifier = Notifier(reactor, self.path.parent, self._notified)
        self._content: bytes | None = None
        self._entries: dict[str, Entry] | None = None
        self._backends: dict[str, IBackend] = {}
        self._error: str | None = None
        self._reported: tuple[str, object] | None = None
        self._changed: str | None = None
        self._doubt: tuple[object, float] | None = None
        self._next: IDelayedCall | None = None

    def watch(self) -> Watcher[BackendSet]:
        """See L{IProvider.watch}. With the first watcher the file is read at once."""
        return self._value.watch()

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}."""
        return {"source": f"file {self.path}", "error": self._error, "changed": self._changed}

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. An error in the file is logged again."""
        if self._next is not None:
            self._schedule(None)
            self._reported = None
            self._look()

    def load(self) -> BackendSet:
        """
        Read the file now. A watcher begins with this set, even if the file has become invalid meanwhile.

        @raise BackendsFileError: when it cannot be read or is invalid.
        """
        try:
            self._take(contentOf(str(self.path)))
        except (Unreadable, InvalidBackends) as error:
            raise BackendsFileError(self._explain(error), isinstance(error, Missing)) from None
        return BackendSet(self._backends)

    def _start(self) -> None:
        if self._entries is not None:
            self._value.set(BackendSet(self._backends))
        self._look()

    def _stop(self) -> None:
        self._notifier.stop()
        self._schedule(None)
        release(self._clock)

    def _notified(self) -> None:
        """A look that is due soon is not put off: in a busy folder it would never come."""
        if self._next is None or self._next.getTime() > self._clock.seconds() + SETTLE:
            self._schedule(SETTLE)

    def _schedule(self, delay: float | None) -> None:
        pending, self._next = self._next, None
        if pending is not None:
            pending.cancel()
        if delay is not None:
            self._next = self._clock.callLater(delay, self._look)

    def _look(self) -> None:
        self._next = None
        # Before the file is read: a change in between is notified, and read again.
        self._notifier.start()
        content: object = None
        try:
            content = contentOf(str(self.path))
            isNew = self._take(content)
        except (Unreadable, InvalidBackends) as error:
            isDoubtful = self._isDoubtful(content)
            self._schedule(RETRY if isDoubtful else REREAD)
            if not isDoubtful:
                self._fail(self._explain(error), content)
        except Exception:
            self._log.failure("Reading {path} failed", path=str(self.path))
            self._schedule(REREAD)
        else:
            self._schedule(REREAD)
            self._succeed()
            if isNew:
                self._value.set(BackendSet(self._backends))

    def _isDoubtful(self, content: object) -> bool:
        """Whether the error may only mean that the file is still being written."""
        now = self._clock.seconds()
        if self._doubt is None or self._doubt[0] != content:
            self._doubt = content, now
        return now < self._doubt[1] + PATIENCE

    def _take(self, content: bytes) -> bool:
        """
        @return: whether this is another set than before.
        @raise InvalidBackends: when the content is invalid; then nothing has changed.
        """
        if content == self._content:
            return False
        entries = parseBackends(content)
        isNew = entries != self._entries
        if isNew:
            self._backends = self._build(entries)
            self._entries = entries
            self._changed = timestamp()
        self._content = content
        return isNew

    def _build(self, entries: dict[str, Entry]) -> dict[str, IBackend]:
        """Backends that stay as they were stay the same objects."""
        known = self._entries or {}
        return {
            id: self._backends[id] if known.get(id) == entry else backendOf(self._reactor, entry)
            for id, entry in entries.items()
        }

    def _fail(self, error: str, content: object) -> None:
        """Log an error once, and again for each change of the file that did not mend it."""
        if (error, content) != self._reported:
            self._reported = error, content
            self._error = error
            stays = "nothing is known from it yet" if self._entries is None else "the last good set stays in force"
            self._log.error("{error}; {stays}", error=error, stays=stays)

    def _succeed(self) -> None:
        self._doubt = None
        if self._error is not None:
            self._error = self._reported = None
            self._log.info("{path} is valid again", path=str(self.path))

    def _explain(self, error: Unreadable | InvalidBackends) -> str:
        why = expecting(error, "a JSON file of backends") if isinstance(error, Unreadable) else str(error)
        return f"{self.path}: {why}"
