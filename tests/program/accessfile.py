"""The access log of a tinylb that runs, as its operator reads it; and clients that it tells of."""

from __future__ import annotations

import json
import re
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.program.peers import Client
from tests.program.processes import PATIENCE, waitUntil
from tests.program.stage import RUNNERS, Tinylb

RUNS: dict[str, Sequence[str | Path]] = {
    "twistd": RUNNERS["twistd"],
    "tinylb": (sys.executable, "-m", "tinylb", "run"),
}
"""The ways to run it, on which the log's file is opened and closed differently."""

KEYS = ["start", "client", "listener", "backend", "target", "attempts", "dialSeconds"]
KEYS += ["bytesIn", "bytesOut", "duration", "reason"]

DROPPED = re.compile(r"Access log \S+: (\d+) lines? dropped: (.*)$")


def linesOf(*paths: Path) -> list[dict[str, Any]]:
    """All lines of some files. Each of them is whole, and has what a line has."""
    lines = []
    for path in paths:
        content = path.read_bytes()
        assert content.endswith(b"\n") or not content, f"the end of {path} is cut: {content[-300:]!r}"
        for text in content.splitlines():
            line = json.loads(text)
            assert list(line) == KEYS, line
            lines.append(line)
    return lines


class AccessFile:
    """An access log at a path."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def count(self) -> int:
        """How many lines there are now; what is just being written may be there in part."""
        return self.path.read_bytes().count(b"\n") if self.path.exists() else 0

    def lines(self, count: int) -> list[dict[str, Any]]:
        """Wait until there are so many lines; there may not be more."""
        waitUntil(lambda: self.count >= count, f"{count} lines in {self.path.name}")
        lines = linesOf(self.path)
        assert len(lines) == count, lines
        return lines


def dropped(tinylb: Tinylb) -> int:
    """How many lines it has said that it has dropped."""
    return sum(int(found[1]) for found in map(DROPPED.search, tinylb.output.splitlines()) if found)


def addressOf(client: Client) -> str:
    """Its own, as a line has it."""
    host, port = client.socket.getsockname()
    return f"{host}:{port}"


def reset(client: Client) -> None:
    """End its connection with a reset."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def visit(tinylb: Tinylb) -> str:
    """A client that has its say, and is served well; its address."""
    with closing(Client(tinylb.address)) as client:
        address = addressOf(client)
        assert client.line(), "a client was not served"
        assert client.echoes(b"hello")
        return address


class Visitors:
    """
    Clients without a pause, each served well.

    @ivar addresses: theirs, of those who have been served.
    """

    def __init__(self, tinylb: Tinylb, threads: int = 3) -> None:
        self.addresses: list[str] = []
        self._tinylb = tinylb
        self._failures: list[BaseException] = []
        self._stopped = Event()
        self._threads = [Thread(target=self._visit) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def more(self, count: int) -> None:
        """Wait until so many more have come."""
        enough = len(self.addresses) + count
        waitUntil(lambda: len(self.addresses) >= enough or self._failures, f"{count} more visitors")
        self._check()

    def close(self) -> None:
        """No more come. Every one of them was served."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        self._check()

    def _check(self) -> None:
        assert not self._failures, self._failures

    def _visit(self) -> None:
        try:
            while not self._stopped.is_set():
                self.addresses.append(visit(self._tinylb))
        except BaseException as failure:
            self._failures.append(failure)


def whyNoMount() -> str | None:
    """Why no filesystem can be mounted for a test here; L{None} if one can."""
    if shutil.which("unshare") is None:
        return "a small disk needs Linux's unshare and mount"
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    return f"a small disk cannot be mounted: {tried.stderr.strip()}" if tried.returncode else None


class SmallDisk:
    """
    A disk of 64 kB that one process alone sees.

    @param folder: where that sees it.
    @ivar command: runs another command that sees it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        mounting = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'
        self.command: tuple[str | Path, ...] = ("unshare", "--mount", "sh", "-c", mounting, folder)

    def grow(self, tinylb: Tinylb) -> None:
        """From now on there is plenty of room."""
        command = ["nsenter", "--mount", f"--target={tinylb.pid}"]
        command += ["mount", "-o", "remount,size=256m", str(self._folder)]
        subprocess.run(command, check=True, timeout=PATIENCE)

    def seenFrom(self, tinylb: Tinylb, name: str) -> Path:
        """A file on it, as we can reach it."""
        return Path(f"/proc/{tinylb.pid}/root{self._folder}/{name}")
