"""The relay over any pair of Twisted transports: bytes move with C{dataReceived}, C{write} and producers."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from tinylb.ends import NOBODY, Backlog, End, EndState


class Relayed(Protocol):
    """What a relay tells of; the pair."""

    def halfClosed(self, by: End) -> None:
        """One end has finished, and the other may still talk to it."""

    def closed(self, by: End) -> None:
        """An end has nothing more to say, as the first or as the second."""

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
    @ivar isAborting: whether both connections are being reset, and are gone within a turn.
    """

    def __init__(self, client: End, backend: End, relayed: Relayed, clock: IReactorTime) -> None:
        self._client = client
        self._backend = backend
        self._relayed = relayed
        self._seconds = clock.seconds
        self.active = clock.seconds()
        self.isAborting = False

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
        self.isAborting = True
        for end in (self._client, self._backend):
            if end.state is not EndState.LOST:  # Twisted's TLS transports cannot be aborted then
                end.transport.abortConnection()

    def connected(self, end: End) -> None:
        """Ends come here connected."""

    def received(self, end: End, data: bytes) -> None:
        """Pass it on, if there is still somebody to take it."""
        other = self._other(end)
        if other.state is not EndState.LOST:
            self.active = self._seconds()
            other.transport.write(data)

    def finished(self, end: End) -> None:
        """Pass the FIN on, behind everything that came before it. It is a sign of life, too."""
        self.active = self._seconds()
        other = self._other(end)
        self._relayed.closed(end)
        if other.state is EndState.OPEN and other.canHalfClose:
            self._finish(other)
            self._relayed.halfClosed(end)
        else:
            # Both halves are closed, which does not close a socket yet.
            self._close(other)
            self._close(end)

    def broken(self, end: End) -> None:
        """The peer has reset a connection that nobody reads from."""
        self._relayed.cut(end)
        if end.state is EndState.OPEN:
            self.abort()
        else:
            end.transport.abortConnection()

    def lost(self, end: End, reason: Failure) -> None:
        """One connection is gone: the other follows, in the same manner."""
        state, end.state = end.state, EndState.LOST
        other = self._other(end)
        if not self.isAborting:
            isClean = reason.check(ConnectionDone) is not None
            if not isClean:
                self._relayed.cut(end)
            if state is EndState.OPEN and not isClean:
                self.abort()
            elif other.state is EndState.OPEN:
                self._relayed.closed(end)
                self._deliverTheRest(other, isFinishing=state is EndState.FINISHED)
            else:
                self._close(other)
        if other.state is EndState.LOST:
            self._relayed.ended()
            self._letGo()

    def _deliverTheRest(self, end: End, isFinishing: bool) -> None:
        """
        Nobody listens to this end any more, but it may not have heard everything yet. A close now would
        discard that, if there is input that nobody has read: so it is read, and dropped, until the
        end finishes as well.
        """
        if not end.canHalfClose:
            self._close(end)
            return
        if not isFinishing:  # Twisted takes a second FIN, once the first is sent, for an error
            self._finish(end)
        end.resumeProducing()

    def _finish(self, end: End) -> None:
        """Send a FIN, behind everything else."""
        # A producer still registered would be resumed instead.
        end.transport.unregisterProducer()
        end.transport.loseWriteConnection()

    def _close(self, end: End) -> None:
        """Close, behind everything else."""
        end.transport.unregisterProducer()
        end.transport.loseConnection()

    def _letGo(self) -> None:
        """
        Refer to nothing any more. Otherwise transports, and what they could not send, would stay until
        Python looks for cycles, which on a quiet machine may be never.
        """
        self.isAborting = True
        self._client.owner = self._backend.owner = NOBODY
        del self._client, self._backend, self._relayed

    def _other(self, end: End) -> End:
        return self._backend if end is self._client else self._client
