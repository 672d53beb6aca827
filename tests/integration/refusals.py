"""What the system refuses: calls of the os, fcntl and select modules that fail as they do where it does."""

from __future__ import annotations

import errno
import fcntl
import os
import select
from collections.abc import Callable, Collection
from typing import Any

import pytest

F_SETPIPE_SZ = 1031


def _fail(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Splice:
    """
    In the place of C{os.splice}: refuses one call, and all that follow.

    @param isOut: whether calls out of pipes are refused, or those into pipes.
    @param number: of the first one that is, from 1.
    @ivar refused: how many there were.
    """

    def __init__(self, isOut: bool, number: int, error: int) -> None:
        self.refused = 0
        self._real: Callable[..., int] = os.splice
        self._isOut = isOut
        self._left = number - 1
        self._error = error

    def __call__(self, src: int, dst: int, count: int, **options: int) -> int:
        """See C{os.splice}."""
        if os.readlink(f"/proc/self/fd/{src}").startswith("pipe:") == self._isOut:
            if not self._left:
                self.refused += 1
                raise _fail(self._error)
            self._left -= 1
        return self._real(src, dst, count, **options)


class Epoll:
    """In the place of an C{select.epoll}: some sockets are not taken, as where the limit on watches is reached."""

    def __init__(self, real: Callable[[], select.epoll], isRefused: Callable[[], bool]) -> None:
        self._epoll = real()
        self._isRefused = isRefused

    def register(self, fd: int, events: int) -> None:
        """See C{select.epoll.register}."""
        if self._isRefused():
            raise _fail(errno.ENOSPC)
        self._epoll.register(fd, events)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._epoll, name)


def refuseSplice(patch: pytest.MonkeyPatch, isOut: bool, number: int, error: int) -> Splice:
    """See L{Splice}."""
    splice = Splice(isOut, number, error)
    patch.setattr(os, "splice", splice)
    return splice


def refusePipes(patch: pytest.MonkeyPatch) -> list[int]:
    """Let there be no pipes, for want of descriptors; the list grows with each that is refused."""
    refused: list[int] = []

    def pipe2(flags: int) -> tuple[int, int]:
        refused.append(flags)
        raise _fail(errno.EMFILE)

    patch.setattr(os, "pipe2", pipe2)
    return refused


def refuseSizes(patch: pytest.MonkeyPatch) -> list[int]:
    """Let pipes stay as small as they are, as when the user has had his share; the list grows with each."""
    refused: list[int] = []
    real = fcntl.fcntl

    def control(fd: int, command: int, argument: int = 0) -> Any:
        if command == F_SETPIPE_SZ:
            refused.append(argument)
            raise _fail(errno.EPERM)
        return real(fd, command, argument)

    patch.setattr(fcntl, "fcntl", control)
    return refused


def refuseWatches(patch: pytest.MonkeyPatch, numbers: Collection[int]) -> list[int]:
    """Refuse to watch these, counted from 1, of all that are to be watched; the list grows with each of all."""
    asked: list[int] = []
    real = select.epoll

    def isRefused() -> bool:
        asked.append(len(asked) + 1)
        return asked[-1] in numbers

    patch.setattr(select, "epoll", lambda: Epoll(real, isRefused))
    return asked
