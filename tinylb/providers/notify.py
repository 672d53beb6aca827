"""Notifies of changes in a folder, which the kernel reports by inotify."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.posixbase import PosixReactorBase
from twisted.logger import Logger
from twisted.python.filepath import FilePath

if TYPE_CHECKING:
    from twisted.internet.inotify import INotify


class Notifier:
    """
    Watches a folder, and not a file in it: when a file is replaced by a rename, its watch is lost, and
    with it Twisted's whole C{INotify}. The folder sees renames, writes in place, and the symbolic
    link that is swapped when a Kubernetes ConfigMap changes.

    Where nothing can be watched, and in tests without a real reactor, it is silent.

    @param changed: called for each change.
    """

    _log = Logger()

    def __init__(self, reactor: object, folder: Path, changed: Callable[[], None]) -> None:
        self._reactor = reactor
        self._folder = folder
        self._changed = changed
        self._notify: INotify | None = None
        self._watched: tuple[int, int] | None = None
        self._hasFailed = False

    def start(self) -> None:
        """Watch the folder, or the one that has taken its place. May be called again and again."""
        identity = _identity(self._folder)
        if identity == self._watched and self._notify is not None and self._notify.connected:
            return
        self.stop()
        if identity is None or not isinstance(self._reactor, PosixReactorBase):
            return
        try:
            self._notify = _watch(self._reactor, self._folder, self._notified)
            self._watched = identity
            self._hasFailed = False
        except Exception as error:  # ImportError, OSError or Twisted's INotifyError: no watches left
            if not self._hasFailed:
                self._hasFailed = True
                self._log.warn(
                    "{folder} cannot be watched ({error}); it is looked at every few seconds instead",
                    folder=str(self._folder),
                    error=str(error),
                )

    def stop(self) -> None:
        """Stop watching."""
        notify, self._notify, self._watched = self._notify, None, None
        if notify is not None and notify.connected:
            notify.loseConnection()

    def _notified(self, watch: object, path: FilePath[bytes], mask: int) -> None:
        self._changed()


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(folder)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _watch(reactor: Any, folder: Path, notified: Callable[[object, FilePath[bytes], int], None]) -> INotify:
    # This can be imported only where there is inotify.
    from twisted.internet import inotify

    notify = inotify.INotify(reactor)
    changes = inotify.IN_CLOSE_WRITE | inotify.IN_MODIFY | inotify.IN_CREATE | inotify.IN_DELETE | inotify.IN_MOVED
    try:
        notify.watch(FilePath(str(folder)), mask=changes | inotify.IN_ATTRIB, callbacks=[notified])
    except inotify.INotifyError:
        notify.loseConnection()
        raise
    notify.startReading()
    return notify
