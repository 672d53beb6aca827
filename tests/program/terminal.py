"""A terminal of a test's own, with a program in it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.program.processes import PATIENCE, PYTHON

# Ctrl-C reaches those whose terminal it is.
ADOPT = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Terminal:
    """
    A program that runs in a terminal.

    @ivar said: all that it has written so far, with the sequences that steer the terminal.
    """

    def __init__(
        self, *command: str | Path, columns: int = 120, lines: int = 30, environment: Mapping[str, str] | None = None
    ) -> None:
        self.said = ""
        self._terminal, inside = pty.openpty()
        self._size(inside, columns, lines)
        self._process = subprocess.Popen(
            [sys.executable, "-c", ADOPT, *map(str, command)],
            env={**os.environ, **PYTHON, "TERM": "xterm", "NO_COLOR": "", **(environment or {})},
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)

    def resize(self, columns: int, lines: int) -> None:
        """Somebody pulls at its corner."""
        self._size(self._terminal, columns, lines)

    def waitFor(self, pattern: str, count: int = 1) -> None:
        """Wait until it has said a thing so many times, or fail with all that it has said."""
        self.waitUntil(lambda: len(re.findall(pattern, self.said)) >= count, f"{count} times {pattern!r}")

    def waitUntil(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until something is true of what it has said."""
        self._read(condition, what)

    def press(self, keys: str) -> None:
        """Type; C{"\\x03"} is Ctrl-C."""
        os.write(self._terminal, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for its end, and for all that it says; the exit status."""
        self._read(lambda: False, "its end", mayEnd=True)
        return self._process.wait(PATIENCE)

    def hangUp(self) -> int:
        """The terminal goes away; the exit status."""
        os.close(self._terminal)
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """End whatever is left of it."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def close(self) -> None:
        """The same, and the terminal."""
        self.kill()
        os.close(self._terminal)

    def _read(self, isEnough: Callable[[], bool], what: str, mayEnd: bool = False) -> None:
        deadline = time.monotonic() + PATIENCE
        while not isEnough():
            remaining = deadline - time.monotonic()
            assert remaining > 0, f"still not {what}:\n{self.said!r}"
            if select.select([self._terminal], [], [], remaining)[0]:
                try:
                    self.said += os.read(self._terminal, 65536).decode(errors="replace")
                except OSError:  # the last one inside has gone
                    assert mayEnd, f"it has ended without {what}:\n{self.said!r}"
                    return

    def _size(self, terminal: int, columns: int, lines: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
