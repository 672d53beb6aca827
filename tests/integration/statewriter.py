"""
Processes that write a state file as fast as they can, for tests that kill them. C{python -m} this with the path:
for each line on standard input one is forked, and its number printed; and its exit status when it has ended.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from itertools import count

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock

from tinylb import BackendSet, TCPBackend
from tinylb.providers.state import StateFile

SOURCE = "file /etc/b.json"
MEMBERS = 200


def backendSet(number: int, members: int = MEMBERS) -> BackendSet:
    """A set of which each member tells the number, so that a mixture of two would show."""
    reactor = MemoryReactorClock()
    return BackendSet(
        {f"cp-{member}": TCPBackend(reactor, "192.0.2.1", 6443, tier=number) for member in range(members)}
    )


def openState(path: str) -> StateFile:
    """The file. Who writes it waits for that."""

    def atOnce(function: Callable[[], None]) -> Deferred[None]:
        return maybeDeferred(function)

    return StateFile(MemoryReactorClock(), path, clock=Clock(), inThread=atOnce)


def writeForEver(path: str) -> None:
    """Until somebody puts an end to it."""
    sets = [backendSet(number) for number in range(4)]
    state = openState(path)
    for number in count():
        state.remember(SOURCE, sets[number % len(sets)])


def writeLimited(path: str, most: int) -> str | None:
    """Write where no file may have more bytes than that; the error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    state = openState(path)
    state.remember(SOURCE, backendSet(9))
    return state.error


def main(path: str) -> None:
    """Fork for each line; one that has a number in it is a limit."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            if line.strip():
                os._exit(7 if writeLimited(path, int(line)) == "file too large" else 0)
            writeForEver(path)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
