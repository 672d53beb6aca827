"""
The balancer alone, as a Twisted factory: for applications that listen and replace the backends themselves.
With examples/demo_backends.py running in another terminal:

    python examples/bare_factory.py

Type the backends to use, for example "cp-1 cp-3", and Enter. "curl -N 127.0.0.1:6445/stream" shows which one serves.
"""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineOnlyReceiver
from zope.interface import implementer

from tinylb import BackendSet, LoadBalancer, PairClosed, PairOpened, TargetRemoved, TCPBackend
from tinylb.events import Event
from tinylb.interfaces import IObserver

PORTS = {"cp-1": 7101, "cp-2": 7102, "cp-3": 7103}


@implementer(IObserver)
class Narrator:
    """Says what happens to connections."""

    def observe(self, event: Event) -> None:
        if isinstance(event, PairOpened):
            print(f"A client is connected to {event.backend}")
        elif isinstance(event, PairClosed):
            print(f"A connection to {event.backend} has ended ({event.reason.value}), {event.bytesOut} bytes later")
        elif isinstance(event, TargetRemoved):
            print(f"{event.target} is gone: {event.pairs} connections end")


class Console(LineOnlyReceiver):
    """Each line typed is the next set of backends."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, balancer: LoadBalancer) -> None:
        self._balancer = balancer
        self._known = {id: TCPBackend(reactor, "127.0.0.1", port) for id, port in PORTS.items()}
        balancer.replaceBackends(BackendSet(self._known))

    def lineReceived(self, line: bytes) -> None:
        ids = line.decode().split()
        self._balancer.replaceBackends(BackendSet({id: self._known[id] for id in ids if id in self._known}))
        print("Backends now:", ", ".join(self._balancer.backends) or "none")


async def main(reactor: Any) -> None:
    balancer = LoadBalancer(reactor)
    balancer.observers.append(Narrator())
    StandardIO(Console(reactor, balancer))
    await TCP4ServerEndpoint(reactor, 6445, interface="127.0.0.1").listen(balancer)
    print("Listening on 127.0.0.1:6445; backends:", ", ".join(balancer.backends))
    reactor.addSystemEventTrigger("before", "shutdown", balancer.drain, 5.0)
    await Deferred()


react(main)
