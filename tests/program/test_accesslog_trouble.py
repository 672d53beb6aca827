"""An access log that cannot be written: no connection suffers, and what is lost is told."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.program.accessfile import RUNS, SmallDisk, Visitors, dropped, linesOf, visit, whyNoMount
from tests.program.processes import run, waitUntil
from tests.program.stage import LOOPBACK, RUNNERS, Stage

MANY = 400
"""Clients whose lines are more than 64 kB."""

AT_ONCE = 4.0
"""Seconds that a stop may take a busy machine whose log is stuck; the log is waited for for one."""


def test_full(stage: Stage) -> None:
    """
    On a full disk every client is served, and lines that find no room are dropped and reported. When there is room
    again it goes on by itself. In the end every client is in the file, with a whole line, or counted.
    """
    reason = whyNoMount()
    if reason is not None:
        pytest.skip(reason)
    folder = stage.folder / "disk"
    folder.mkdir()
    disk = SmallDisk(folder)
    a = stage.server("a")
    log = folder / "access.log"
    tinylb = stage.balance("--backend", a.target, "--access-log", log, runner=[*disk.command, *RUNNERS["twistd"]])
    with closing(Visitors(tinylb)) as visitors:
        visitors.more(MANY)
        tinylb.waitFor(r"access\.log: \d+ lines? dropped: no space left on device")
        visitors.more(MANY)
        disk.grow(tinylb)
        tinylb.waitFor(r"access\.log is written again")
        visitors.more(MANY)
    waitUntil(lambda: not a.connections, "all clients are gone")
    # The disk goes with the process, but not while somebody has a file of it open.
    with open(disk.seenFrom(tinylb, "access.log"), "rb") as seen:
        assert tinylb.stop() == 0
        copy = stage.folder / "copy"
        copy.write_bytes(seen.read())
    assert len(linesOf(copy)) + dropped(tinylb) == len(visitors.addresses)


@pytest.mark.parametrize("reads", [False, True], ids=["nobody reads", "a reader that does not read"])
def test_stuckPipe(stage: Stage, reads: bool) -> None:
    """A named pipe that is not read holds up nobody, neither clients nor the stop."""
    pipe = stage.folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if reads else None
    try:
        stage.servers("a")
        tinylb = stage.follow("--access-log", pipe)
        with closing(Visitors(tinylb)) as visitors:
            visitors.more(MANY)
        tinylb.waitFor(
            r"pipe: \d+ lines? dropped: " + ("it is not read fast enough" if reads else "nobody reads from it")
        )
        stopped = time.monotonic()
        assert tinylb.stop() == 0
        assert time.monotonic() - stopped < AT_ONCE
        there = stage.folder / "there"
        there.write_bytes(os.read(reader, 1 << 20) if reader is not None else b"")
    finally:
        if reader is not None:
            os.close(reader)
    assert len(linesOf(there)) + dropped(tinylb) == len(visitors.addresses)


def test_reader(stage: Stage) -> None:
    """A program that reads the pipe may be started again: what comes meanwhile is lost, and told."""
    pipe = stage.folder / "pipe"
    os.mkfifo(pipe)
    stage.servers("a")
    tinylb = stage.follow("--access-log", pipe)
    visit(tinylb)
    tinylb.waitFor("1 line dropped: nobody reads from it")
    reader = stage.run("cat", pipe)
    visit(tinylb)
    tinylb.waitFor("is written again")
    assert '"client": ' in reader.waitFor("start").string


WRONG = {"a folder": ".", "no such folder": "nowhere/access.log", "under a file": "file/access.log"}


@pytest.mark.parametrize("case", WRONG)
def test_wrongPath(stage: Stage, case: str) -> None:
    """A file that cannot be opened is told in one line that names option, path and what is right, with status 1."""
    (stage.folder / "file").touch()
    for command in RUNS.values():
        listen = ("--listen", LOOPBACK, "--backend", "127.0.0.1:1")
        result = run([*command, *listen, "--access-log", WRONG[case]], stage.folder)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert line.startswith(f"tinylb: --access-log {WRONG[case]}: ")
        assert line.endswith("expected: a file in a folder that exists, or - for standard output")
        assert "Listening" not in result.stdout


def test_socket(stage: Stage) -> None:
    """So it is with a socket, as which a unit's standard output is opened by its name: it would take no line, ever."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        path = f"/proc/self/fd/{theirs.fileno()}"
        options = ("--listen", LOOPBACK, "--backend", "127.0.0.1:1", "--access-log", path)
        tinylb = stage.launch(*options, runner=RUNS["tinylb"], inherits=[theirs.fileno()])
        assert tinylb.ended() == 1
    assert tinylb.stderr == [
        f"tinylb: --access-log {path}: is a socket; expected: a file in a folder that exists, or - for standard output"
    ]


def test_lostFolder(stage: Stage) -> None:
    """Lines for a file that was removed with its folder are dropped, and told; with the folder it comes back."""
    folder = stage.folder / "logs"
    folder.mkdir()
    log: Path = folder / "access.log"
    stage.servers("a")
    tinylb = stage.follow("--access-log", log)
    log.unlink()
    folder.rmdir()
    visit(tinylb)
    tinylb.waitFor(r"access\.log: 1 line dropped: no such file or directory")
    folder.mkdir()
    visit(tinylb)
    tinylb.waitFor(r"access\.log is written again")
    assert len(linesOf(log)) == 1
