"""Chooses the engine that relays a pair."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorTime

from tinylb.acceptor import Acceptor, acceptorOf
from tinylb.ends import BackendEnds, End
from tinylb.poller import pollerOf
from tinylb.relay.interface import Relay, Relayed
from tinylb.relay.kernel import KernelRelay
from tinylb.relay.stream import StreamRelay
from tinylb.relay.workshop import workshopOf
from tinylb.transports import SocketTransport

_ENDS = BackendEnds(takesSockets=False)
_SOCKET_ENDS = BackendEnds(takesSockets=True)


class Engines:
    """
    Chooses for each pair: the kernel engine where both ends are plain sockets and the system supports it, the stream
    engine for everything else, including TLS and test transports.

    @param relay: C{"auto"}; or C{"kernel"}, which is the same but fails where the system does not support the kernel
        engine; or C{"stream"} for the stream engine alone.
    @raise ValueError: for any other C{relay}, and for C{"kernel"} where that engine is not available.
    @ivar poller: the reactor's, if it has one.
    """

    def __init__(self, reactor: IReactorTime, relay: str) -> None:
        if relay not in ("auto", "kernel", "stream"):
            raise ValueError(f"relay is {relay!r}, not 'auto', 'kernel' or 'stream'")
        self.poller = pollerOf(reactor)
        self._reactor: Any = reactor
        self._shop = None if relay == "stream" else workshopOf(reactor)
        if relay == "kernel" and self._shop is None:
            raise ValueError("the kernel engine needs epoll, splice and a real reactor")

    def accept(self, port: IListeningPort, factory: IProtocolFactory) -> Acceptor | None:
        """See L{acceptorOf}; L{None} without the kernel engine."""
        if self._shop is None:
            return None
        return acceptorOf(port, factory, self._shop.poller)

    def backendEnds(self, client: End) -> BackendEnds:
        """
        @param client: an end that has been prepared.

        @return: the factory of the backend's end that is to be joined to it.
        """
        return _ENDS if self._shop is None or not client.canBeTaken else _SOCKET_ENDS

    def open(self, client: End) -> None:
        """Prepare a client's end, so that it can be read from before it is joined to a backend's."""
        if isinstance(client.transport, SocketTransport):
            client.complete(self._reactor)
        else:
            client.prepare(self.poller)

    def join(self, client: End, backend: End, relayed: Relayed, clock: IReactorTime, greeting: bytes) -> Relay:
        """
        The relay between two ends that are prepared.

        @param greeting: bytes that the backend gets before any of the client's.
        """
        if self._shop is not None and client.canBeTaken and backend.canBeTaken:
            isEarly = greeting or client.count or backend.count
            early = (client.early, backend.early) if isEarly else None
            relay = KernelRelay(self._shop, client.take(), backend.take(), relayed, clock)
            if early is not None:
                relay.load(greeting, *early)
            return relay
        client.complete(self._reactor)
        return StreamRelay(client, backend, relayed, clock, greeting)

    def release(self) -> None:
        """Close the epoll and the pipes that are not in use."""
        if self._shop is not None:
            self._shop.release()
        elif self.poller is not None:
            self.poller.release()
