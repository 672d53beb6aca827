"""
A balancer as a process of its own, for tests that limit it, stop it, measure it, or set its clock.

It takes its configuration as JSON from the command line and commands from standard input, a line each, and
writes JSON to standard output, a line each. It ends with its standard input.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import connectionDone
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.integration.sockets import reactor
from tinylb import BackendSet, FileProvider, LoadBalancerService, TCPBackend, Value
from tinylb.events import ClientUnserved, DialFailed, Event
from tinylb.interfaces import IObserver, IProvider


def tell(**what: object) -> None:
    """Write one line."""
    print(json.dumps(what, default=str), flush=True)


@implementer(IObserver)
class Teller:
    """Tells of what goes wrong."""

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe}."""
        if isinstance(event, (DialFailed, ClientUnserved)):
            tell(event=type(event).__name__, **vars(event))


class Commands(LineOnlyReceiver):
    """Does as it is told."""

    delimiter = b"\n"

    def __init__(self, service: LoadBalancerService) -> None:
        self._service = service
        self._offset = 0.0

    def lineReceived(self, line: bytes) -> None:
        """C{describe}, or C{step SECONDS}, which sets the clock that the reactor goes by."""
        command, *arguments = line.decode().split()
        if command == "describe":
            tell(described=self._service.describe())
        else:
            self._offset += float(*arguments)
            reactor.seconds = lambda: time.time() + self._offset
            tell(stepped=self._offset)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Whoever started this wants it to end."""
        self._service.stopService().addCallback(lambda _: reactor.stop())


def provide(source: Any) -> IProvider:
    """A file, or a mapping of ids to addresses."""
    if isinstance(source, str):
        return FileProvider(reactor, source)
    return Value(BackendSet({id: TCPBackend(reactor, host, port) for id, (host, port) in source.items()}))


def main(configuration: dict[str, Any]) -> None:
    """Run until standard input ends."""
    if "descriptors" in configuration:
        resource.setrlimit(resource.RLIMIT_NOFILE, (configuration["descriptors"],) * 2)
    service = LoadBalancerService(
        TCP4ServerEndpoint(reactor, 0, backlog=1024, interface="127.0.0.1"),
        provide(configuration["backends"]),
        reactor=reactor,
        drain=0.0,
        random=lambda: 0.0,
        **configuration.get("options", {}),
    )
    service.balancer.observers.append(Teller())
    service.startService()
    service.whenReady().addCallback(_tellWhere, service)
    StandardIO(Commands(service))
    reactor.run()


def _tellWhere(_: None, service: LoadBalancerService) -> None:
    host = service.hosts[0]
    assert isinstance(host, IPv4Address)
    tell(listening=(host.host, host.port))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
