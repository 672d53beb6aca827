"""
A client that stays connected, with no socket between it and its backend: Twisted's ClientService over a balanced
endpoint. With examples/demo_backends.py running in another terminal:

    python examples/client_service.py

It prints what a backend streams. Delete that backend's line in examples/backends.json and save, or stop the backends
and start them again: the client goes on with another backend, and reports each attempt that reaches none.
"""

from pathlib import Path
from typing import Any

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import react
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb import BalancedEndpoint, FileProvider


class Reader(LineOnlyReceiver):
    """Asks for a stream, and prints each line of it."""

    delimiter = b"\n"

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"GET /stream HTTP/1.0\r\n\r\n")

    def lineReceived(self, line: bytes) -> None:
        print(line.decode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        print("The connection has ended:", reason.getErrorMessage())


@implementer(IStreamClientEndpoint)
class Telling:
    """Wraps an endpoint and prints when it reaches no backend, as ClientService tries again silently."""

    def __init__(self, endpoint: IStreamClientEndpoint) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addErrback(self._tell)

    def _tell(self, failure: Failure) -> Failure:
        failure.trap(ConnectError)
        print("Nobody can be reached:", failure.getErrorMessage())
        return failure


async def main(reactor: Any) -> None:
    provider = FileProvider(reactor, Path(__file__).with_name("backends.json"))
    endpoint = Telling(BalancedEndpoint(reactor, provider))
    service = ClientService(endpoint, Factory.forProtocol(Reader))
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    await Deferred()


react(main)
