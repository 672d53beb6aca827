"""Backends, an endpoint and a whole balancer in memory, for tests without a socket."""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionRefusedError
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from twisted.internet.task import Clock
from zope.interface import implementer

from tinylb.backends import BackendSet
from tinylb.balancer import LoadBalancer
from tinylb.events import Event
from tinylb.interfaces import IObserver, IProxyProtocol
from tinylb.testing.memory import join
from tinylb.testing.peer import MemoryPeer
from tinylb.value import Value


class Behaviour(Enum):
    """What a backend in memory does with an attempt to connect."""

    CONNECTS = "connects"
    REFUSES = "refuses"
    HANGS = "hangs"


@implementer(IProxyProtocol)
class MemoryBackend:
    """
    A backend that connects, refuses, hangs or vanishes on command.

    @param clock: moved by the test.
    @ivar behaviour: what it does with the next attempts.
    @ivar attempts: how many there have been.
    @ivar connections: the server's side of every connection there has been.
    """

    def __init__(
        self,
        clock: IReactorTime,
        target: str,
        behaviour: Behaviour = Behaviour.CONNECTS,
        *,
        tier: int = 0,
        weight: int = 1,
        draining: bool = False,
        proxyProtocol: str | None = None,
    ) -> None:
        self.target = target
        self.tier = tier
        self.weight = weight
        self.draining = draining
        self.proxyProtocol = proxyProtocol
        self.behaviour = behaviour
        self.attempts = 0
        self.connections: list[MemoryPeer] = []
        self._clock = clock
        self._pending: dict[Deferred[IProtocol], IProtocolFactory] = {}

    @property
    def pending(self) -> int:
        """How many attempts are under way."""
        return len(self._pending)

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}. The answer takes at least one turn of the clock."""
        self.attempts += 1
        connecting: Deferred[IProtocol] = Deferred(self._cancelled)
        self._pending[connecting] = factory
        self._clock.callLater(0, self._answer, connecting)
        return connecting

    def answer(self) -> None:
        """Answer every attempt that is under way, as C{behaviour} says now."""
        for connecting in tuple(self._pending):
            self._answer(connecting)

    def vanish(self) -> None:
        """Reset every connection, and refuse new ones."""
        self.behaviour = Behaviour.REFUSES
        for connection in self.connections:
            if connection.ending is None:
                connection.reset()

    def _answer(self, connecting: Deferred[IProtocol]) -> None:
        if connecting not in self._pending or self.behaviour is Behaviour.HANGS:
            return
        factory = self._pending.pop(connecting)
        if self.behaviour is Behaviour.REFUSES:
            connecting.errback(ConnectionRefusedError())
            return
        protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        if protocol is None:
            connecting.errback(ConnectionRefusedError())
            return
        server = MemoryPeer()
        self.connections.append(server)
        join(self._clock, server, protocol)
        if not connecting.called:  # making the connection may have led to its cancellation
            connecting.callback(protocol)

    def _cancelled(self, connecting: Deferred[IProtocol]) -> None:
        self._pending.pop(connecting, None)
        connecting.errback(ConnectingCancelledError(IPv4Address("TCP", "127.0.0.1", 1)))


class ManualProvider(Value[BackendSet]):
    """A provider for tests, which publish a set with L{Value.set}, or an error with L{Value.fail}."""


@implementer(IListeningPort)
class MemoryPort:
    """The port that L{MemoryEndpoint.listen} gives."""

    def __init__(self, endpoint: MemoryEndpoint) -> None:
        self._endpoint = endpoint

    def startListening(self) -> None:
        """Nothing to do: the port listens from the beginning."""

    def stopListening(self) -> Deferred[None]:
        """See L{IListeningPort.stopListening}."""
        self._endpoint.factory = None
        return succeed(None)

    def getHost(self) -> IAddress:
        """See L{IListeningPort.getHost}."""
        return IPv4Address("TCP", "127.0.0.1", self._endpoint.port)


@implementer(IStreamServerEndpoint)
class MemoryEndpoint:
    """
    A server endpoint in memory.

    @param failure: L{listen} fails with it.
    @ivar factory: the factory that listens; L{None} while none does.
    """

    def __init__(self, clock: Clock, port: int = 6443, failure: Exception | None = None) -> None:
        self.port = port
        self.factory: IProtocolFactory | None = None
        self._clock = clock
        self._failure = failure

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}."""
        if self._failure is not None:
            return fail(self._failure)
        self.factory = factory
        return succeed(MemoryPort(self))

    def connect(self) -> MemoryPeer:
        """
        Connect as a client does.

        @raise ConnectionRefusedError: when nothing listens.
        """
        if self.factory is None:
            raise ConnectionRefusedError()
        client = MemoryPeer()
        protocol = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        assert protocol is not None
        join(self._clock, protocol, client, self.port)
        self._clock.advance(0)
        return client


@implementer(IObserver)
class Recorder:
    """An observer that keeps every event, in order, in C{events}."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe}."""
        self.events.append(event)


class MemoryBalancer:
    """
    A L{LoadBalancer} on a L{Clock}, over backends in memory whose target is their id.

    @param ids: of the backends in the first set.
    @param options: of the balancer. Selection begins with the first id unless C{random} is given.
    @ivar clock: the time; L{advance} moves it.
    @ivar balancer: the balancer.
    @ivar backends: all backends there have been, by id.
    @ivar events: all events so far, in order.
    """

    def __init__(self, *ids: str, **options: Any) -> None:
        self.clock = Clock()
        self.balancer = LoadBalancer(self.clock, **{"random": lambda: 0.0, **options})
        recorder = Recorder()
        self.events = recorder.events
        self.balancer.observers.append(recorder)
        self.backends: dict[str, MemoryBackend] = {}
        self._endpoint = MemoryEndpoint(self.clock)
        self._endpoint.listen(self.balancer)
        self.publish(*ids)

    def publish(self, *ids: str) -> None:
        """Make a set of these backends the current one. An id that was used before keeps its L{MemoryBackend}."""
        for id in ids:
            self.backends.setdefault(id, MemoryBackend(self.clock, id))
        self.balancer.replaceBackends(BackendSet({id: self.backends[id] for id in ids}))

    def connect(self) -> MemoryPeer:
        """Connect a client, and run what follows from that without time passing."""
        return self._endpoint.connect()

    def advance(self, seconds: float = 0.0) -> None:
        """Move the clock, and so run whatever is due."""
        self.clock.advance(seconds)

    def server(self, id: str, number: int = -1) -> MemoryPeer:
        """The server's side of one of a backend's connections, by default the latest."""
        return self.backends[id].connections[number]
