"""Programs as processes: started for a test, which can wait for what they print, and always ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(sys.executable).parent

PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", "PYTHONDEVMODE": ""}
"""For each program: our sources, and no warnings among what it says, whatever is set around us."""

PATIENCE = 20.0
"""Seconds that a test waits for something before it fails. Nothing takes nearly that long normally."""


def waitUntil(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Poll until C{condition} holds, for what cannot be waited for otherwise."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s still not: {what}"
        time.sleep(0.005)


def keepsPromise(measure: Callable[[], float], seconds: float) -> None:
    """
    What C{measure} takes is less than promised. A promise is about a program, and not about others that keep the
    machine busy: it has three tries.
    """
    took: list[float] = []
    while not took or (took[-1] >= seconds and len(took) < 3):
        took.append(measure())
    assert took[-1] < seconds, took


class Process:
    """
    A running program, in a process group of its own.

    @param descriptors: its soft and hard limit of open descriptors, as the shell's ulimit sets them.
    @param inherits: our descriptors that it inherits.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        cwd: Path,
        *,
        environment: Mapping[str, str] | None = None,
        descriptors: tuple[int, int] | None = None,
        inherits: Collection[int] = (),
    ) -> None:
        self.command = [str(part) for part in command]
        if descriptors is not None:
            limit = f'ulimit -Sn {descriptors[0]} && ulimit -Hn {descriptors[1]} && exec "$@"'
            self.command = ["sh", "-c", limit, "sh", *self.command]
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._said: list[str] = []
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            self.command,
            cwd=cwd,
            env={**os.environ, **PYTHON, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            pass_fds=inherits,
        )
        self.pid = self._process.pid
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.stdout)),
            threading.Thread(target=self._read, args=(self._process.stderr, self.stderr)),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def output(self) -> str:
        """All that it has printed so far, on standard output and standard error."""
        with self._heard:
            return "\n".join(self._said)

    def waitFor(self, pattern: str, count: int = 1) -> re.Match[str]:
        """
        Wait until C{count} lines of its output match, or fail with all of its output.

        @return: the match number C{count}.
        """
        deadline = time.monotonic() + PATIENCE
        with self._heard:
            while True:
                matches = [match for match in map(re.compile(pattern).search, self._said) if match]
                if len(matches) >= count:
                    return matches[count - 1]
                hasEnded = not any(reader.is_alive() for reader in self._readers)
                assert not hasEnded, f"it has ended without {pattern!r}:\n" + "\n".join(self._said)
                remaining = deadline - time.monotonic()
                assert remaining > 0, f"not {count} times {pattern!r}:\n" + "\n".join(self._said)
                self._heard.wait(min(remaining, 0.1))

    def count(self, pattern: str) -> int:
        """How many lines of its output match."""
        with self._heard:
            return sum(1 for line in self._said if re.search(pattern, line))

    def type(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def signal(self, number: Signals) -> bool:
        """
        Send it a signal.

        @return: whether it still runs.
        """
        self._process.send_signal(number)
        return self._process.poll() is None

    def ended(self, seconds: float = PATIENCE) -> int:
        """
        Wait for its end, and for the last of its output.

        @return: the exit status; negative for the signal that ended it.
        """
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it is running still:\n{self.output}") from None
        for reader in self._readers:
            reader.join(PATIENCE)
        return status

    def stop(self, number: Signals = SIGTERM) -> int:
        """Send it a signal and wait for its end; see L{ended}."""
        self.signal(number)
        return self.ended()

    def close(self) -> None:
        """Kill what is left of it and of its children."""
        try:
            os.killpg(self.pid, SIGKILL)
        except ProcessLookupError:
            pass
        self.ended()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                pass  # what was typed and never read

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            with self._heard:
                lines.append(line.rstrip("\n"))
                self._said.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()


def run(command: Sequence[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, which has to come soon."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **PYTHON},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
