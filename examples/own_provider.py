"""
A provider of your own: each server found on certain ports of this machine is a backend.

    python examples/own_provider.py

Then start and stop examples/demo_backends.py in another terminal, and "curl 127.0.0.1:6446".
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall, react
from twisted.logger import globalLogBeginner, textFileLogObserver
from zope.interface import implementer

from tinylb import BackendSet, LoadBalancerService, TCPBackend, Value, Watcher
from tinylb.interfaces import IProvider


class Probe(Protocol):
    """Closes its connection at once: that the port accepts it is all that has to be known."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


PROBES = Factory.forProtocol(Probe)
PROBES.noisy = False


@implementer(IProvider)
class Neighbours:
    """
    Publishes the ports of 127.0.0.1 that accept connections, probed every second. L{Value} does what every provider
    has to do: it keeps the newest set for each watcher, and reports when the first watcher comes and the last one goes.
    """

    def __init__(self, reactor: Any, ports: range) -> None:
        self._reactor = reactor
        self._ports = ports
        self._looking = LoopingCall(self._look)
        self._value: Value[BackendSet] = Value(onWatched=self._start, onUnwatched=self._looking.stop)

    def watch(self) -> Watcher[BackendSet]:
        return self._value.watch()

    def _start(self) -> None:
        self._looking.start(1.0)

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._publish())

    async def _publish(self) -> None:
        listening = [port for port in self._ports if await self._accepts(port)]
        self._value.set(
            BackendSet({f"port-{port}": TCPBackend(self._reactor, "127.0.0.1", port) for port in listening})
        )

    async def _accepts(self, port: int) -> bool:
        try:
            await TCP4ClientEndpoint(self._reactor, "127.0.0.1", port, timeout=1).connect(PROBES)
        except ConnectError:
            return False
        return True


async def main(reactor: Any) -> None:
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)])
    endpoint = TCP4ServerEndpoint(reactor, 6446, interface="127.0.0.1")
    service = LoadBalancerService(endpoint, Neighbours(reactor, range(7101, 7104)), reactor=reactor)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    await Deferred()


react(main)
