"""The relay over any pair of Twisted transports: bytes move with C{dataReceived}, C{write} and producers."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tinylb.ends import NOBODY, End, EndState
from tinylb.hearing import Hearing
from tinylb.relay.interface import Relayed, Side


class StreamRelay:
    """
    See L{Relay <tinylb.relay.interface.Relay>}. Each end's transport pauses the other end while its buffer is full.

    @param greeting: bytes that the backend gets before any of the client's; they are not counted.
    """

    def __init__(self, client: End, backend: End, relayed: Relayed, clock: IReactorTime, greeting: bytes) -> None:
        self._client = client
        self._backend = backend
        self._relayed = relayed
        self._greeting = greeting
        self._counted: tuple[int, int] | None = None
        self._seconds = clock.seconds
        self.active = clock.seconds()
        self.isAborting = False

    @property
    def bytesIn(self) -> int:
        """Bytes received from the client so far."""
        return self._client.count if self._counted is None else self._counted[0]

    @property
    def bytesOut(self) -> int:
        """Bytes received from the backend so far."""
        return self._backend.count if self._counted is None else self._counted[1]

    def start(self) -> None:
        """Take the ends over, with what has come from them so far."""
        self._client.paused = self._backend.paused = False
        self._backend.transport.registerProducer(self._client, True)
        self._client.transport.registerProducer(self._backend, True)
        if self._greeting:
            self._backend.transport.write(self._greeting)
        self._client.handOver(self)
        self._backend.handOver(self)
        for end in (self._client, self._backend):
            if end.state is EndState.OPEN and not end.paused:
                end.transport.resumeProducing()

    def probe(self, keepalive: float) -> None:
        """See L{probe <tinylb.sockets.probe>}."""
        self._client.probe(keepalive)
        self._backend.probe(keepalive)

    def hearing(self, side: Side) -> Hearing | None:
        """See L{Relay <tinylb.relay.interface.Relay>}."""
        return (self._client if side is Side.CLIENT else self._backend).hearing()

    def abort(self) -> None:
        """End both connections with a reset, whatever is unsent."""
        self.isAborting = True
        for end in (self._client, self._backend):
            if end.state is not EndState.LOST:  # Twisted's TLS transports cannot be aborted once they are lost
                end.transport.abortConnection()

    def connected(self, end: End) -> None:
        """Nothing to do: ends are connected before they come here."""

    def received(self, end: End, data: bytes) -> None:
        """Pass the bytes on, unless the other connection is lost."""
        other = self._other(end)
        if other.state is not EndState.LOST:
            self.active = self._seconds()
            other.transport.write(data)

    def finished(self, end: End) -> None:
        """Pass the FIN on, after everything that came before it. A FIN counts as activity, too."""
        self.active = self._seconds()
        other = self._other(end)
        self._relayed.closed(self._side(end))
        if other.state is EndState.OPEN and other.canHalfClose:
            self._finish(other)
            self._relayed.halfClosed(self._side(end))
        else:
            # Closing both halves of a connection does not close its socket yet.
            self._close(other)
            self._close(end)

    def broken(self, end: End) -> None:
        """The peer has reset a connection that is not being read from."""
        self._relayed.cut(self._side(end))
        if end.state is EndState.OPEN:
            self.abort()
        else:
            end.transport.abortConnection()

    def lost(self, end: End, reason: Failure) -> None:
        """One connection is lost: end the other in the same manner."""
        state, end.state = end.state, EndState.LOST
        other = self._other(end)
        if not self.isAborting:
            isClean = reason.check(ConnectionDone) is not None
            if not isClean:
                self._relayed.cut(self._side(end))
            if state is EndState.OPEN and not isClean:
                self.abort()
            elif other.state is EndState.OPEN:
                self._relayed.closed(self._side(end))
                self._deliverTheRest(other, isFinishing=state is EndState.FINISHED)
            else:
                self._close(other)
        if other.state is EndState.LOST:
            self._relayed.ended()
            self._letGo()

    def _deliverTheRest(self, end: End, isFinishing: bool) -> None:
        """
        What this end's peer sends goes nowhere any more, but the peer may not have received everything
        yet. Closing with unread input would discard what is still to be sent: so the input is read, and
        dropped, until the peer finishes as well.
        """
        if not end.canHalfClose:
            self._close(end)
            return
        if not isFinishing:  # Twisted treats a second FIN, once the first is sent, as an error
            self._finish(end)
        end.resumeProducing()

    def _finish(self, end: End) -> None:
        """Send a FIN, after everything else."""
        # Twisted would resume a registered producer instead.
        end.transport.unregisterProducer()
        end.transport.loseWriteConnection()

    def _close(self, end: End) -> None:
        """Close, after everything else."""
        end.transport.unregisterProducer()
        end.transport.loseConnection()

    def _letGo(self) -> None:
        """
        Break the reference cycles. Otherwise transports, and what they could not send, would stay until
        Python's cycle collector runs, which on a quiet machine may be never.
        """
        self.isAborting = True
        self._counted = self._client.count, self._backend.count  # a caller that adds up in parts may ask later
        self._client.owner = self._backend.owner = NOBODY
        del self._client, self._backend, self._relayed

    def _side(self, end: End) -> Side:
        return Side.CLIENT if end is self._client else Side.BACKEND

    def _other(self, end: End) -> End:
        return self._backend if end is self._client else self._client
