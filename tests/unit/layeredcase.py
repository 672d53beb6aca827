"""What tests of layered providers share: a source that the test publishes by hand, and what the layers publish."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tests.unit.servicecase import WatchedProvider
from tinylb import BackendSet, Watcher
from tinylb.providers.layered import LayeredProvider
from tinylb.providers.state import StateFile
from tinylb.testing import MemoryBackend

Shape = dict[str, tuple[str, int]]
"""A set: the target and the tier of each backend, by id. A standby has a star before its target."""


def shapeOf(backends: BackendSet) -> Shape:
    """The shape of a set."""
    return {
        member.id: ("*" * member.isStandby + member.target, member.tier)
        for member in backends.members
    }  # fmt: skip


class LayeredCase(SynchronousTestCase):
    """Layers that are watched from C{watch} on; nothing may be left of them at the end."""

    def setUp(self) -> None:
        """Make a source that has published nothing."""
        self.clock = Clock()
        self.source = WatchedProvider()
        self.published: list[BackendSet] = []
        self.lines = logLines(self)

    def backend(self, target: str, tier: int = 0, *, weight: int = 1, draining: bool = False) -> MemoryBackend:
        """A backend."""
        return MemoryBackend(self.clock, target, tier=tier, weight=weight, draining=draining)

    def backends(self, targets: Mapping[str, str | MemoryBackend]) -> BackendSet:
        """A set of these; a backend given by its target alone is of tier 0."""
        return BackendSet({id: self.backend(each) if isinstance(each, str) else each for id, each in targets.items()})

    def layers(self, standby: Mapping[str, str | MemoryBackend], state: StateFile | None = None) -> LayeredProvider:
        """Layers of the source and, behind it, a standby."""
        self.provider = LayeredProvider(
            self.clock, self.source, self.backends(standby), state=state, random=lambda: 0.0
        )
        return self.provider

    def watch(self) -> Watcher[BackendSet]:
        """One watcher, with all that it sees in C{published}."""
        watcher = self.provider.watch()

        def ask() -> None:
            watcher.get().addCallbacks(got, lambda _: None)

        def got(backends: BackendSet) -> None:
            self.published.append(backends)
            ask()

        ask()
        self.addCleanup(self.end, watcher)
        return watcher

    def end(self, watcher: Watcher[BackendSet]) -> None:
        """Close a watcher, and check that nothing is left."""
        watcher.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertFalse(self.source.isWatched)

    def follow(self, standby: Mapping[str, str | MemoryBackend]) -> None:
        """Layers that are watched."""
        self.layers(standby)
        self.watch()

    def say(self, targets: Mapping[str, str | MemoryBackend]) -> None:
        """The source publishes a set."""
        self.source.set(self.backends(targets))

    @property
    def shapes(self) -> list[Shape]:
        """All sets that were published."""
        return [shapeOf(backends) for backends in self.published]

    @property
    def shape(self) -> Shape:
        """The set that was published last."""
        return shapeOf(self.published[-1])
