"""Processes that run on a core of their own, and end with the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from benchmarks.ports import isListening

ROOT = Path(__file__).parents[1]
PATIENCE = 20.0
_LAST_LINES = 8


class Failed(Exception):
    """A process did not do its job."""


class Process:
    """
    A process in a session of its own, so that its children are counted and ended with it, and Ctrl-C does not reach it.

    @param name: for messages, and for its log.
    @param core: where it runs, or L{None} for anywhere.
    @param folder: for its log.
    @param isSpoken: whether L{ask} speaks to it over its standard input and output.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        core: int | None,
        folder: Path,
        *,
        environment: Mapping[str, str] = {},
        isSpoken: bool = False,
    ) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE if isSpoken else subprocess.DEVNULL,
                stdout=subprocess.PIPE if isSpoken else log,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
            )

    @property
    def session(self) -> int:
        """Its session, see L{benchmarks.usage}."""
        return self._popen.pid

    def waitListening(self, port: int) -> None:
        """Wait until there is a listener on C{port}, which is assumed to be this process."""
        deadline = time.monotonic() + PATIENCE
        while not isListening(port):
            self.check()
            if time.monotonic() > deadline:
                raise self.failure(f"does not listen after {PATIENCE:g} s")
            time.sleep(0.01)

    def check(self) -> None:
        """@raise Failed: when it has ended."""
        status = self._popen.poll()
        if status is not None:
            raise self.failure(f"has ended with status {status}")

    def ask(self, line: str) -> str:
        """Send it a line; return the line that it answers."""
        stdin, stdout = self._pipes
        try:
            stdin.write(line + "\n")
            stdin.flush()
            answer = stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self._popen.wait()  # it closes its output only when it ends
            self.check()
        return answer

    def failure(self, what: str, lines: int = _LAST_LINES) -> Failed:
        """The error to raise for this process, with the last C{lines} of its log."""
        said = self._log.read_text(errors="replace").splitlines()[-lines:]
        return Failed("\n    ".join([f"{self.name} {what}", *said]))

    def end(self) -> None:
        """
        Kill it, and all its children. None needs a graceful stop, and for some that would take seconds, because
        connections are open.
        """
        try:
            os.killpg(self.session, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass  # it ended before it had read the last line

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        return self._popen.stdin, self._popen.stdout


def output(command: Sequence[str], core: int | None = None, seconds: float = PATIENCE, status: int = 0) -> str:
    """
    What a tool prints.

    @raise Failed: when it ends with another status, or takes too long.
    """
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
    ) as tool:
        try:
            said, _ = tool.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"{command[0]} has not ended after {seconds:g} s") from None
        finally:
            tool.kill()
    if tool.returncode != status:
        last = said.splitlines()[-_LAST_LINES:]
        raise Failed("\n    ".join([f"{' '.join(command)} ended with status {tool.returncode}", *last]))
    return said


def child(module: str, *arguments: object) -> list[str]:
    """The command of a script in C{benchmarks.children}."""
    return [sys.executable, "-m", f"benchmarks.children.{module}", *map(str, arguments)]
