"""The relay over two plain sockets of Linux, TCP or UNIX: two wires, and what becomes of one when the other ends."""

from __future__ import annotations

import socket
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from tinylb.ends import EndState
from tinylb.hearing import Hearing, hearing
from tinylb.relay.interface import Relayed, Side
from tinylb.relay.wire import UNTIL_EMPTY, Wire
from tinylb.relay.workshop import Workshop
from tinylb.sockets import closeWithReset, probe
from tinylb.transports import Taken

_close = socket.SocketType.close
# Bound once: looking a member up in its enumeration is slow enough to matter here.
_OPEN, _FINISHED, _LOST = EndState.OPEN, EndState.FINISHED, EndState.LOST


class KernelRelay:
    """
    See L{Relay <tinylb.relay.interface.Relay>}. The sockets are the relay's from the beginning, and are watched by the
    shop's poller already.
    """

    __slots__ = ("_backend", "_client", "_relayed", "active", "isAborting", "isCareful", "maySplice", "seconds", "shop")

    def __init__(self, shop: Workshop, client: Taken, backend: Taken, relayed: Relayed, clock: IReactorTime) -> None:
        self.shop = shop
        self.seconds = clock.seconds
        self.active = clock.seconds()
        self.isAborting = False
        # A read from a UNIX socket stops where a descriptor was passed along.
        self.isCareful = socket.AF_UNIX in (client[0].family, backend[0].family)
        self.maySplice = True
        self._relayed = relayed
        self._client = Wire(self, Side.CLIENT, client)
        self._backend = Wire(self, Side.BACKEND, backend)
        self._client.other, self._backend.other = self._backend, self._client

    @property
    def bytesIn(self) -> int:
        """Bytes received from the client so far."""
        return self._client.count

    @property
    def bytesOut(self) -> int:
        """Bytes received from the backend so far."""
        return self._backend.count

    def load(self, greeting: bytes, fromClient: bytes, fromBackend: bytes) -> None:
        """
        Take over the bytes that have been received already, before L{start}.

        @param greeting: goes to the backend before what the client has sent, and is not counted.
        """
        self._client.load(greeting + fromClient, len(fromClient))
        self._backend.load(fromBackend, len(fromBackend))

    def start(self) -> None:
        """Begin to relay."""
        if self.isAborting:
            return
        wires = (self._client, self._backend)
        for wire in wires:
            self.shop.poller.hand(wire.fd, wire)
        for wire in wires:
            if wire.held is not None and wire.state is not _LOST:
                wire.flush()
            if wire.news and wire.state is _OPEN:
                wire.ready(wire.news)

    def probe(self, keepalive: float) -> None:
        """See L{probe <tinylb.sockets.probe>}."""
        for wire in (self._client, self._backend):
            if wire.state is not _LOST:
                probe(wire.socket, keepalive)

    def hearing(self, side: Side) -> Hearing | None:
        """See L{Relay <tinylb.relay.interface.Relay>}."""
        wire = self._client if side is Side.CLIENT else self._backend
        return hearing(wire.socket) if wire.state is not _LOST else None

    def abort(self) -> None:
        """End both connections with a reset, whatever is unsent."""
        self._end(closeWithReset)

    def finished(self, wire: Wire) -> None:
        """Pass a FIN on: everything before it has been passed on. A FIN counts as activity, too."""
        wire.state = _FINISHED
        self.active = self.seconds()
        self._relayed.closed(wire.side)
        other = wire.other
        if other.state is not _OPEN:
            self._end(_close)
            return
        try:
            other.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.lost(other)
        else:
            self._relayed.halfClosed(wire.side)

    def lost(self, wire: Wire) -> None:
        """One connection has failed. Unless its peer had finished, what it sent is cut short: both are reset."""
        self._relayed.cut(wire.side)
        other = wire.other
        if wire.state is _OPEN or other.state is not _OPEN:
            self.abort()
            return
        wire.close(_close)
        # Closing the other socket with unread input would send a reset: so the input is read first, and dropped.
        other.ready(UNTIL_EMPTY)

    def _end(self, close: Callable[[socket.SocketType], None]) -> None:
        self.isAborting = True
        for wire in (self._client, self._backend):
            if wire.state is not _LOST:
                wire.close(close)
        self._relayed.ended()
        # Breaks the reference cycles, so that everything is freed at once.
        del self._client.other, self._backend.other, self._client.relay, self._backend.relay, self._relayed
