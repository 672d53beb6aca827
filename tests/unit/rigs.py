"""What several test modules share, beyond C{tinylb.testing}: test cases, backends and a dialer in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import classImplements, implementer

from tinylb import BackendSet, CloseReason, DialFailed, PairClosed, PairOpened, RoundRobin
from tinylb.dialer import Dialer
from tinylb.events import Event
from tinylb.interfaces import IBackend
from tinylb.observers import Observers
from tinylb.registry import Registry
from tinylb.search import Connected
from tinylb.selection import Selection
from tinylb.testing import MemoryBackend, MemoryBalancer, MemoryEndpoint, MemoryPeer, MemoryTransport, Recorder, join

E = TypeVar("E")

KIB = 1024
MIB = 1024 * KIB


def told(events: Iterable[Event], kind: type[E]) -> list[E]:
    """The events of one kind, in order."""
    return [event for event in events if isinstance(event, kind)]


def served(kit: MemoryBalancer) -> str:
    """The ids of the backends that clients were joined to, in order."""
    return "".join(event.backend for event in told(kit.events, PairOpened))


def pattern(size: int, salt: int = 0) -> bytes:
    """Bytes in which no stretch is like its neighbour, so that a loss, a repetition or a swap shows."""
    return b"".join((number * 2654435761 + salt & 0xFFFFFFFF).to_bytes(4, "big") for number in range(size // 4))


class BalancerTestCase(SynchronousTestCase):
    """Tests of balancers in memory. After each test the balancer is drained, and must leave nothing behind."""

    def balancer(self, *ids: str, **options: Any) -> MemoryBalancer:
        """A balancer over these backends, which is drained after the test."""
        kit = MemoryBalancer(*ids, **options)
        self.addCleanup(self.drain, kit)
        return kit

    def drain(self, kit: MemoryBalancer) -> None:
        """Drain a balancer, and check that no connection, dial or timer is left."""
        drained = kit.balancer.drain(0)
        kit.advance()
        self.successResultOf(drained)
        known = kit.balancer.describe()
        self.assertEqual((known["connections"], known["dialing"]), (0, 0))
        self.assertEqual(kit.clock.getDelayedCalls(), [])


class PairTestCase(BalancerTestCase):
    """Tests of one pair to the backend C{a}."""

    def open(self, *ids: str, **options: Any) -> tuple[MemoryBalancer, MemoryPeer, MemoryPeer]:
        """The balancer, the client and the server of a pair that is open."""
        kit = self.balancer(*(ids or "a"), **options)
        client = kit.connect()
        return kit, client, kit.server("a")

    def closed(self, kit: MemoryBalancer) -> PairClosed:
        """The one pair that has ended."""
        (event,) = told(kit.events, PairClosed)
        return event

    def assertOpen(self, kit: MemoryBalancer) -> None:
        """The pair has not ended."""
        self.assertEqual(kit.balancer.describe()["connections"], 1)


def sendMuch(kit: MemoryBalancer, peer: MemoryPeer) -> None:
    """
    Send so much that a reader that does not read leaves some of it in our buffers, yet not so much that the sender
    is paused: what the sender does next is still seen.
    """
    for size in (64 * KIB, 36 * KIB):
        peer.send(b"x" * size)
        kit.advance()


@implementer(IBackend)
class HandBackend:
    """
    A backend whose attempts the test answers one by one. A subclass may decide what happens when one is cancelled.

    @ivar dials: the factory and the result of each attempt, the latest last.
    @ivar cancelled: how many attempts were cancelled.
    """

    tier = 0
    weight = 1
    draining = False

    def __init__(self, clock: Clock, target: str) -> None:
        self.target = target
        self.dials: list[tuple[IProtocolFactory, Deferred[IProtocol]]] = []
        self.cancelled = 0
        self.server = MemoryPeer()
        self._clock = clock

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        connecting: Deferred[IProtocol] = Deferred(self.onCancel)
        self.dials.append((factory, connecting))
        return connecting

    def onCancel(self, connecting: Deferred[IProtocol]) -> None:
        """An attempt was cancelled."""
        self.cancelled += 1

    def make(self, number: int = -1) -> IProtocol | None:
        """Make the connection of an attempt: ask for its protocol, and connect it if there is one."""
        protocol = self.dials[number][0].buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        if protocol is not None:
            join(self._clock, self.server, protocol)
        return protocol

    def succeed(self, number: int = -1) -> None:
        """An attempt connects."""
        protocol = self.make(number)
        assert protocol is not None
        self.dials[number][1].callback(protocol)

    def fail(self, error: Exception, number: int = -1) -> None:
        """An attempt fails."""
        self.dials[number][1].errback(error)


@implementer(IProtocolFactory)
class Peers:
    """A factory that keeps the protocols it has built."""

    def __init__(self) -> None:
        self.built: list[MemoryPeer] = []

    def buildProtocol(self, addr: IAddress) -> MemoryPeer:
        """See L{IProtocolFactory}."""
        self.built.append(MemoryPeer())
        return self.built[-1]

    def doStart(self) -> None:
        """See L{IProtocolFactory}."""

    def doStop(self) -> None:
        """See L{IProtocolFactory}."""


class DialerRig:
    """A dialer by itself, over backends in memory whose target is their id."""

    def __init__(self, *ids: str, timeout: float = 10.0, attemptDelay: float = 0.25) -> None:
        self.clock = Clock()
        self.registry = Registry()
        self.selection = Selection(RoundRobin(), lambda: 0.0, self.registry)
        recorder = Recorder()
        self.events = recorder.events
        self.dialer = Dialer(
            self.clock,
            self.selection,
            self.registry,
            timeout=timeout,
            attemptDelay=attemptDelay,
            tell=Observers([recorder]).tell,
        )
        self.backends: dict[str, MemoryBackend] = {}
        self.publish(*ids)

    def publish(self, *ids: str) -> None:
        """Make a set of these backends the current one."""
        for id in ids:
            self.backends.setdefault(id, MemoryBackend(self.clock, id))
        self.replace({id: self.backends[id] for id in ids})

    def replace(self, backends: dict[str, Any]) -> int:
        """
        Make another set the current one, as a balancer does.

        @return: how many attempts were cancelled.
        """
        gone = self.selection.replace(BackendSet(backends)).gone
        return sum(self.registry.abortAttempts(target, CloseReason.TARGET_REMOVED) for target in gone)

    def dial(self, factory: IProtocolFactory | None = None) -> Deferred[Connected]:
        """Dial for one client."""
        return self.dialer.dial(factory or Peers())

    def advance(self, *seconds: float) -> None:
        """Let time pass, in steps."""
        self.clock.pump(seconds or (0.0,))

    @property
    def failures(self) -> list[tuple[str, str]]:
        """The target and kind of each L{DialFailed} that observers were told of."""
        return [(event.target, event.kind.value) for event in told(self.events, DialFailed)]


class TLSLike(ProtocolWrapper):
    """
    Stands between a transport and a protocol as TLS does in Twisted: it passes on no half-close, and the peer's close
    ends the connection.
    """

    def loseWriteConnection(self) -> None:
        """Fail. In Twisted this would shut down the socket below TLS, without telling the TLS peer."""
        raise AssertionError("a half-close was asked for")

    def abortConnection(self) -> None:
        """Abort; fail if the connection is lost, as Twisted's raises then."""
        assert isinstance(self.transport, MemoryTransport)
        if self.isLost:
            raise AssertionError("an abort of a lost connection was asked for")
        self.transport.abortConnection()

    isLost = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{ProtocolWrapper}."""
        self.isLost = True
        ProtocolWrapper.connectionLost(self, reason)


classImplements(TLSLike, ISSLTransport)


class TLSLikeFactory(WrappingFactory[TLSLike]):
    """Wraps the protocols of another factory."""

    protocol = TLSLike
    noisy = False


class TLSLikeBackend(MemoryBackend):
    """A backend in memory behind something like TLS."""

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """See L{IBackend.connect}."""
        connecting: Deferred[Any] = super().connect(TLSLikeFactory(factory))
        return connecting.addCallback(lambda wrapper: wrapper.wrappedProtocol)


def connectTLSLike(kit: MemoryBalancer) -> MemoryPeer:
    """A client connects to a balancer behind something like TLS."""
    endpoint = MemoryEndpoint(kit.clock)
    endpoint.listen(TLSLikeFactory(kit.balancer))
    return endpoint.connect()
