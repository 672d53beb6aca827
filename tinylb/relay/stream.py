"""The relay over any pair of Twisted transports: bytes move with C{dataReceived}, C{write} and producers."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tinylb.ends import Backlog, End, EndState


class Relayed(Protocol):
    """What a relay tells of; the pair."""

    def halfClosed(self, by: End) -> None:
        """One end has finished; the other may still talk."""

    def closed(self, by: End) -> None:
        """An end has finished, first or last."""

    def cut(self, end: End) -> None:
        """An end was lost before everything that goes through it was delivered."""

    def ended(self) -> None:
        """Both connections are gone."""


class StreamRelay:
    """
    Moves what one end receives to the other. Each end's transport pauses the other end while its
    buffer is full. What a peer sent before its FIN is delivered before the FIN is passed on; what a
    reset cut short is ended by a reset.

    @ivar active: when anything was last received, by the clock.
    """

    def __init__(self, client: End, backend: End, relayed: Relayed, clock: IReactorTime) -> None:
        self._client = client
        self._backend = backend
        self._relayed = relayed
        self._seconds = clock.seconds
        self.active = clock.seconds()

    def start(self, client: Backlog, backend: Backlog) -> None:
        """
        Take the ends over.

        @param client: what has come from the client so far.
        @param backend: what has come from the backend so far.
        """
        self._client.paused = self._backend.paused = False
        self._backend.transport.registerProducer(self._client, True)
        self._client.transport.registerProducer(self._backend, True)
        client.handOver(self._client, self)
        backend.handOver(self._backend, self)
        for end in (self._client, self._backend):
            if end.state is EndState.OPEN and not end.paused:
                end.transport.resumeProducing()

    def abort(self) -> None:
        """End both connections with a reset, whatever is unsent."""
        self._client.transport.abortConnection()
        self._backend.transport.abortConnection()

    def connected(self, end: End) -> None:
        """Ends come here connected."""

    def received(self, end: End, data: bytes) -> None:
        """Pass it on."""
        self.active = self._seconds()
        self._other(end).transport.write(data)

    def finished(self, end: End) -> None:
        """Pass the FIN on, behind everything that came before it. It is a sign of life, too."""
        self.active = self._seconds()
        other = self._other(end)
        self._relayed.closed(end)
        # A producer still registered would be resumed instead of the connection being closed.
        other.transport.unregisterProducer()
        if other.state is EndState.OPEN and other.canHalfClose:
            other.transport.loseWriteConnection()
            self._relayed.halfClosed(end)
        else:
            # Both halves are closed, which does not close a socket yet.
            end.transport.unregisterProducer()
            other.transport.loseConnection()
            end.transport.loseConnection()

    def broken(self, end: End) -> None:
        """The peer has reset a connection that nobody reads from."""
        self._relayed.cut(end)
        end.transport.abortConnection()

    def lost(self, end: End, reason: Failure) -> None:
        """One connection is gone: the other follows, in the same manner."""
        state, end.state = end.state, EndState.LOST
        other = self._other(end)
        if other.state is EndState.LOST:
            self._relayed.ended()
        elif reason.check(ConnectionDone):
            if state is EndState.OPEN:
                # This transport knows no half-close: what came before has been received all the same.
                self._relayed.closed(end)
                other.transport.unregisterProducer()
                other.transport.loseConnection()
        else:
            self._relayed.cut(end)
            if state is EndState.OPEN:
                other.transport.abortConnection()
            else:
                # All that it had to say was received before, and is still delivered.
                other.transport.unregisterProducer()
                other.transport.loseConnection()

    def _other(self, end: End) -> End:
        return self._backend if end is self._client else self._client
