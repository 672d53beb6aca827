"""A file provider on a real file, and on a clock that the test moves."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import BackendSet, FileProvider, Watcher

ONE = '{"backends": {"cp-1": "192.0.2.11:6443"}}'
TWO = '{"backends": {"cp-1": "192.0.2.11:6443", "cp-2": "192.0.2.12:6443"}}'

PROMISE = 5.0
"""Seconds within which a change is published when nothing notifies the provider of it."""


class FileCase(SynchronousTestCase):
    """A provider of a file that the test writes."""

    def setUp(self) -> None:
        """Make an empty folder, and collect what is logged."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "b.json"
        self.reactor = MemoryReactorClock()
        self.clock = Clock()
        self.provider = FileProvider(self.reactor, self.path, clock=self.clock)
        self.published: list[BackendSet] = []
        self.lines = logLines(self)

    def follow(self) -> Watcher[BackendSet]:
        """Watch the provider, and keep each set in C{published}."""
        watcher = self.provider.watch()
        self.addCleanup(watcher.close)

        def got(backends: BackendSet) -> None:
            self.published.append(backends)
            ask()

        def ask() -> None:
            watcher.get().addCallbacks(got, lambda _: None)

        ask()
        return watcher

    def wait(self, seconds: float = PROMISE) -> None:
        """Let time pass, in small steps."""
        self.clock.pump([0.01] * round(seconds * 100))

    def waitForLook(self) -> None:
        """Let time pass until the provider has looked at the file once more."""
        before = list(self.clock.getDelayedCalls())
        deadline = self.clock.seconds() + PROMISE
        while list(self.clock.getDelayedCalls()) == before:
            self.assertLess(self.clock.seconds(), deadline, "it looks no more")
            self.clock.advance(0.01)

    def ids(self) -> list[str]:
        """The ids in the sets published so far, one text for each set."""
        return [",".join(backends) for backends in self.published]

    def replace(self, content: str) -> None:
        """Put a new file in the place of the old one, by a rename."""
        fresh = self.folder / "fresh"
        fresh.write_text(content)
        fresh.rename(self.path)
