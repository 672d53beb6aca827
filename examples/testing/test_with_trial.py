"""
How an application that embeds tinylb is tested under trial, without a socket:

    trial examples/testing/test_with_trial.py
"""

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet, LoadBalancerService, Value
from tinylb.interfaces import IBackend
from tinylb.testing import MemoryBackend, MemoryEndpoint


class Workshop(MultiService):
    """The application: workers come and go, and clients are balanced over those that are there."""

    def __init__(self, reactor: IReactorTime, endpoint: IStreamServerEndpoint) -> None:
        MultiService.__init__(self)
        self._workers: dict[str, IBackend] = {}
        self._backends = Value(BackendSet())
        self.addService(LoadBalancerService(endpoint, self._backends, reactor=reactor))

    def arrive(self, name: str, worker: IBackend) -> None:
        self._workers[name] = worker
        self._backends.set(BackendSet(self._workers))

    def leave(self, name: str) -> None:
        del self._workers[name]
        self._backends.set(BackendSet(self._workers))


class WorkshopTests(SynchronousTestCase):
    """The clock moves when the test says so, and all that is due has happened when C{advance} returns."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = MemoryEndpoint(self.clock)
        self.workshop = Workshop(self.clock, self.endpoint)
        self.workshop.startService()

    def tearDown(self) -> None:
        stopped = self.workshop.stopService()
        self.clock.advance(5)  # the drain time, for what is still open
        self.successResultOf(stopped)

    def test_clientOfAWorkerThatLeaves(self) -> None:
        """When a worker leaves, its client is reset; it connects again, and is served by the worker that is left."""
        alice, bob = MemoryBackend(self.clock, "alice:80"), MemoryBackend(self.clock, "bob:80")
        self.workshop.arrive("alice", alice)
        client = self.endpoint.connect()
        self.workshop.arrive("bob", bob)
        self.workshop.leave("alice")
        self.clock.advance(0)
        self.assertEqual(client.ending, "reset")

        client = self.endpoint.connect()
        client.send(b"are you there?")
        self.clock.advance(0)
        self.assertEqual(bob.connections[0].received, b"are you there?")
        bob.connections[0].send(b"yes")
        self.clock.advance(0)
        self.assertEqual(client.received, b"yes")
