"""The simplest check: does the target accept connections?"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tinylb.health.answer import Answer, Outcome
from tinylb.interfaces import IHealthCheck


class _Visit(Protocol):
    """Connects, and closes at once."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class _Visits(Factory):
    protocol = _Visit
    noisy = False


@implementer(IHealthCheck)
class TCPCheck:
    """A connection that is made is a good answer."""

    def check(self, endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
        """See L{IHealthCheck.check}."""
        return endpoint.connect(_Visits()).addCallback(_accepted)


def _accepted(_: IProtocol) -> Answer:
    return Answer(Outcome.YES, "it accepts connections")
