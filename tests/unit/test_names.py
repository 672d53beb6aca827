"""Names are looked up once at a time, however many attempts ask."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tinylb import TCPBackend


@implementer(IHostResolution)
class Resolution:
    """A lookup that the test answers."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Not possible, as with Twisted's own."""
        raise NotImplementedError


@implementer(IHostnameResolver)
class SlowResolver:
    """Keeps every lookup until the test answers it."""

    def __init__(self) -> None:
        self.lookups: list[tuple[str, IResolutionReceiver]] = []

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, hostName: str, *args: Any, **kw: Any
    ) -> IHostResolution:
        """See L{IHostnameResolver}."""
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        self.lookups.append((hostName, resolutionReceiver))
        return resolution

    def answer(self, *addresses: str) -> None:
        """Answer the oldest lookup."""
        _, receiver = self.lookups.pop(0)
        for address in addresses:
            receiver.addressResolved(IPv4Address("TCP", address, 6443))
        receiver.resolutionComplete()


class LookupTests(SynchronousTestCase):
    """Backends with a name, on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.resolver = SlowResolver()
        self.reactor.installNameResolver(self.resolver)
        self.factory = Factory.forProtocol(Protocol)

    def connectedTo(self) -> list[str]:
        """Where connections have been asked for."""
        return [client[0] for client in self.reactor.tcpClients]

    def test_shared(self) -> None:
        """Attempts at one name, of several backends, share the lookup that is under way and all get its answer."""
        for _ in range(3):
            TCPBackend(self.reactor, "cp.example", 6443).connect(self.factory)
        self.assertEqual([name for name, _ in self.resolver.lookups], ["cp.example"])
        self.resolver.answer("192.0.2.11")
        self.assertEqual(self.connectedTo(), ["192.0.2.11"] * 3)

    def test_cancelled(self) -> None:
        """An attempt that is cancelled takes nothing away from the others, and is not connected."""
        backend = TCPBackend(self.reactor, "cp.example", 6443)
        cancelled = backend.connect(self.factory)
        backend.connect(self.factory)
        cancelled.cancel()
        self.failureResultOf(cancelled)
        self.resolver.answer("192.0.2.11")
        self.assertEqual(self.connectedTo(), ["192.0.2.11"])

    def test_nothingIsKept(self) -> None:
        """Whoever asks after the answer has the name looked up anew."""
        backend = TCPBackend(self.reactor, "cp.example", 6443)
        for address in ("192.0.2.11", "192.0.2.12"):
            backend.connect(self.factory)
            self.resolver.answer(address)
        self.assertEqual(self.connectedTo(), ["192.0.2.11", "192.0.2.12"])

    def test_others(self) -> None:
        """Another name waits for nobody."""
        TCPBackend(self.reactor, "slow.example", 6443).connect(self.factory)
        TCPBackend(self.reactor, "cp.example", 6443).connect(self.factory)
        self.assertEqual([name for name, _ in self.resolver.lookups], ["slow.example", "cp.example"])
