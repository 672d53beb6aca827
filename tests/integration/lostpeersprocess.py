"""
Balancers as a process of their own, whose pairs' peers vanish.

It takes its configuration as JSON from the command line: a list of the options of each balancer, with the address of
its C{backend}. It writes JSON, a line each: the ports, in that order, then what becomes of pairs. It ends with its
standard input.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.integration.balancerprocess import provide, tell
from tests.integration.sockets import reactor
from tinylb import LoadBalancerService
from tinylb.events import Event, PairClosed
from tinylb.interfaces import IObserver


@implementer(IObserver)
class Ends:
    """Tells of the end of each pair of a balancer, which has a number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe}."""
        if isinstance(event, PairClosed):
            assert isinstance(event.client, IPv4Address)
            tell(balancer=self._number, client=[event.client.host, event.client.port], reason=event.reason.value)


class UntilTheEnd(Protocol):
    """Whoever started this wants it to end when it says no more."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{Protocol.connectionLost}."""
        reactor.stop()


def balance(number: int, backend: list[Any], **options: Any) -> LoadBalancerService:
    """A balancer that listens on every address, before one backend."""
    service = LoadBalancerService(
        TCP4ServerEndpoint(reactor, 0), provide({"a": backend}), reactor=reactor, drain=0.0, **options
    )
    service.balancer.observers.append(Ends(number))
    service.startService()
    return service


def main(configuration: list[dict[str, Any]]) -> None:
    """Run until standard input ends."""
    services = [balance(number, **each) for number, each in enumerate(configuration)]
    ready = gatherResults([service.whenReady() for service in services])
    ready.addCallback(lambda _: tell(ports=[port for service in services for port in _ports(service)]))
    StandardIO(UntilTheEnd())
    reactor.run()


def _ports(service: LoadBalancerService) -> list[int]:
    return [host.port for host in service.hosts if isinstance(host, IPv4Address)]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
