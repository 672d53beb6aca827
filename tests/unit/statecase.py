"""A state file on a real disk, on a clock that the test moves, written in threads that the test runs."""

from __future__ import annotations

import json
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import BackendSet, EndpointBackend, TCPBackend
from tinylb.providers.state import StateFile

SOURCE = "file /etc/b.json"


class ThreadsByHand:
    """
    Calls functions when the test says so, as threads do when they please.

    @ivar waiting: those that were not called yet, and what tells of their end.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], None], Deferred[None]]] = []

    def __call__(self, function: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.waiting.append((function, done))
        return done

    def run(self) -> None:
        """Call the one that has waited longest."""
        function, done = self.waiting.pop(0)
        try:
            function()
        except BaseException:
            done.errback(Failure())
        else:
            done.callback(None)

    def fail(self, error: Exception) -> None:
        """The one that has waited longest comes to nothing, with this error."""
        self.waiting.pop(0)[1].errback(error)


class StateCase(SynchronousTestCase):
    """A state file that is not there yet, in a folder of its own."""

    def setUp(self) -> None:
        """Nothing is left of it at the end."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.path = self.folder / "state.json"
        self.reactor = MemoryReactorClock()
        self.clock = Clock()
        self.lines = logLines(self)
        self.threads = ThreadsByHand()
        self.state = self.open()

    def open(self, path: Path | None = None, threads: ThreadsByHand | None = None) -> StateFile:
        """The file, as another run of the program finds it."""
        state = StateFile(self.reactor, path or self.path, clock=self.clock, inThread=threads or self.threads)
        self.addCleanup(self.end, state)
        return state

    def end(self, state: StateFile) -> None:
        """Close it, and see that nothing is left."""
        state.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def tcp(self, address: str, **more: Any) -> TCPBackend:
        """A backend at an IPv4 address or a name."""
        host, _, port = address.rpartition(":")
        return TCPBackend(self.reactor, host, int(port), **more)

    def unix(self, path: str, description: str | None = None, **more: Any) -> EndpointBackend:
        """A backend at a UNIX socket."""
        return EndpointBackend(f"unix:{path}", UNIXClientEndpoint(self.reactor, path), description=description, **more)

    def cps(self, *numbers: int) -> BackendSet:
        """A set of some of several servers."""
        return BackendSet({f"cp-{number}": self.tcp(f"192.0.2.{number}:6443") for number in numbers})

    def keep(self, backends: BackendSet, source: str = SOURCE) -> None:
        """Remember a set, and write it."""
        self.state.remember(source, backends)
        while self.threads.waiting:
            self.threads.run()

    def recalled(self, source: str = SOURCE) -> BackendSet:
        """What the next run of the program recalls."""
        return self.open().recall(source)

    @property
    def kept(self) -> list[str]:
        """The ids in the file."""
        return sorted(json.loads(self.path.read_bytes())["backends"])

    @property
    def mode(self) -> int:
        """Who may do what with it."""
        return stat.S_IMODE(self.path.stat().st_mode)

    @property
    def names(self) -> list[str]:
        """What is in the folder."""
        return sorted(each.name for each in self.folder.iterdir())
