"""The balancers of one test, and the sockets around them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IAddress, IStreamServerEndpoint
from twisted.internet.tcp import Connection
from typing_extensions import Unpack

from tests.integration.process import BalancerProcess
from tests.integration.servers import Server
from tests.integration.sockets import Address, Peer, connect, eventually, reactor
from tinylb import BackendSet, EndpointBackend, LoadBalancer, LoadBalancerService, PairOpened, TCPBackend, Value
from tinylb.balancer import BalancerOptions
from tinylb.clock import monotonicClock, release
from tinylb.events import Event
from tinylb.interfaces import IBackend, IProvider
from tinylb.testing import Recorder

ENGINES: dict[str, BalancerOptions] = {"stream": {"relay": "stream"}}
"""The engines of the relay that this system has, and the options that choose them."""

if sys.platform == "linux":
    ENGINES["kernel"] = {"relay": "kernel"}

E = TypeVar("E", bound=Event)


class Closing(Protocol):
    """Something that can be closed."""

    def close(self) -> None: ...


class Listening(Closing, Protocol):
    """Anything with an address that listens."""

    address: Address


C = TypeVar("C", bound=Closing)


def backend(server: Listening) -> EndpointBackend:
    """A backend that leads to a server."""
    if isinstance(server.address, str):
        return EndpointBackend(f"unix:{server.address}", UNIXClientEndpoint(reactor, server.address))
    return TCPBackend(reactor, *server.address)


def addressOf(host: IAddress) -> Address:
    """The address as a socket takes it."""
    if isinstance(host, UNIXAddress):
        return (host.name or b"").decode()
    assert isinstance(host, (IPv4Address, IPv6Address))
    return host.host, host.port


def backendsJSON(**servers: Listening) -> str:
    """A backends file that leads to servers."""
    return json.dumps({"backends": {id: backend(server).target for id, server in servers.items()}})


def isRelayedByTheKernel() -> bool:
    """Whether the only pair is the kernel engine's; if not, the reactor has a transport for either end."""
    transports = {each for each in (*reactor.getReaders(), *reactor.getWriters()) if isinstance(each, Connection)}
    assert len(transports) in (0, 2)
    return not transports


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
        return addressOf(self.service.hosts[0])

    def publish(self, **backends: IBackend) -> None:
        """Make these the current set. It is in force when this returns."""
        self._value.set(BackendSet(backends))

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    async def hear(self, kind: type[E], count: int = 1) -> list[E]:
        """Wait until there are so many events of a kind."""
        await eventually(lambda: len(self.told(kind)) >= count, f"{count} {kind.__name__} among {self.events}")
        return self.told(kind)

    async def hearOne(self, kind: type[E]) -> E:
        """Wait for an event of a kind, which must be the only one."""
        (event,) = await self.hear(kind)
        return event


class Joined(NamedTuple):
    """A pair, with the plain sockets at its far ends."""

    balanced: Balanced
    client: Peer
    serving: Peer


class Bench:
    """Makes balancers and clients for a test, and closes them after it."""

    def __init__(self, engine: BalancerOptions) -> None:
        self._engine = engine
        self._services: list[LoadBalancerService] = []
        self._balancers: list[LoadBalancer] = []
        self._processes: list[BalancerProcess] = []
        self._closing: list[Closing] = []

    def add(self, thing: C) -> C:
        """Close this after the test, too."""
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
        """A balancer that listens, by default on TCP and without backends. It begins with the first backend."""
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

    def balancer(self, **options: Unpack[BalancerOptions]) -> tuple[LoadBalancer, list[Event]]:
        """A balancer without a service, and the events that it tells."""
        complete: BalancerOptions = {**self._engine, **options}
        balancer = LoadBalancer(reactor, **complete)
        recorder = Recorder()
        balancer.observers.append(recorder)
        self._balancers.append(balancer)
        return balancer, recorder.events

    async def join(self, server: Server | None = None, endpoint: IStreamServerEndpoint | None = None) -> Joined:
        """A client and a server's end, joined by a new balancer."""
        server = self.add(server or Server())
        balanced = await self.balance(endpoint=endpoint)
        balanced.publish(a=backend(server))
        return await self.joinBy(balanced, server)

    async def joinBy(self, balanced: Balanced, server: Server, client: Peer | None = None) -> Joined:
        """A client, by default a new one, and the server's end that this balancer joins to it next."""
        opened = len(balanced.told(PairOpened))
        client = client or self.connect(balanced)
        serving = await server.accept()
        await balanced.hear(PairOpened, opened + 1)
        return Joined(balanced, client, serving)

    async def start(
        self, backends: Mapping[str, Listening] | Path, descriptors: int | None = None, **options: float | None
    ) -> BalancerProcess:
        """A balancer in a process of its own, that listens."""
        source = str(backends) if isinstance(backends, Path) else {id: each.address for id, each in backends.items()}
        process = BalancerProcess(source, descriptors, {**self._engine, **options})
        self._processes.append(process)
        await process.start()
        return process

    def connect(self, balanced: Balanced, own: Path | None = None) -> Peer:
        """A client; see L{connect}."""
        return self.add(connect(balanced.address, own))

    async def close(self) -> None:
        """Close everything around the balancers, then stop them."""
        for each in (*self._processes, *self._closing):
            each.close()
        ending = [service.stopService() for service in self._services]
        ending += [balancer.drain(0.0) for balancer in self._balancers]
        ended: list[None] = []
        for end in ending:
            end.addCallback(ended.append)
        await eventually(lambda: len(ended) == len(ending), "every balancer has ended")
        release(monotonicClock(reactor))
