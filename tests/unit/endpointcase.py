"""What tests of balanced endpoints share: an endpoint over backends in memory, of which nothing may be left."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.loglines import logLines
from tests.unit.rigs import HandBackend
from tests.unit.servicecase import WatchedProvider
from tinylb import BackendSet, BalancedEndpoint
from tinylb.interfaces import IBackend
from tinylb.testing import Behaviour, MemoryBackend, MemoryPeer, Recorder


@implementer(IProtocolFactory)
class Application:
    """
    An application's factory, as its author would write it.

    @param protocol: what it builds; L{None} to build nothing.
    @ivar built: the protocols that it has built.
    @ivar addresses: for which it was asked.
    @ivar life: how often it was started, and stopped.
    """

    def __init__(self, protocol: IProtocol | None = None) -> None:
        self.built: list[IProtocol] = []
        self.addresses: list[IAddress | None] = []
        self.life = (0, 0)
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:
        """See L{IProtocolFactory}."""
        self.addresses.append(addr)
        if self._protocol is not None:
            self.built.append(self._protocol)
        return self._protocol

    def doStart(self) -> None:
        """See L{IProtocolFactory}."""
        self.life = self.life[0] + 1, self.life[1]

    def doStop(self) -> None:
        """See L{IProtocolFactory}."""
        self.life = self.life[0], self.life[1] + 1


class EndpointCase(SynchronousTestCase):
    """Tests of endpoints on a clock that the test moves. After each the endpoint is idle, and nothing is scheduled."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines = logLines(self)
        self.provider = WatchedProvider()
        self.backends: dict[str, MemoryBackend] = {}
        self._hands: list[HandBackend] = []

    def endpoint(self, *ids: str, **options: Any) -> BalancedEndpoint:
        """An endpoint that begins with the first id, over these backends; with none it has to wait for a set."""
        endpoint = BalancedEndpoint(self.clock, self.provider, **{"random": lambda: 0.0, **options})
        recorder = Recorder()
        self.events = recorder.events
        endpoint.observers.append(recorder)
        if ids:
            self.publish(*ids)
        self.addCleanup(self.leave, endpoint)
        return endpoint

    def publish(self, *ids: str) -> None:
        """Make a set of these backends, whose target is their id, the current one."""
        for id in ids:
            self.backends.setdefault(id, MemoryBackend(self.clock, id))
        self.provider.set(BackendSet({id: self.backends[id] for id in ids}))

    def publishOnly(self, *backends: IBackend) -> None:
        """Make a set of these backends, made by the test, the current one."""
        self.provider.set(BackendSet({backend.target: backend for backend in backends}))

    def hand(self, target: str = "a") -> HandBackend:
        """A backend that is answered by hand."""
        self._hands.append(HandBackend(self.clock, target))
        return self._hands[-1]

    def behave(self, behaviour: Behaviour, *ids: str) -> None:
        """From now on these backends, or all of them, behave like this."""
        for id in ids or self.backends:
            self.backends[id].behaviour = behaviour

    def connect(self, endpoint: BalancedEndpoint) -> Deferred[IProtocol]:
        """An application connects, with a protocol that the test controls."""
        return endpoint.connect(Application(MemoryPeer()))

    def connected(self, endpoint: BalancedEndpoint) -> MemoryPeer:
        """An application has connected."""
        connecting = self.connect(endpoint)
        self.clock.advance(0)
        peer = self.successResultOf(connecting)
        assert isinstance(peer, MemoryPeer)
        return peer

    def server(self, id: str, number: int = -1) -> MemoryPeer:
        """The server's side of a backend's connection, the latest unless said otherwise."""
        return self.backends[id].connections[number]

    def served(self, endpoint: BalancedEndpoint, count: int) -> str:
        """The ids of the backends that so many connections in a row get. They stay open."""
        order = ""
        for _ in range(count):
            before = self._counts()
            self.connected(endpoint)
            order += "".join((self._counts() - before).elements())
        return order

    def _counts(self) -> Counter[str]:
        return Counter({id: len(backend.connections) for id, backend in self.backends.items()})

    def assertIdle(self, endpoint: BalancedEndpoint) -> None:
        """Nothing is being dialed, watched or open, and once this moment is over nothing is scheduled."""
        self.clock.advance(0)
        known = endpoint.describe()
        self.assertEqual((known["connections"], known["dialing"]), (0, 0))
        self.assertFalse(self.provider.isWatched)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def leave(self, endpoint: BalancedEndpoint) -> None:
        """Every server resets its connections, and all deadlines pass: the endpoint must be idle then."""
        servers = [peer for backend in self.backends.values() for peer in backend.connections]
        for server in (*servers, *(backend.server for backend in self._hands)):
            if server.connected and server.ending is None:
                server.reset()
        self.clock.pump([0.25] * 80)
        self.assertIdle(endpoint)
