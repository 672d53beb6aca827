"""One test's balancers and the sockets around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from typing_extensions import Unpack

from tests.integration.process import BalancerProcess
from tests.integration.servers import Server
from tests.integration.sockets import Address, Peer, connect, eventually, reactor
from tinylb import BackendSet, EndpointBackend, LoadBalancerService, PairOpened, TCPBackend, Value
from tinylb.balancer import BalancerOptions
from tinylb.clock import monotonicClock, release
from tinylb.events import Event
from tinylb.interfaces import IBackend, IProvider
from tinylb.testing import Recorder

ENGINES: dict[str, BalancerOptions] = {"stream": {}}
"""The engines of the relay, and the options that choose them."""

E = TypeVar("E", bound=Event)


class Closing(Protocol):
    """Something that can be closed."""

    def close(self) -> None: ...


class Listening(Closing, Protocol):
    """A server, whatever it does."""

    address: Address


C = TypeVar("C", bound=Closing)


def backend(server: Listening) -> EndpointBackend:
    """A backend that leads to a server."""
    if isinstance(server.address, str):
        return EndpointBackend(f"unix:{server.address}", UNIXClientEndpoint(reactor, server.address))
    return TCPBackend(reactor, *server.address)


def backendsJSON(**servers: Listening) -> str:
    """A backends file that leads to servers."""
    return json.dumps({"backends": {id: backend(server).target for id, server in servers.items()}})


class Balanced:
    """
    A balancer that listens, and all that has happened in it.

    @ivar service: the L{LoadBalancerService}.
    @ivar events: what its observers were told.
    """

    def __init__(self, service: LoadBalancerService, value: Value[BackendSet]) -> None:
        self.service = service
        self.balancer = service.balancer
        self._value = value
        recorder = Recorder()
        self.events = recorder.events
        self.balancer.observers.append(recorder)

    @property
    def address(self) -> Address:
        """Where it listens."""
        host = self.service.hosts[0]
        if isinstance(host, UNIXAddress):
            return (host.name or b"").decode()
        assert isinstance(host, IPv4Address)
        return host.host, host.port

    def publish(self, **backends: IBackend) -> None:
        """Make these the current set. It is in force when this returns."""
        self._value.set(BackendSet(backends))

    def told(self, kind: type[E]) -> list[E]:
        """What happened so far, of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def hear(self, kind: type[E], count: int = 1) -> list[E]:
        """Wait until so much of a kind has happened."""
        await eventually(lambda: len(self.told(kind)) >= count, f"{count} {kind.__name__} among {self.events}")
        return self.told(kind)

    async def hearOne(self, kind: type[E]) -> E:
        """Wait until something of a kind has happened, which must be the only one."""
        (event,) = await self.hear(kind)
        return event


class Joined(NamedTuple):
    """A pair, with the plain sockets at its far ends."""

    balanced: Balanced
    client: Peer
    serving: Peer


class Bench:
    """What it hands out is closed when the test is over."""

    def __init__(self, engine: BalancerOptions) -> None:
        self._engine = engine
        self._services: list[LoadBalancerService] = []
        self._processes: list[BalancerProcess] = []
        self._closing: list[Closing] = []

    def add(self, thing: C) -> C:
        """Close this, too."""
        self._closing.append(thing)
        return thing

    async def balance(
        self,
        *,
        endpoint: IStreamServerEndpoint | None = None,
        provider: IProvider | None = None,
        drain: float = 0.0,
        **options: Unpack[BalancerOptions],
    ) -> Balanced:
        """A balancer that listens, by default on TCP and without backends. It begins with the first one."""
        value: Value[BackendSet] = Value()
        complete: BalancerOptions = {"random": lambda: 0.0, **self._engine, **options}
        service = LoadBalancerService(
            endpoint or TCP4ServerEndpoint(reactor, 0, backlog=1024, interface="127.0.0.1"),
            provider or value,
            reactor=reactor,
            drain=drain,
            **complete,
        )
        self._services.append(service)
        balanced = Balanced(service, value)
        service.startService()
        await service.whenListening()
        return balanced

    async def join(self, server: Server | None = None, endpoint: IStreamServerEndpoint | None = None) -> Joined:
        """A client and a server's end that are joined by a balancer of their own."""
        server = self.add(server or Server())
        balanced = await self.balance(endpoint=endpoint)
        balanced.publish(a=backend(server))
        return await self.joinBy(balanced, server)

    async def joinBy(self, balanced: Balanced, server: Server) -> Joined:
        """A client and a server's end that are joined by this balancer; the server must be its next backend."""
        opened = len(balanced.told(PairOpened))
        client = self.connect(balanced)
        serving = await server.accept()
        await balanced.hear(PairOpened, opened + 1)
        return Joined(balanced, client, serving)

    async def start(
        self, backends: Mapping[str, Listening] | Path, descriptors: int | None = None, **options: float | None
    ) -> BalancerProcess:
        """A balancer in a process of its own, that listens."""
        if not isinstance(backends, Path):
            process = BalancerProcess({id: server.address for id, server in backends.items()}, descriptors, **options)
        else:
            process = BalancerProcess(str(backends), descriptors, **options)
        self._processes.append(process)
        await process.start()
        return process

    def connect(self, balanced: Balanced) -> Peer:
        """A client."""
        return self.add(connect(balanced.address))

    async def close(self) -> None:
        """Close everything around the balancers, then stop them."""
        for each in (*self._processes, *self._closing):
            each.close()
        stopped: list[None] = []
        for service in self._services:
            service.stopService().addCallback(stopped.append)
        await eventually(lambda: len(stopped) == len(self._services), "every balancer has stopped")
        release(monotonicClock(reactor))
