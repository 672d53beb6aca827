"""Names are looked up once at a time, however many attempts ask."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.internet.address import IPv4Address
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.descriptors import noDescriptors, noThreads
from tinylb import TCPBackend

PATIENCE = 20.0


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


class BusyResolver(SlowResolver):
    """Cannot take a lookup, until it is free."""

    isFree = False

    def resolveHostName(self, *args: Any, **kw: Any) -> IHostResolution:
        """See L{IHostnameResolver}."""
        if not self.isFree:
            raise RuntimeError("too busy")
        return super().resolveHostName(*args, **kw)


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

    def test_raises(self) -> None:
        """A resolver that raises fails the attempt; the next one asks it again."""
        resolver = BusyResolver()
        self.reactor.installNameResolver(resolver)
        backend = TCPBackend(self.reactor, "cp.example", 6443)
        self.assertRaises(RuntimeError, backend.connect, self.factory)
        self.assertFalse(backend.isLookingUp)
        resolver.isFree = True
        backend.connect(self.factory)
        resolver.answer("192.0.2.11")
        self.assertEqual(self.connectedTo(), ["192.0.2.11"])


class ThreadedReactor(MemoryReactorClock):
    """A reactor in memory whose resolver is the usual one. Threads come back when the test says so."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.installNameResolver(GAIResolver(self))  # type: ignore[arg-type]
        self._calls: Queue[Callable[[], object]] = Queue()

    def callFromThread(self, function: Callable[..., object], *args: object, **kw: object) -> None:
        """See L{IReactorFromThreads <twisted.internet.interfaces.IReactorFromThreads>}."""
        self._calls.put(lambda: function(*args, **kw))

    def getThreadPool(self) -> object:
        """Twisted's own pool is not used."""
        raise NotImplementedError

    def comeBack(self) -> None:
        """Wait for a thread to come back."""
        self._calls.get(timeout=PATIENCE)()


class ShortageTests(SynchronousTestCase):
    """The system can look nothing up for a while. The name is C{localhost}, which needs no network."""

    def setUp(self) -> None:
        self.reactor = ThreadedReactor()
        self.backend = TCPBackend(self.reactor, "localhost", 6443)
        self.factory = Factory.forProtocol(Protocol)

    def assertFails(self) -> None:
        """A lookup fails, and nothing of it is left."""
        connecting = self.backend.connect(self.factory)
        self.assertTrue(self.backend.isLookingUp)
        self.reactor.comeBack()
        self.failureResultOf(connecting, DNSLookupError)
        self.assertFalse(self.backend.isLookingUp)

    def assertFound(self) -> None:
        """The name is looked up anew, and found."""
        self.backend.connect(self.factory)
        self.reactor.comeBack()
        self.assertIn(self.reactor.tcpClients[0][0], ("127.0.0.1", "::1"))

    def test_descriptors(self) -> None:
        """A name that was asked for without a descriptor to be had is found as soon as there is one."""
        with noDescriptors():
            self.assertFails()
        self.assertFound()

    def test_threads(self) -> None:
        """A name that was asked for without a thread to be had is found as soon as there is one."""
        with noThreads():
            self.assertFails()
        self.assertFound()
