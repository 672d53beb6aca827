"""Reading a small file that somebody else writes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tinylb.providers.backendsfile import InvalidBackends

LARGEST = 16 * 1024 * 1024


def readRegular(path: Path) -> bytes:
    """
    @return: what is in the file.
    @raise OSError: when it cannot be read.
    @raise InvalidBackends: when it is no regular file, or far too large.
    """
    with open(path, "rb", opener=_withoutWaiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InvalidBackends("not a regular file; a JSON file is expected")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise InvalidBackends(f"is larger than {LARGEST >> 20} MiB; a JSON file of backends is expected")
    return content


def _withoutWaiting(path: str, flags: int) -> int:
    """Opening a pipe would wait for somebody to write to it."""
    return os.open(path, flags | os.O_NONBLOCK)
