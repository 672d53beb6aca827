"""Limits: clients beyond them are refused at once, and running out of descriptors passes."""

from __future__ import annotations

import itertools
import os
import re
import resource
import signal
import time

import pytest

from tests.program.processes import waitUntil
from tests.program.stage import Stage, Tinylb

hasPrlimit = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are Linux's")


def refused(tinylb: Tinylb) -> int:
    """How many clients were refused, by the log."""
    counts = re.findall(r"(\d+) clients? could not be served: .*client-limit", tinylb.output)
    return sum(map(int, counts))


def test_maxConnections(stage: Stage) -> None:
    """Clients beyond --max-connections are closed at once; when one of the others has gone, there is room."""
    stage.servers("a")
    tinylb = stage.follow("--max-connections", "2")
    first, second = stage.client(tinylb), stage.client(tinylb)
    assert first.line() == second.line() == "a"
    assert stage.client(tinylb).ending() == "closed"
    assert first.echoes(b"still here")
    first.close()
    waitUntil(lambda: stage.nameOf(tinylb) == "a", "there is room again")


def test_refusalsAreSummedUp(stage: Stage) -> None:
    """However many clients are refused, they are logged at most once a second, and all of them are counted."""
    stage.servers("a")
    tinylb = stage.follow("--max-connections", "1", "--drain", "0")
    client = stage.client(tinylb)
    assert client.line() == "a"
    begun = time.monotonic()
    for _ in range(200):
        assert stage.nameOf(tinylb) == ""
    took = time.monotonic() - begun
    assert tinylb.stop() == 0
    assert refused(tinylb) == 200
    # One at once, one for each whole second, and the rest at the stop.
    assert tinylb.count("could not be served") <= took + 2


@pytest.mark.parametrize(("descriptors", "clients"), [((64, 64), 16), ((64, 256), 112)])
def test_clientsFollowFromDescriptors(stage: Stage, descriptors: tuple[int, int], clients: int) -> None:
    """The soft limit is raised to the hard one, and as many clients are served as that carries, at two each."""
    stage.servers("a")
    tinylb = stage.follow(descriptors=descriptors)
    served = [stage.client(tinylb) for _ in range(clients)]
    assert [client.line() for client in served] == ["a"] * clients
    assert stage.client(tinylb).ending() == "closed"
    tinylb.waitFor("1 client could not be served: .*client-limit")
    served[0].close()
    waitUntil(lambda: stage.nameOf(tinylb) == "a", "there is room again")


def test_limitThatIsTooHigh(stage: Stage) -> None:
    """A --max-connections that the descriptors cannot carry is lowered with a warning."""
    stage.servers("a")
    tinylb = stage.follow("--max-connections", "100000", descriptors=(64, 256))
    tinylb.waitFor(r"--max-connections 100000 is lowered to 112\b.*256")
    assert stage.nameOf(tinylb) == "a"


@hasPrlimit
def test_noDescriptorsForAccepting(stage: Stage) -> None:
    """
    Without a descriptor left nobody is accepted, which is logged at most once a second; accepting goes on by itself
    when there are some again.
    """
    stage.servers("a")
    tinylb = stage.follow("--drain", "0")
    client = stage.client(tinylb)
    assert client.line() == "a"
    limits = take(tinylb, 0)
    begun = time.monotonic()
    turnedAway = [stage.client(tinylb) for _ in range(50)]
    tinylb.waitFor(r"could not be served: \d+ x client-limit \(too many open files\)")
    assert {client.ending() for client in turnedAway} <= {"closed", "reset"}
    assert client.echoes(b"still here")
    resource.prlimit(tinylb.pid, resource.RLIMIT_NOFILE, limits)
    assert stage.nameOf(tinylb) == "a"
    took = time.monotonic() - begun
    assert tinylb.stop() == 0
    assert tinylb.count("EMFILE|too many open files") <= took + 2
    assert tinylb.count("dials? failed") == 0


@hasPrlimit
def test_noDescriptorsForDialing(stage: Stage) -> None:
    """Without a descriptor left for the backend a client is closed; the backend is not blamed, and tried again."""
    stage.servers("a")
    tinylb = stage.follow("--drain", "0")
    client = stage.client(tinylb)
    assert client.line() == "a"
    limits = take(tinylb, 1)
    assert stage.nameOf(tinylb) == ""
    assert client.echoes(b"still here")
    resource.prlimit(tinylb.pid, resource.RLIMIT_NOFILE, limits)
    assert stage.nameOf(tinylb) == "a"
    assert tinylb.stop() == 0
    assert tinylb.count(r"client could not be served: .*too many open files") == 1
    assert tinylb.count("dials? failed") == 0


def test_stopWhileFull(stage: Stage) -> None:
    """It stops as cleanly when it has all the clients that it may have."""
    stage.servers("a")
    tinylb = stage.follow("--drain", "0", descriptors=(64, 64))
    clients = [stage.client(tinylb) for _ in range(30)]
    waitUntil(lambda: refused(tinylb) > 0, "it is full")
    assert tinylb.stop(signal.SIGINT) == 0
    assert {client.ending() for client in clients} <= {"closed", "reset"}


def take(tinylb: Tinylb, left: int) -> tuple[int, int]:
    """Leave a running program so many descriptors more than it uses; the limits it had."""
    used = set(map(int, os.listdir(f"/proc/{tinylb.pid}/fd")))
    free = (number for number in itertools.count() if number not in used)
    _, hard = limits = resource.prlimit(tinylb.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(tinylb.pid, resource.RLIMIT_NOFILE, (next(itertools.islice(free, left, None)), hard))
    return limits
