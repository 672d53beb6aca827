"""
How an application that embeds tinylb is tested with pytest-twisted, without a socket:

    pytest examples/testing/test_with_pytest_twisted.py
"""

import pytest_twisted
from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.internet.task import Clock
from zope.interface import implementer

from tinylb import BackendSet, LoadBalancerService, TargetRemoved
from tinylb.events import Event
from tinylb.interfaces import IObserver, IProvider
from tinylb.testing import Behaviour, ManualProvider, MemoryBackend, MemoryEndpoint


@implementer(IObserver)
class Gateway(MultiService):
    """The application: it balances over what a provider publishes, and keeps a list of the targets it has lost."""

    def __init__(self, reactor: IReactorTime, endpoint: IStreamServerEndpoint, provider: IProvider) -> None:
        MultiService.__init__(self)
        self.lost: list[str] = []
        self.service = LoadBalancerService(endpoint, provider, reactor=reactor, attemptDelay=0.25, drain=10)
        self.service.balancer.observers.append(self)
        self.addService(self.service)

    def observe(self, event: Event) -> None:
        if isinstance(event, TargetRemoved):
            self.lost.append(event.target)


@pytest_twisted.ensureDeferred
async def test_gatewaySurvivesABlackHole() -> None:
    """A client is served although a backend does not answer, and a stop lets it finish."""
    clock = Clock()
    endpoint, provider = MemoryEndpoint(clock), ManualProvider()
    gateway = Gateway(clock, endpoint, provider)
    gateway.startService()

    blackHole = MemoryBackend(clock, "192.0.2.1:80", Behaviour.HANGS)
    healthy = MemoryBackend(clock, "192.0.2.2:80")
    provider.set(BackendSet({"a": blackHole, "b": healthy}))
    await gateway.service.whenReady()

    clients = [endpoint.connect(), endpoint.connect()]
    clock.advance(0.25)  # by now the client that met the black hole is connected to the other backend
    assert len(healthy.connections) == 2

    provider.set(BackendSet({"b": healthy}))
    assert gateway.lost == ["192.0.2.1:80"]

    stopped = gateway.stopService()
    for server in healthy.connections:
        server.send(b"last words")
        server.close()
    clock.advance(0)
    for client in clients:
        assert client.received == b"last words"
        client.close()
    clock.advance(0)
    await stopped
