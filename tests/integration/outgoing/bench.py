"""One test's balanced endpoints, and the servers that they lead to."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure

from tests.integration.bench import Closing
from tests.integration.sockets import Address, eventually, reactor
from tinylb import BackendSet, BalancedEndpoint, Value
from tinylb.interfaces import IBackend, IProvider

C = TypeVar("C", bound=Closing)
T = TypeVar("T")


class Service(WrappingFactory[ProtocolWrapper]):
    """
    A server of Twisted's, in this process.

    @param factory: of its protocols.
    @ivar address: where it listens.
    @ivar served: how many connections there have been.
    """

    noisy = False
    port: IListeningPort
    address: Address

    def __init__(self, factory: Factory[Any]) -> None:
        super().__init__(factory)  # type: ignore[no-untyped-call]
        factory.noisy = False
        self.served = 0

    async def listen(self) -> None:
        """Begin."""
        self.port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self)
        host = self.port.getHost()
        assert isinstance(host, IPv4Address)
        self.address = host.host, host.port

    def registerProtocol(self, p: ProtocolWrapper) -> None:
        """See L{WrappingFactory}."""
        super().registerProtocol(p)  # type: ignore[no-untyped-call]
        self.served += 1

    def close(self) -> None:
        """Listen no more, and reset all connections."""
        self.port.stopListening()
        for protocol in self.protocols:
            assert isinstance(protocol.transport, Connection)
            protocol.transport.abortConnection()


class EndpointBench:
    """Endpoints that follow one value. When the test is over it publishes nobody, which ends all their connections."""

    def __init__(self) -> None:
        self._value: Value[BackendSet] = Value()
        self._endpoints: list[BalancedEndpoint] = []
        self._closing: list[Closing] = []

    def add(self, thing: C) -> C:
        """This is closed when the test is over."""
        self._closing.append(thing)
        return thing

    async def serve(self, factory: Factory[Any]) -> Service:
        """A server, until the test is over."""
        service = Service(factory)
        await service.listen()
        return self.add(service)

    def endpoint(self, provider: IProvider | None = None, **options: Any) -> BalancedEndpoint:
        """An endpoint that begins with the first backend."""
        complete = {"random": lambda: 0.0, **options}
        self._endpoints.append(BalancedEndpoint(reactor, provider or self._value, **complete))
        return self._endpoints[-1]

    def publish(self, **backends: IBackend) -> None:
        """Make these the current set. It is in force when this returns."""
        self._value.set(BackendSet(backends))

    async def close(self) -> None:
        """End all."""
        self.publish()
        for each in self._closing:
            each.close()
        await eventually(lambda: all(map(isIdle, self._endpoints)), "every endpoint is idle")


def isIdle(endpoint: BalancedEndpoint) -> bool:
    """Whether nothing is wanted or open."""
    known = endpoint.describe()
    return not known["connections"] and not known["dialing"]


async def failureOf(deferred: Deferred[T]) -> BaseException:
    """What something fails with, which it has to, soon."""
    results: list[T | Failure] = []
    deferred.addBoth(results.append)
    await eventually(lambda: bool(results), "it has come to something")
    (result,) = results
    assert isinstance(result, Failure)
    assert result.value is not None
    return result.value
