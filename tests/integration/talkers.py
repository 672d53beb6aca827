"""Clients of Twisted's making: an endpoint, a factory, and a protocol that keeps what it hears."""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.integration.sockets import Address, eventually, reactor
from tinylb.direct import DirectEndpoint


@implementer(IHalfCloseableProtocol)
class Talker(Protocol):
    """
    @ivar heard: all that has come.
    @ivar ended: whether a FIN has come.
    @ivar lost: why the connection is gone.
    """

    transport: Connection

    def __init__(self) -> None:
        self.heard = b""
        self.ended = False
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        """See L{Protocol.dataReceived}."""
        self.heard += data

    def readConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""
        self.ended = True

    def writeConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        self.lost = reason


class Talkers(Factory):
    """
    @ivar takesSockets: see L{ISocketFactory <tinylb.transports.ISocketFactory>}.
    @ivar addresses: to which it was asked for a protocol.
    @ivar life: how often it was started, and stopped.
    """

    noisy = False
    takesSockets = False

    def __init__(self) -> None:
        self.addresses: list[IAddress | None] = []
        self.life = (0, 0)

    def startFactory(self) -> None:
        """See L{Factory.startFactory}."""
        self.life = self.life[0] + 1, self.life[1]

    def stopFactory(self) -> None:
        """See L{Factory.stopFactory}."""
        self.life = self.life[0], self.life[1] + 1

    def buildProtocol(self, addr: IAddress | None) -> Talker | None:
        """See L{Factory.buildProtocol}."""
        self.addresses.append(addr)
        return Talker()


async def settled(connecting: Deferred[IProtocol]) -> IProtocol:
    """What an attempt comes to, which has to be something."""
    results: list[IProtocol | Failure] = []
    connecting.addBoth(results.append)
    await eventually(lambda: bool(results), "the attempt is over")
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result


class Way(NamedTuple):
    """
    A way to a connection.

    @ivar kind: of endpoint.
    @ivar takesSockets: whether a transport will do that does not move bytes.
    """

    kind: type[TCP4ClientEndpoint]
    takesSockets: bool

    def to(self, address: Address | str, port: int = 0, **options: Any) -> TCP4ClientEndpoint:
        """The endpoint that leads to an address, or to a host and a port."""
        host, port = (address, port) if isinstance(address, str) else address
        return self.kind(reactor, host, port, **options)

    def connect(self, endpoint: IStreamClientEndpoint, factory: Talkers | None = None) -> Deferred[IProtocol]:
        """Connect once."""
        factory = factory or Talkers()
        factory.takesSockets = self.takesSockets
        return endpoint.connect(factory)

    async def talk(self, endpoint: IStreamClientEndpoint, factory: Talkers | None = None) -> Talker:
        """A connection that is there."""
        talker = await settled(self.connect(endpoint, factory))
        assert isinstance(talker, Talker)
        return talker


WAYS = {
    "twisted": Way(TCP4ClientEndpoint, takesSockets=False),
    "direct": Way(DirectEndpoint, takesSockets=False),
    "short": Way(DirectEndpoint, takesSockets=True),
}
"""Twisted's own, and ours in its place."""


async def leave(talker: Talker) -> None:
    """Close a connection."""
    talker.transport.loseConnection()
    await eventually(lambda: talker.lost is not None, "the connection is lost")
