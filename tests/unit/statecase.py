"""What tests of the state file share: a real disk, a clock that the test moves, and threads that it runs."""

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
    Stands in for threads: calls their functions when the test says so.

    @ivar waiting: the functions that were not called yet, each with the Deferred of its result.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[Callable[[], None], Deferred[None]]] = []

    def __call__(self, function: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.waiting.append((function, done))
        return done

    def run(self) -> None:
        """Call the function that has waited longest."""
        function, done = self.waiting.pop(0)
        try:
            function()
        except BaseException:
            done.errback(Failure())
        else:
            done.callback(None)

    def fail(self, error: Exception) -> None:
        """Fail the function that has waited longest with this error, without calling it."""
        self.waiting.pop(0)[1].errback(error)


class StateCase(SynchronousTestCase):
    """A state file that is not there yet, in a folder of its own."""

    def setUp(self) -> None:
        """Make a folder, which is removed after the test."""
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
        """The state file, opened as by another run of the program."""
        state = StateFile(self.reactor, path or self.path, clock=self.clock, inThread=threads or self.threads)
        self.addCleanup(self.end, state)
        return state

    def end(self, state: StateFile) -> None:
        """Close a state file, and check that no timer is left."""
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
        """A set of the servers with these numbers."""
        return BackendSet({f"cp-{number}": self.tcp(f"192.0.2.{number}:6443") for number in numbers})

    def keep(self, backends: BackendSet, source: str = SOURCE) -> None:
        """Remember a set, and write it."""
        self.state.remember(source, backends)
        while self.threads.waiting:
            self.threads.run()

    def recalled(self, source: str = SOURCE) -> BackendSet:
        """The set that the next run of the program recalls."""
        return self.open().recall(source)

    @property
    def kept(self) -> list[str]:
        """The ids in the file."""
        return sorted(json.loads(self.path.read_bytes())["backends"])

    @property
    def mode(self) -> int:
        """The permissions of the file."""
        return stat.S_IMODE(self.path.stat().st_mode)

    @property
    def names(self) -> list[str]:
        """The names in the folder."""
        return sorted(each.name for each in self.folder.iterdir())
