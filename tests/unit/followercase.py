"""What tests of the follower share."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import BackendSet
from tinylb.follower import Follower
from tinylb.interfaces import IProvider
from tinylb.testing import ManualProvider, MemoryBackend


class FollowerCase(SynchronousTestCase):
    """A follower of a provider that the test publishes by."""

    def setUp(self) -> None:
        """Nothing has been published yet."""
        self.clock = Clock()
        self.taken: list[str] = []
        self.lines = logLines(self)
        self.provider = ManualProvider()
        self.follower = self.follow(self.provider)

    def follow(self, provider: IProvider, random: float = 0.0) -> Follower:
        """A follower that keeps the ids of what it takes."""
        follower = Follower(self.clock, provider, lambda taken: self.taken.append(",".join(taken)), lambda: random)
        self.addCleanup(follower.stop)
        return follower

    def backends(self, *ids: str) -> BackendSet:
        """A set."""
        return BackendSet({id: MemoryBackend(self.clock, id) for id in ids})
