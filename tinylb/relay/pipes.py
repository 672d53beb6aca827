"""The pipes that bytes are spliced through: leased while bytes are in them, so that idle connections have none."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Protocol

from twisted.logger import Logger

MOST = 1 << 20
"""Bytes that are spliced at a time, if the receiving socket takes so many."""

LEAST = 1 << 16
"""The same, if it may take none."""

# Bytes. The kernel counts whole pages, each of which may be only partly filled: so the capacity is generous.
_CAPACITY = 1 << 20
_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)
# Pipes. An unprivileged user's may have 64 MiB in all (pipe-user-pages-soft of pipe(7)); other programs need some, too.
_MOST = 48
_KEPT = 8

_REFUSALS = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM))


def isRefusal(error: OSError) -> bool:
    """Whether the error means that the system does not splice at all, as in some sandboxes."""
    return error.errno in _REFUSALS


class Holder(Protocol):
    """Has bytes in a leased pipe that their receiver does not take."""

    def unload(self) -> None:
        """Move the bytes elsewhere, and give the pipe back."""


class Pipe:
    """
    @ivar count: the bytes in it.
    """

    __slots__ = ("count", "reader", "writer")

    def __init__(self) -> None:
        self.count = 0
        self.reader, self.writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.fcntl(self.writer, _SET_SIZE, _CAPACITY)
        except OSError:
            pass  # the user's share of pipe memory is used up: a small pipe works, too, with more calls

    def empty(self) -> bytes:
        """Read and return what is in it."""
        parts = []
        while self.count:
            parts.append(os.read(self.reader, self.count))
            self.count -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        """Close the pipe, and discard what is in it."""
        os.close(self.reader)
        os.close(self.writer)


class Pipes:
    """
    All pipes of a reactor's relays.

    @ivar portion: the most bytes to splice at a time at present, from L{LEAST} to L{MOST}.
    """

    _log = Logger()

    def __init__(self) -> None:
        self.portion = MOST
        self._free: list[Pipe] = []
        self._leased = 0
        self._stalled: dict[Holder, None] = {}
        self._isAbandoned = False

    def lease(self) -> Pipe | None:
        """An empty pipe; L{None} when none is available."""
        if self._isAbandoned:
            return None
        if self._leased == _MOST and self._stalled:
            next(iter(self._stalled)).unload()
        if self._free:
            pipe = self._free.pop()
        elif self._leased == _MOST:
            return None
        else:
            try:
                pipe = Pipe()
            except OSError:
                return None
        self._leased += 1
        return pipe

    def giveBack(self, pipe: Pipe) -> None:
        """Return a leased pipe. What is still in it is discarded."""
        self._leased -= 1
        if pipe.count or len(self._free) == _KEPT:
            pipe.close()
        else:
            self._free.append(pipe)

    def abandon(self, error: OSError) -> None:
        """Lease no more pipes: the system does not splice."""
        if not self._isAbandoned:
            self._isAbandoned = True
            self._log.info("splice(2) does not work here ({why}): all data is copied", why=error.strerror)

    def left(self, count: int) -> None:
        """
        A socket did not take so many of the bytes that were put into a pipe for it. If they are many, no socket can be
        relied on for now, so that what is left in all pipes stays bounded.
        """
        if count > LEAST:
            self.portion = LEAST

    def poured(self) -> None:
        """A socket took all: a little more may be tried the next time."""
        if self.portion < MOST:
            self.portion += LEAST

    def stalls(self, holder: Holder) -> None:
        """The bytes in a holder's pipe are not taken: L{lease} may ask for the pipe."""
        self._stalled[holder] = None

    def moves(self, holder: Holder) -> None:
        """A holder is no longer stalled."""
        del self._stalled[holder]

    def release(self) -> None:
        """Close the pipes that are not leased. New ones are made when they are needed."""
        while self._free:
            self._free.pop().close()
