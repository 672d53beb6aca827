"""Whether the process still has its terminal."""

from __future__ import annotations

import os


def hasTerminal() -> bool:
    """Whether the terminal that this process was started at is still there, if it was at one; see tty(4)."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
