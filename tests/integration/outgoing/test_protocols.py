"""Protocols that Twisted's authors use, on balanced connections: AMP, and those that begin TLS by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.amp import AMP, Command, CommandLocator, Integer, Unicode
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.integration.bench import backend
from tests.integration.outgoing.bench import EndpointBench, failureOf, isIdle
from tests.integration.sockets import eventually
from tests.integration.talkers import settled


class Add(Command):
    """Adds, and says who did."""

    arguments = [(b"a", Integer()), (b"b", Integer())]
    response = [(b"sum", Integer()), (b"by", Unicode())]


class Wait(Command):
    """Is never answered."""


class Adder(CommandLocator):
    """Answers."""

    def __init__(self, name: str) -> None:
        self._name = name

    @Add.responder
    def add(self, a: int, b: int) -> dict[str, object]:
        """See L{Add}."""
        return {"sum": a + b, "by": self._name}

    @Wait.responder
    def wait(self) -> Deferred[dict[str, object]]:
        """See L{Wait}."""
        return Deferred()


class Adders(Factory[AMP]):
    """A server of AMP's."""

    def __init__(self, name: str) -> None:
        self._name = name

    def buildProtocol(self, addr: object) -> AMP:
        """See L{Factory.buildProtocol}."""
        return AMP(locator=Adder(self._name))


def quiet(protocol: type[Protocol]) -> Factory[Any]:
    """A client's factory."""
    factory: Factory[Any] = Factory.forProtocol(protocol)
    factory.noisy = False
    return factory


@pytest_twisted.ensureDeferred
async def test_amp(ends: EndpointBench) -> None:
    """AMP's commands are answered; one that waits fails when its target leaves, and the next goes to another server."""
    services = {name: await ends.serve(Adders(name)) for name in ("a", "b")}
    ends.publish(**{name: backend(service) for name, service in services.items()})
    endpoint = ends.endpoint()
    amp = await settled(endpoint.connect(quiet(AMP)))
    assert isinstance(amp, AMP)
    assert await amp.callRemote(Add, a=2, b=3) == {"sum": 5, "by": "a"}
    waiting = amp.callRemote(Wait)
    assert (await amp.callRemote(Add, a=1, b=1))["sum"] == 2
    ends.publish(b=backend(services["b"]))
    assert "target-removed" in str(await failureOf(waiting))
    amp = await settled(endpoint.connect(quiet(AMP)))
    assert isinstance(amp, AMP)
    assert await amp.callRemote(Add, a=2, b=3) == {"sum": 5, "by": "b"}
    assert amp.transport is not None
    amp.transport.loseConnection()
    await eventually(lambda: isIdle(endpoint), "the connection is closed")


@implementer(IHandshakeListener)
class Upgrading(LineReceiver):
    """
    Begins TLS when it is told that the other end will.

    @ivar heard: the lines.
    @ivar isSecure: whether the handshake is done.
    """

    options: object = None

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.isSecure = False
        self.lost: Failure | None = None

    def lineReceived(self, line: bytes) -> None:
        """See L{LineReceiver.lineReceived}."""
        self.heard.append(line)
        if line == b"go ahead":
            assert self.transport is not None
            self.transport.startTLS(self.options)  # type: ignore[attr-defined]

    def handshakeCompleted(self) -> None:
        """See L{IHandshakeListener}."""
        self.isSecure = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{LineReceiver.connectionLost}."""
        self.lost = reason


class Offering(LineReceiver):
    """The server's side: begins TLS where it is asked to, and else says what it hears."""

    options: object = None

    def lineReceived(self, line: bytes) -> None:
        """See L{LineReceiver.lineReceived}."""
        if line == b"may I?":
            self.sendLine(b"go ahead")
            assert self.transport is not None
            self.transport.startTLS(self.options)  # type: ignore[attr-defined]
        else:
            self.sendLine(line)


@pytest_twisted.ensureDeferred
async def test_startTLS(ends: EndpointBench, pem: Path) -> None:
    """A protocol may begin TLS on its balanced connection; it hears of the handshake, and removal resets it as ever."""
    from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS, trustRootFromCertificates

    trusted = trustRootFromCertificates([Certificate.loadPEM(pem.read_bytes())])
    service = await ends.serve(Factory.forProtocol(Offering))
    ends.publish(a=backend(service))
    endpoint = ends.endpoint()
    upgrading = await settled(endpoint.connect(quiet(Upgrading)))
    assert isinstance(upgrading, Upgrading)
    upgrading.options = optionsForClientTLS("localhost", trusted)
    Offering.options = PrivateCertificate.loadPEM(pem.read_bytes()).options()
    upgrading.sendLine(b"may I?")
    await eventually(lambda: upgrading.isSecure, "the handshake is done")
    upgrading.sendLine(b"secret")
    await eventually(lambda: upgrading.heard == [b"go ahead", b"secret"], "it is answered")
    ends.publish()
    await eventually(lambda: upgrading.lost is not None, "it is lost")
    assert upgrading.lost is not None
    assert "target-removed" in upgrading.lost.getErrorMessage()
