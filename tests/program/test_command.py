"""C{tinylb run}: what C{twistd tinylb} is, without twistd; and how the command is found at all."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals

import pytest

from tests.program.processes import PATIENCE, PYTHON, SCRIPTS, run, waitUntil
from tests.program.stage import LOOPBACK, Stage
from tests.program.terminal import Terminal
from tests.program.webserver import WebServer, page

MODULE = (sys.executable, "-m", "tinylb")
RUN = (*MODULE, "run")


def test_script(stage: Stage) -> None:
    """The console command is the same as C{python -m tinylb}."""
    script = SCRIPTS / "tinylb"
    if not script.exists():
        pytest.skip("tinylb is not installed with its console command here")
    for arguments in (("--help",), ("--version",), ("status", "nowhere.invalid:1"), ("run", "--nope")):
        results = [run([*command, *arguments], stage.folder) for command in ((script,), MODULE)]
        assert len({(each.returncode, each.stdout, each.stderr) for each in results}) == 1


def test_quickToStart(stage: Stage) -> None:
    """Who only asks for the status does not wait for the core of a balancer, nor for Twisted, to be imported."""
    listed = "import sys, tinylb.cli.main, tinylb.cli.status, tinylb.cli.explain, tinylb.cli.watch; print(*sys.modules)"
    modules = run([sys.executable, "-c", listed], stage.folder).stdout.split()
    assert "tinylb.cli.watch" in modules
    assert [each for each in modules if re.match(r"twisted|zope|tinylb\.(service|balancer|backends|tap)", each)] == []


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_noOutput(stage: Stage, redirection: str) -> None:
    """Where the output cannot go anywhere, that is told in one line, with status 1."""
    stage.writeText('{"backends": {}}')
    with closing(WebServer(page({"ready": True, "backends": []}))) as server:
        for arguments in (
            f"status {server.url}",
            f"status {server.url} --json",
            f"status {server.url} --watch",
            f"check {stage.file}",
            f"check {stage.file} --dial",
            "--version",
            "--help",
            "status --help",
        ):
            result = run(["sh", "-c", f"{shlex.join(MODULE)} {arguments} {redirection}"], stage.folder)
            why = "it is closed" if redirection == ">&-" else "no space left on device"
            assert (result.returncode, result.stderr) == (1, f"tinylb: standard output: {why}\n"), arguments


def test_noOutputOfRun(stage: Stage) -> None:
    """Its help is told to be lost as well; and it needs no standard output to balance."""
    result = run(["sh", "-c", f"{shlex.join(RUN)} --help >/dev/full"], stage.folder)
    assert (result.returncode, result.stderr) == (1, "tinylb: standard output: no space left on device\n")
    stage.servers("a")
    closed = stage.follow(runner=("sh", "-c", f'exec {shlex.join(RUN)} "$@" >&-', "sh"))
    assert stage.nameOf(closed) == "a"
    assert closed.stop() == 0


def test_noStandardStreams(stage: Stage) -> None:
    """With none of the three it balances all the same, and no socket is taken for one of them by whoever writes."""
    stage.servers("a")
    listen = stage.folder / "lb.sock"
    closed = f'exec {shlex.join(RUN)} "$@" <&- >&- 2>&-'
    tinylb = stage.run("sh", "-c", closed, "sh", "--listen", f"unix:{listen}", "--backends-file", stage.file.name)
    waitUntil(listen.is_socket, "it listens")
    assert [os.readlink(f"/proc/{tinylb.pid}/fd/{number}") for number in range(3)] == [os.devnull] * 3
    for _ in range(2):
        tinylb.signal(SIGTERM)
    assert tinylb.ended() == 0


@pytest.mark.parametrize("stop", [SIGTERM, SIGINT])
def test_cleanStop(stage: Stage, stop: Signals) -> None:
    """It balances in the foreground. A signal ends it with status 0; nothing is ever said on standard output."""
    stage.servers("a")
    tinylb = stage.follow(runner=RUN)
    assert stage.nameOf(tinylb) == "a"
    assert tinylb.stop(stop) == 0
    assert tinylb.count(f"{stop.name}: stopping") == 1
    assert tinylb.stdout == []
    for line in tinylb.stderr:
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (info|warn) ", line), line


def test_secondSignal(stage: Stage) -> None:
    """A second signal ends it at once, and resets what is open."""
    stage.servers("a")
    tinylb = stage.follow("--drain", "60", runner=RUN)
    client = stage.client(tinylb)
    assert client.line() == "a"
    tinylb.signal(SIGTERM)
    tinylb.waitFor("1 connection open")
    waitUntil(lambda: not tinylb.signal(SIGTERM), "it ends")
    assert tinylb.ended() == 0
    assert client.ending() == "reset"


def hasReader(pipe: Path) -> bool:
    """Whether somebody has opened the other end."""
    try:
        os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


STUCK = """
import sys, tinylb.cli.main, tinylb.cli.run
def read(_):
    while True:
        open(sys.argv[1]).read()
tinylb.cli.run.makeService = read
tinylb.cli.main.main(["run", *sys.argv[2:]])
"""
"""A program that reads a pipe for ever when it starts."""

STUCK_BEFORE = """
import sys, tinylb.cli.main
class Reader:
    def find_spec(self, name, *_):
        while name == "tinylb.cli.run":
            open(sys.argv[1]).read()
sys.meta_path.insert(0, Reader())
tinylb.cli.main.main(["run"])
"""
"""The same, and it does so while it is imported."""

RAISING = """
import signal, sys, tinylb.cli.run, tinylb.program
start = tinylb.program.Program.privilegedStartService
def startAndRaise(program):
    start(program)
    signal.raise_signal(%d)
tinylb.program.Program.privilegedStartService = startAndRaise
tinylb.cli.run.run(sys.argv[1:])
"""
"""A program that gets a signal as soon as it listens."""


@pytest.mark.parametrize("stop", [SIGTERM, SIGINT])
@pytest.mark.parametrize("program", [STUCK, STUCK_BEFORE])
def test_signalBeforeItListens(stage: Stage, stop: Signals, program: str) -> None:
    """
    A signal that comes while it starts, or is being imported, ends it at once with status 0, and with no traceback; a
    SIGHUP does not.
    """
    pipe = stage.folder / "pipe"
    os.mkfifo(pipe)
    process = stage.run(sys.executable, "-c", program, pipe, "--listen", LOOPBACK, "--backend", "127.0.0.1:1")
    waitUntil(lambda: hasReader(pipe), "it is in the midst of starting")
    process.signal(SIGHUP)
    assert process.stop(stop) == 0
    assert process.output == ""


def test_hangUpBeforeItListens(stage: Stage) -> None:
    """Where there is a terminal, and it goes away while it starts, that is its end."""
    pipe = stage.folder / "pipe"
    os.mkfifo(pipe)
    with closing(Terminal(sys.executable, "-c", STUCK_BEFORE, pipe)) as terminal:
        waitUntil(lambda: hasReader(pipe), "it is in the midst of starting")
        terminal.signal(SIGHUP)
        assert terminal.ended() == -SIGHUP


@pytest.mark.parametrize("stop", [SIGTERM, SIGINT])
def test_signalAsItListens(stage: Stage, stop: Signals) -> None:
    """One that comes when it listens already, and does not run yet, stops it in order: a socket file is removed."""
    path = stage.folder / "lb.sock"
    code = RAISING % stop
    process = stage.run(sys.executable, "-c", code, "--listen", f"unix:{path}", "--backend", "127.0.0.1:1")
    assert process.ended() == 0
    assert process.count(f"{stop.name}: stopping") == 1
    assert not path.exists()


def test_wrongUsage(stage: Stage) -> None:
    """Wrong usage is one line and status 1, as with twistd, and it names this command."""
    for arguments, told in (((), "--listen is missing"), (("--nope",), "'tinylb run --help'"), (("x",), "'x' is not")):
        result = run([*RUN, *arguments], stage.folder)
        assert (result.returncode, result.stdout) == (1, "")
        assert re.fullmatch(r"tinylb: [^\n]+\n", result.stderr)
        assert told in result.stderr


def test_cannotListen(stage: Stage) -> None:
    """What cannot be listened on ends it with status 1, and the line that says so is the last one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        tinylb = stage.launch("--listen", listen, "--backend", "127.0.0.1:1", runner=RUN)
        assert tinylb.ended() == 1
    assert tinylb.stderr[-1].startswith(f"tinylb: --listen {listen}: ")
    assert tinylb.count("in use") == 1


def test_json(stage: Stage) -> None:
    """With --json each line of the log is an object."""
    tinylb = stage.launch("--listen", LOOPBACK, "--backend", "127.0.0.1:1", "--json", runner=RUN)
    tinylb.waitFor('"message": "Listening on ')
    assert tinylb.stop() == 0
    objects = [json.loads(line) for line in tinylb.stderr]
    assert {"tinylb.service.LoadBalancerService", "tinylb.program.Program"} <= {each["namespace"] for each in objects}
    assert all({"time", "level", "namespace", "message"} == each.keys() for each in objects)


class Journal:
    """A program whose standard error is the journal, as far as it can tell."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        reading, writing = os.pipe()
        status = os.fstat(writing)
        surroundings = {**os.environ, **PYTHON}
        surroundings["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
        self._process = subprocess.Popen([*RUN, *arguments], cwd=folder, env=surroundings, stderr=writing)
        os.close(writing)
        self._reading = os.fdopen(reading)

    def lines(self, last: str = "") -> list[str]:
        """What it says until a line that matches, after which it is told to stop; or until it ends by itself."""
        said = []
        for line in self._reading:
            said.append(line)
            if last and re.search(last, line):
                self._process.terminate()
        return said

    def ended(self) -> int:
        """Wait for its end; the exit status."""
        self._reading.close()
        return self._process.wait(PATIENCE)


def test_journal(stage: Stage) -> None:
    """In the journal each line begins with its priority, and not with the time."""
    options = ("--listen", LOOPBACK, "--backend", "127.0.0.1:1", "--max-connections", "999999999")
    journal = Journal(stage.folder, *options)
    said = journal.lines("Listening on")
    assert journal.ended() == 0
    assert all(re.match(r"<\d>[^\d]", line) for line in said), said
    assert [line[:3] for line in said if "--max-connections 999999999 is lowered" in line] == ["<4>"]
    assert [line[:3] for line in said if "Listening on" in line] == ["<6>"]


def test_journalCannotStart(stage: Stage) -> None:
    """The line that says why it cannot start is found by its priority, too."""
    for listen in ("owl:1", "unix:/nowhere/at/all.sock"):
        journal = Journal(stage.folder, "--listen", listen, "--backend", "127.0.0.1:1")
        *before, line = journal.lines()
        assert journal.ended() == 1
        assert line.startswith(f"<2>tinylb: --listen {listen}: ")
        assert all(each.startswith("<6>") for each in before)
