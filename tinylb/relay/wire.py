"""
One socket of a pair that the kernel engine relays. Small traffic is received into one shared buffer and sent at once;
bulk is spliced through a pipe and never copied into the process. Each direction switches by the traffic it sees.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import Protocol

from tinylb.ends import EndState
from tinylb.poller import EVERYTHING, FAILED, FINISHED, READABLE, URGENT, WRITABLE
from tinylb.relay.interface import Side
from tinylb.relay.pipes import LEAST, Pipe, isRefusal
from tinylb.relay.workshop import Workshop
from tinylb.transports import Taken

# Bytes that are read at a time. A read that fills the buffer is taken for bulk.
BUFFER = 1 << 16
# Bytes that are moved for one socket before others have their turn.
SHARE = 1 << 20

# Of Linux; the socket module does not name it. It tells numbers of bytes: the third is what is in transit, the fourth
# what there is room for, and the sixth what is queued.
_SO_MEMINFO = 55
_MEMINFO = struct.Struct("=8xII4xI")
_SPLICE = getattr(os, "SPLICE_F_NONBLOCK", 0) | getattr(os, "SPLICE_F_MOVE", 0)
UNTIL_EMPTY = READABLE | FAILED
# Shared by all wires: none keeps anything in it beyond a call, and a process has one reactor.
_BUFFER = memoryview(bytearray(BUFFER))
_BUFFERS = [_BUFFER]
# Bound once: looking a member up in its enumeration is slow enough to matter here.
_OPEN, _FINISHED, _LOST = EndState.OPEN, EndState.FINISHED, EndState.LOST


class Wires(Protocol):
    """
    What a wire belongs to: a relay.

    @ivar active: when anything was last received, by the clock.
    @ivar isCareful: whether a read that does not fill the buffer may have left something in the socket.
    @ivar maySplice: whether no urgent data was seen so far.
    """

    shop: Workshop
    active: float
    isCareful: bool
    maySplice: bool
    seconds: Callable[[], float]

    def abort(self) -> None:
        """End both connections."""

    def finished(self, wire: Wire) -> None:
        """Everything that the wire's peer will ever send has been passed on."""

    def lost(self, wire: Wire) -> None:
        """The connection has failed."""


class Wire:
    """
    One socket of a pair, and the direction from it to the other one.

    @ivar state: what can still come from it.
    @ivar news: see L{Taken <tinylb.transports.Taken>}.
    @ivar count: bytes received.
    @ivar held: what was received and the other socket does not take yet. Nothing is received meanwhile.
    """

    __slots__ = ("count", "fd", "held", "isBulk", "news", "other", "relay", "side", "socket", "state")

    other: Wire

    def __init__(self, relay: Wires, side: Side, taken: Taken) -> None:
        self.relay = relay
        self.side = side
        self.socket, self.news = taken
        self.fd = self.socket.fileno()
        self.state = _OPEN
        self.count = 0
        self.held: memoryview | Pipe | None = None
        self.isBulk = False

    def ready(self, events: int) -> bool:
        """
        See L{Pollable <tinylb.poller.Pollable>}. Pass on what can be read.

        The kernel reports each event once. A read that does not fill the buffer has found all there was, unless the
        events are unusual; then this reads until nothing is left.

        @return: C{True} after an ordinary read: if the receiver is near, its answer may come in a moment.
        """
        relay, other = self.relay, self.other
        if other.held is not None and events & WRITABLE:
            other.flush()
            if self.state is _LOST:
                return False
        if events == WRITABLE:
            return False
        if self.held is not None or self.isBulk or self.state is not _OPEN or other.state is _LOST or events & URGENT:
            self._readyOtherwise(events)
            return False
        moved = 0
        while moved < SHARE:
            try:
                count = os.readv(self.fd, _BUFFERS)
            except BlockingIOError:
                return False
            except OSError:
                relay.lost(self)
                return False
            if not count:
                relay.finished(self)
                return False
            self.count += count
            moved += count
            relay.active = relay.seconds()
            if events & FINISHED:
                if not self._send(_BUFFER[:count], socket.MSG_MORE):
                    return False
            else:
                try:
                    sent = os.write(other.fd, _BUFFER[:count])
                except BlockingIOError:
                    sent = 0
                except OSError:
                    relay.lost(other)
                    return False
                if sent != count:
                    self.held = memoryview(bytes(_BUFFER[sent:count]))
                    return False
            if count == BUFFER:
                self.isBulk = relay.maySplice
                pipe = relay.shop.pipes.lease() if self.isBulk else None
                if pipe is not None:
                    self._splice(pipe)
                    return False
            elif not (relay.isCareful or events & FAILED):
                if not events & FINISHED:
                    return True
                relay.finished(self)
                return False
        relay.shop.poller.change(self.fd, EVERYTHING)
        return False

    def _readyOtherwise(self, events: int) -> None:
        """L{ready}, for unusual events and for unusual states of the two sockets."""
        if events & URGENT:  # a splice stops at the mark of urgent data; a read steps over it
            self.isBulk = self.relay.maySplice = False
        if self.state is _OPEN and self.held is None:
            if self.other.state is _LOST:
                self._drop()
                return
            pipe = self.relay.shop.pipes.lease() if self.isBulk else None
            if pipe is not None:
                self._splice(pipe)
            else:
                self.isBulk = False
                self.ready(UNTIL_EMPTY)
        elif events & FAILED and self.state is not _LOST:
            self._checkError()

    def load(self, data: bytes, count: int) -> None:
        """
        Hold bytes that the other socket gets first, before anything is received here.

        @param count: how many of them were received from this socket.
        """
        self.count = count
        if data:
            self.held = memoryview(data)

    def flush(self) -> None:
        """The other socket may take more: give it what is held, and go on."""
        held = self.held
        if isinstance(held, Pipe):
            self.relay.shop.pipes.moves(self)
            self.held = None
            if not self._pour(held):
                return
            self.relay.shop.pipes.giveBack(held)
        elif held is not None and not self._send(held):
            return
        if self.state is _OPEN:
            self.ready(UNTIL_EMPTY)

    def unload(self) -> None:
        """See L{Holder <tinylb.relay.pipes.Holder>}."""
        pipe = self.held
        assert isinstance(pipe, Pipe), "only who has a pipe is asked for it"
        self.relay.shop.pipes.moves(self)
        self.held = memoryview(pipe.empty())
        self.relay.shop.pipes.giveBack(pipe)

    def failed(self) -> None:
        """See L{Pollable <tinylb.poller.Pollable>}."""
        if self.state is not _LOST:
            self.relay.abort()

    def close(self, close: Callable[[socket.SocketType], None]) -> None:
        """Close the socket, and discard what is held for it."""
        self.state = _LOST
        pipes, other = self.relay.shop.pipes, self.other
        self.relay.shop.poller.closing(self.fd)
        close(self.socket)
        if isinstance(other.held, Pipe):
            pipes.moves(other)
            pipes.giveBack(other.held)
        other.held = None

    def _splice(self, pipe: Pipe) -> None:
        relay = self.relay
        moved = 0
        while moved < SHARE:
            try:
                pipe.count = count = os.splice(self.fd, pipe.writer, self._room(), flags=_SPLICE)
            except BlockingIOError:
                break
            except OSError as error:
                relay.shop.pipes.giveBack(pipe)
                if isRefusal(error):
                    relay.shop.pipes.abandon(error)
                    self.ready(UNTIL_EMPTY)
                else:
                    relay.lost(self)
                return
            if not count:
                # The end of the input, unless there is an urgent mark before it.
                relay.shop.pipes.giveBack(pipe)
                self.isBulk = False
                self.ready(UNTIL_EMPTY)
                return
            self.count += count
            moved += count
            relay.active = relay.seconds()
            if not self._pour(pipe):
                if self.held is pipe:
                    relay.shop.pipes.left(pipe.count)
                return
            relay.shop.pipes.poured()
        else:
            relay.shop.poller.change(self.fd, EVERYTHING)
        relay.shop.pipes.giveBack(pipe)
        self.isBulk = moved >= BUFFER

    def _room(self) -> int:
        """
        How many bytes to splice at a time: what the other socket will take, or L{LEAST}. What it does not take stays in
        the pipe, and pins memory there for as long as its reader is slow. Where the kernel is short of memory for TCP,
        sockets take less than they say; see L{Pipes.left}.
        """
        try:
            info = self.other.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        except OSError:
            return LEAST  # Linux before 4.12
        transit, room, queued = _MEMINFO.unpack(info)
        free: int = room - max(transit, queued)
        return max(LEAST, min(self.relay.shop.pipes.portion, free))

    def _send(self, data: memoryview, flags: int = 0) -> bool:
        """Send to the other socket, and hold what it does not take. Returns whether it took everything."""
        try:
            sent = self.other.socket.send(data, flags)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.relay.lost(self.other)
            return False
        if sent == len(data):
            self.held = None
            return True
        self.held = memoryview(bytes(data[sent:])) if data.obj is _BUFFER.obj else data[sent:]
        return False

    def _pour(self, pipe: Pipe) -> bool:
        """Empty a pipe into the other socket, or hold the pipe. Returns whether it was emptied."""
        while pipe.count:
            try:
                pipe.count -= os.splice(pipe.reader, self.other.fd, pipe.count, flags=_SPLICE)
            except BlockingIOError:
                self.held = pipe
                self.relay.shop.pipes.stalls(self)
                return False
            except OSError as error:
                pipes = self.relay.shop.pipes
                if not isRefusal(error):
                    pipes.giveBack(pipe)
                    self.relay.lost(self.other)
                    return False
                pipes.abandon(error)
                if not self._send(memoryview(pipe.empty())):
                    pipes.giveBack(pipe)
                    return False
        return True

    def _drop(self) -> None:
        """The other connection is gone: drop what still comes from this one, and wait for its end."""
        for _ in range(SHARE // BUFFER):
            try:
                count = os.readv(self.fd, _BUFFERS)
            except BlockingIOError:
                return
            except OSError:
                self.relay.lost(self)
                return
            if not count:
                self.relay.finished(self)
                return
            self.count += count
        self.relay.shop.poller.change(self.fd, EVERYTHING)

    def _checkError(self) -> None:
        """Look for a reset, which shows in no other way while nothing is being received."""
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.relay.lost(self)
