"""tinylb in the background."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from tests.program.peers import Address, parseAddress
from tests.program.processes import SCRIPTS, run
from tests.program.stage import Stage


class Daemon:
    """
    twistd in the background, known by its pid file.

    @param arguments: tinylb's.
    @param runner: twistd's own, besides.
    """

    def __init__(self, stage: Stage, *arguments: str | Path, runner: Sequence[str] = ()) -> None:
        self.pidfile = stage.folder / "lb.pid"
        self.logfile = stage.folder / "lb.log"
        files = (f"--pidfile={self.pidfile}", f"--logfile={self.logfile}")
        self.started = run([SCRIPTS / "twistd", *files, *runner, "tinylb", *arguments], stage.folder)

    @property
    def pid(self) -> int:
        """The one in its file."""
        return int(self.pidfile.read_text())

    @property
    def log(self) -> str:
        """What it has logged."""
        return self.logfile.read_text()

    @property
    def address(self) -> Address:
        """Where it listens."""
        assert self.started.returncode == 0, self.started.stderr
        return parseAddress(self.log.split("Listening on ")[1].split()[0])

    def close(self) -> None:
        """End it, whatever it does."""
        if self.pidfile.exists():
            os.kill(self.pid, signal.SIGKILL)
