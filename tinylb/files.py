"""Reads small files that others may change."""

from __future__ import annotations

import errno
import os
import stat

from tinylb.wording import wordingOf

LARGEST = 16 * 1024 * 1024

# The path leads to something that is no file.
_OF_NO_FILE = frozenset((errno.EISDIR, errno.ENOTDIR, errno.ENXIO, errno.ELOOP, errno.ENAMETOOLONG))

Stamp = tuple[int, ...] | None


class Unreadable(Exception):
    """A file cannot be read. The message says why, and not which file."""


class Missing(Unreadable):
    """There is no such file."""


class Refused(Unreadable):
    """The system does not let us read it, for want of a right or of descriptors, for example."""


def expecting(error: Unreadable, what: str) -> str:
    """The words of an error, and what would be right, unless what is there may be right already."""
    return str(error) if isinstance(error, Refused) else f"{error}; {what} is expected"


def contentOf(path: str) -> bytes:
    """
    The content of a file. Opening it never blocks, as opening a pipe otherwise would.

    @raise Unreadable: when it cannot be read, is no regular file, or is far too large.
    """
    try:
        with open(path, "rb", opener=_withoutWaiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("not a regular file")
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise Missing("there is no such file") from None
    except OSError as error:
        raise (Unreadable if error.errno in _OF_NO_FILE else Refused)(wordingOf(error)) from None
    except ValueError as error:  # a path with a NUL
        raise Unreadable(str(error)) from None
    if len(content) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST >> 20} MiB")
    return content


def stampOf(path: str) -> Stamp:
    """A value that is another one when the file has changed; L{None} where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _withoutWaiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
