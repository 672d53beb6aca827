"""The pipes that bytes are spliced through: leased while bytes are in them, so that idle connections have none."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Protocol

from twisted.logger import Logger

# In pages, each of which may hold less than it could: so it is far more than is ever put in at a time.
_CAPACITY = 1 << 20
_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)
# An unprivileged user's pipes may have 64 MiB in all (pipe-user-pages-soft of pipe(7)); others want some, too.
_MOST = 48
_KEPT = 8

_REFUSALS = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM))


def isRefusal(error: OSError) -> bool:
    """Whether the system does not splice at all, as some sandboxes do not."""
    return error.errno in _REFUSALS


class Holder(Protocol):
    """Whoever has bytes in a pipe that nobody takes."""

    def unload(self) -> None:
        """Keep them in some other way, and give the pipe back."""


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
            pass  # the user's pipes have had their share of memory: a small one does, with more calls

    def empty(self) -> bytes:
        """Take what is in it."""
        parts = []
        while self.count:
            parts.append(os.read(self.reader, self.count))
            self.count -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        """Discard what is in it."""
        os.close(self.reader)
        os.close(self.writer)


class Pipes:
    """All pipes of a reactor's relays."""

    _log = Logger()

    def __init__(self) -> None:
        self._free: list[Pipe] = []
        self._leased = 0
        self._stalled: dict[Holder, None] = {}
        self._isAbandoned = False

    def lease(self) -> Pipe | None:
        """An empty pipe; L{None} when there is none to be had."""
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
        """A leased pipe is of no use any more. What is in it is discarded."""
        self._leased -= 1
        if pipe.count or len(self._free) == _KEPT:
            pipe.close()
        else:
            self._free.append(pipe)

    def abandon(self, error: OSError) -> None:
        """Lease no more of them: the system does not splice."""
        if not self._isAbandoned:
            self._isAbandoned = True
            self._log.info("The system does not splice ({why}): everything is copied", why=error.strerror)

    def stalls(self, holder: Holder) -> None:
        """Nobody takes what a holder has in its pipe: the pipe may be needed elsewhere."""
        self._stalled[holder] = None

    def moves(self, holder: Holder) -> None:
        """A holder that was stalled is so no longer."""
        del self._stalled[holder]

    def release(self) -> None:
        """Close those that nobody leases. They come back as they are needed."""
        while self._free:
            self._free.pop().close()
