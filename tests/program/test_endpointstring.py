"""Any program that calls clientFromString knows C{tinylb:}, by a plugin."""

from __future__ import annotations

import sys

import pytest

from tests.program.processes import Process, run, waitUntil
from tests.program.stage import Stage

CONNECT = """
import sys
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

class Talker(Protocol):
    def connectionMade(self):
        self.lost = Deferred()
    def dataReceived(self, data):
        print(data.decode(), end="", flush=True)
    def connectionLost(self, reason):
        self.lost.callback(reason.getErrorMessage())

async def main(reactor):
    talker = await clientFromString(reactor, sys.argv[1]).connect(Factory.forProtocol(Talker))
    print(await talker.lost)

react(main)
"""
"""An author's program, which has no idea of tinylb: says who serves it, and in the end what has ended that."""

PARSE = """
import sys
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString

clientFromString(reactor, "tcp:127.0.0.1:1")
print(*(name for name in sys.modules if name.partition(".")[0] == "tinylb"))
try:
    clientFromString(reactor, sys.argv[1])
except ValueError as error:
    print(error)
"""


def connect(stage: Stage, endpoint: str) -> Process:
    """Run that program."""
    return stage.run(sys.executable, "-c", CONNECT, endpoint)


def test_connects(stage: Stage) -> None:
    """It connects to a backend of the file, and is reset when that leaves it."""
    servers = stage.servers("cp-1", "cp-2")
    program = connect(stage, f"tinylb:file={stage.file}")
    name = program.waitFor(r"^cp-\d$")[0]
    del servers[name]
    stage.write(servers)
    program.waitFor("target-removed")
    assert program.ended() == 0
    assert program.stderr == []


def test_remembers(stage: Stage) -> None:
    """With a state file it finds the backends that are left though nobody says any more where they are."""
    servers = stage.servers("cp-1", "cp-2")
    state = stage.folder / "state.json"
    endpoint = f"tinylb:file={stage.file}:state={state}"
    program = connect(stage, endpoint)
    name = program.waitFor(r"^cp-\d$")[0]
    waitUntil(state.exists, "the backends are remembered")
    servers.pop(name).close()
    assert program.ended() == 0
    stage.file.unlink()
    connect(stage, endpoint).waitFor(f"^{next(iter(servers))}$")


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("tinylb", "tinylb: no backends; "),
        ("tinylb:", "tinylb:"),
        ("tinylb:backends.json", "tinylb:backends.json: not NAME=VALUE; "),
        ("tinylb:file=/no/such.json", "tinylb:file=/no/such.json: there is no such file; "),
        ("tinylb:backends=192.0.2.1:6443", "tinylb:6443: not NAME=VALUE; "),
        (r"tinylb:backends=192.0.2.1\:0", "tinylb:backends=192.0.2.1:0: "),
        ("tinylb:reactor=epoll", "tinylb:reactor=epoll: there is no reactor; "),
        ("tinylb:self=1", "tinylb:self=1: there is no self; "),
    ],
)
def test_wrongUsage(stage: Stage, endpoint: str, said: str) -> None:
    """Wrong usage is one line; and whoever uses other endpoints has not even loaded tinylb."""
    done = run([sys.executable, "-c", PARSE, endpoint], stage.folder)
    assert done.stderr == ""
    loaded, line = done.stdout.splitlines()
    assert loaded == ""
    assert line.startswith(said)
