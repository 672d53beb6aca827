"""The state file: the last good set of a source, remembered over restarts."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.addresses import quote
from tinylb.backends import BackendSet
from tinylb.clock import monotonicClock, release
from tinylb.daemons import inDaemon
from tinylb.files import Missing, Unreadable, contentOf, stampOf
from tinylb.providers.backendsfile import InvalidBackends, parseDocument
from tinylb.providers.entries import backendOf, written
from tinylb.wording import wordingOf

RETRY = 10.0
"""Seconds from a failure to write to the next try."""

LEFTOVER = 60.0
"""Seconds after which a temporary file is taken for a leftover."""

_SUFFIX = ".tinylb"


class StateFile:
    """
    Remembers the last good set of a source. A temporary file is written with mode 0600 beside the state file, flushed
    to the disk, and then renamed: whenever the process ends, the state file is the former one or the new one. A thread
    does this, and nothing waits for it: a disk may be slow.

    @param reactor: used by the recalled backends.
    @param path: its folder must exist.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param inThread: calls a function in a thread; its L{Deferred} fires when that has returned.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        path: str | os.PathLike[str],
        *,
        clock: IReactorTime | None = None,
        inThread: Callable[[Callable[[], None]], Deferred[None]] | None = None,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self._reactor = reactor
        self._clock = clock or monotonicClock(reactor)
        self._inThread = inThread or inDaemon(reactor)
        self._wanted: bytes | None = None
        self._there: bytes | None = None
        self._isWriting = False
        self._isClosed = False
        self._retry: IDelayedCall | None = None
        self._error: str | None = None
        self._omitted: frozenset[str] = frozenset()

    @property
    def error(self) -> str | None:
        """Why the last good set is not in the file, or L{None}."""
        return self._error

    def recall(self, source: str) -> BackendSet:
        """
        What was remembered of a source. A file that is of no use is ignored, with one line in the log.

        @param source: its name, as it was when it was remembered.
        @return: the remembered set; an empty one where there is none.
        """
        self._removeLeftovers()
        try:
            content = contentOf(str(self.path))
            entries, document = parseDocument(content, more=("source",))
            if document.get("source") != source:
                raise InvalidBackends(f"it is of another source, {quote(document.get('source', 'not named'))}")
            if not entries:
                raise InvalidBackends("it has no backends")
            recalled = BackendSet({id: backendOf(self._reactor, entry) for id, entry in entries.items()})
        except Missing:
            return BackendSet()
        except (Unreadable, InvalidBackends) as error:
            self._log.warn("State file {path}: {why}; it is ignored", path=str(self.path), why=str(error))
            return BackendSet()
        self._there = content
        return recalled

    def remember(self, source: str, backends: BackendSet) -> None:
        """
        A source has published a set. An empty set is not remembered, nor are backends that take no new connections or
        stand by. Backends whose id is not printable, or whose endpoint's description is not known, cannot be.
        """
        entries: dict[str, Any] = {}
        omitted: set[str] = set()
        for member in backends.members:
            if not member.draining and not member.isStandby:
                entry = written(member, backends[member.id]) if member.id.isprintable() else None
                if entry is None:
                    omitted.add(member.id)
                else:
                    entries[member.id] = entry
        if omitted - self._omitted:
            self._log.warn(
                "State file {path}: {who} cannot be remembered; only addresses can, and endpoints with a description",
                path=str(self.path),
                who=", ".join(map(quote, sorted(omitted))),
            )
        self._omitted = frozenset(omitted)
        self._isClosed = False
        if entries:
            document = {"source": source, "backends": entries}
            self._wanted = json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
            self._writeIfMissing()

    def close(self) -> None:
        """
        Stop retrying. A set that is not in the file yet is still written, if the process lasts long enough.
        """
        self._isClosed = True
        self._cancelRetry()
        if self._error is None:
            self._writeIfMissing()
        release(self._clock)

    def _writeIfMissing(self) -> None:
        """Write, unless the file is there and has the wanted content."""
        if stampOf(str(self.path)) is None:
            self._there = None
        self._write()

    def _write(self) -> None:
        content = self._wanted
        if content is None or content == self._there or self._isWriting:
            return
        self._cancelRetry()
        self._isWriting = True
        writing = maybeDeferred(self._inThread, lambda: _replace(self.path, content))
        writing.addCallbacks(self._written, self._failed, callbackArgs=(content,))

    def _written(self, _: None, content: bytes) -> None:
        self._isWriting = False
        self._there = content
        if self._error is not None:
            self._error = None
            self._log.info("State file {path} is written again", path=str(self.path))
        self._write()

    def _failed(self, failure: Failure) -> None:
        self._isWriting = False
        self._there = None
        error = failure.value
        why = wordingOf(error) if isinstance(error, OSError) else failure.getErrorMessage()
        if why != self._error:
            self._error = why
            self._log.error(
                "State file {path} cannot be written: {why}; it is tried again every {count:g} s",
                path=str(self.path),
                why=why,
                count=RETRY,
            )
        if not self._isClosed:
            self._retry = self._clock.callLater(RETRY, self._tryAgain)

    def _tryAgain(self) -> None:
        self._retry = None
        self._write()

    def _cancelRetry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None:
            retry.cancel()

    def _removeLeftovers(self) -> None:
        """Remove the temporary files of processes that were killed while they were writing."""
        try:
            for name in os.listdir(self.path.parent):
                leftover = self.path.parent / name
                if _isTemporary(self.path, name) and time.time() - leftover.stat().st_mtime > LEFTOVER:
                    leftover.unlink()
        except OSError:
            pass  # they take little room


def _isTemporary(path: Path, name: str) -> bool:
    return re.fullmatch(rf"\.{re.escape(path.name)}\.\w+{re.escape(_SUFFIX)}", name) is not None


def _replace(path: Path, content: bytes) -> None:
    """In a thread. The name goes to the new file when that is wholly on the disk; only a regular file is replaced."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a regular file")
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent)  # of mode 0600
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
