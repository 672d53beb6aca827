"""SIGHUP: tinylb looks again at what it follows, and nothing else happens."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from signal import SIGHUP, SIGTERM

from tests.program.accessfile import Visitors, linesOf
from tests.program.processes import waitUntil
from tests.program.stage import Stage
from tests.program.terminal import Terminal
from tinylb.providers.file import REREAD


def test_readNow(stage: Stage, runner: str) -> None:
    """
    The file is read there and then, also where nobody notifies of its change: the one that a link leads to, elsewhere.
    Without a signal such a change is seen at one of the looks that come by themselves.
    """
    there = stage.folder / "elsewhere"
    there.mkdir()
    servers = {name: stage.server(name) for name in "ab"}
    file, stage.file = stage.file, there / "backends.json"
    stage.write(servers)
    file.symlink_to(stage.file)
    tinylb = stage.balance("--backends-file", file, runner=runner)
    lookingAgain = rf"SIGHUP: looking again at file {file}$"
    asked = time.monotonic()
    changes = 8
    for number in range(changes):
        stage.write({"a": servers["a"]} if number % 2 == 0 else servers)
        tinylb.signal(SIGHUP)
        tinylb.waitFor(lookingAgain, number + 1)
        tinylb.waitForSet(number + 2)
    assert time.monotonic() - asked < (changes - 1) * REREAD / 2
    assert tinylb.count(lookingAgain) == changes
    assert tinylb.stop() == 0


def test_saidAgain(stage: Stage) -> None:
    """What is wrong with the file is said again; who is connected stays so, and the last good set serves."""
    stage.servers("a")
    tinylb = stage.follow()
    client = stage.client(tinylb)
    assert client.line() == "a"
    stage.writeText("{")
    trouble = r"backends\.json: .*line 1 column 2.*the last good set stays"
    for count in (1, 2, 3):
        tinylb.waitFor(trouble, count)
        tinylb.signal(SIGHUP)
    tinylb.waitFor(trouble, 4)
    assert client.echoes(b"still here")
    assert stage.nameOf(tinylb) == "a"


def test_burst(stage: Stage) -> None:
    """A thousand signals harm nobody: every client is served meanwhile, and who is connected stays so."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow("--access-log", stage.folder / "access.log", "--drain", "0")
    client = stage.client(tinylb)
    name = client.line()
    with closing(Visitors(tinylb)) as visitors:
        visitors.more(1)
        for _ in range(1000):
            assert tinylb.signal(SIGHUP)
        visitors.more(20)
    assert client.echoes(b"still here")
    stage.write({name: servers[name]})
    tinylb.waitForSet(2)
    assert tinylb.count("Backend set") == 2
    assert tinylb.stop() == 0


def test_atTheStart(stage: Stage, runner: str) -> None:
    """One that comes as soon as it listens, before anything else has happened, is no reason to end."""
    stage.servers("a")
    for _ in range(3):
        tinylb = stage.follow(runner=runner)
        tinylb.signal(SIGHUP)
        tinylb.waitFor("SIGHUP: looking again")
        assert stage.nameOf(tinylb) == "a"
        assert tinylb.stop() == 0


def test_whileItStops(stage: Stage) -> None:
    """
    One that comes while connections finish ends none of them, and does not put off the end. Nothing is followed any
    more; the access log, which has yet to tell of them, is opened anew.
    """
    servers = stage.servers("a", "b")
    log = stage.folder / "access.log"
    tinylb = stage.follow("--drain", "60", "--access-log", log)
    client = stage.client(tinylb)
    name = client.line()
    tinylb.signal(SIGTERM)
    tinylb.waitFor("stopping; 1 connection open")
    del servers[name]
    stage.write(servers)
    for number in range(3):
        log.rename(stage.folder / str(number))
        tinylb.signal(SIGHUP)
        waitUntil(log.exists, "it is there again")
    assert client.echoes(b"still here")
    client.finish()
    assert client.ending() == "closed"
    assert tinylb.ended() == 0
    assert [line["reason"] for line in linesOf(log)] == ["client-closed"]
    assert tinylb.count("Backend set") == 1
    assert tinylb.count("looking again") == 0


def test_terminalGone(stage: Stage) -> None:
    """A terminal that goes away ends it, as any program; while the terminal is there, SIGHUP is only a signal."""
    file = stage.folder / "backends.json"
    file.write_text('{"backends": {}}')
    run = ("-m", "tinylb", "run", "--listen", "tcp:0:interface=127.0.0.1", "--backends-file", file)
    terminal = Terminal(sys.executable, *run)
    try:
        terminal.waitFor("Listening on")
        terminal.signal(SIGHUP)
        terminal.waitFor("looking again")
        assert terminal.hangUp() == 0
    finally:
        terminal.kill()
