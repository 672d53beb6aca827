"""Fails a test that leaves something behind: an unhandled error, a delayed call, a reader, a descriptor, a process."""

from __future__ import annotations

import gc
import os
import tempfile
import unittest
from collections.abc import Iterator
from typing import cast

import pytest
import pytest_twisted
from twisted.internet import reactor as installedReactor
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogBeginner, globalLogPublisher
from zope.interface import implementer

reactor = cast(PosixReactorBase, installedReactor)

if len(tempfile.gettempdir()) > 28:  # tests have UNIX sockets in their folders, whose names have 107 bytes at most
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", "/tmp")

TURNS = 200
"""How many turns of the reactor, 10 ms apart, things may take to close after a test."""


def pytest_sessionstart() -> None:
    """Begin logging: until then Twisted buffers each event, and keeps alive what failed."""
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


def pytest_collection_finish() -> None:
    """Freeze all that is imported, as it never becomes garbage: collecting after each test is quick without it."""
    gc.collect()
    gc.freeze()


@implementer(ILogObserver)
class UnhandledErrors:
    """An observer of Twisted's log that keeps the text of each failure; a failure itself keeps what failed alive."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        if failure is not None:
            self.texts.append(f"unhandled: {formatEvent(event)}\n{failure.getTraceback()}")


@pytest.fixture(autouse=True)
def nothingLeftBehind(request: pytest.FixtureRequest) -> Iterator[None]:
    """
    Check what a test leaves behind. Trial's test cases check logged errors themselves, and never run the reactor:
    they get only the checks that need no turn of it, and no time.
    """
    usesReactor = not (request.cls and issubclass(request.cls, unittest.TestCase))
    errors = UnhandledErrors()
    if usesReactor:
        _turn()  # the first one starts the reactor, which opens what it needs for itself
        globalLogPublisher.addObserver(errors)
    before = _held()
    # By now nothing refers to the last test. What is still alive stays, and need not be looked through each time.
    gc.collect()
    gc.freeze()
    yield
    if not usesReactor:
        globalLogPublisher.addObserver(errors)
    gc.collect()
    if usesReactor:
        for _ in range(TURNS):
            if before.keys() >= _held().keys():
                break
            _turn()
        gc.collect()
    left = [f"left behind: {what}" for key, what in _held().items() if key not in before]
    globalLogPublisher.removeObserver(errors)
    if left or errors.texts:
        pytest.fail("\n".join(left + errors.texts), pytrace=False)


def _turn() -> None:
    pytest_twisted.blockon(deferLater(reactor, 0.01))


def _held() -> dict[object, str]:
    """All that the reactor waits for and the process has open, with a description of each."""
    held: dict[object, str] = {}
    for call in reactor.getDelayedCalls():
        held[call] = str(call)
    for reader in reactor.getReaders():
        held["reader", reader] = f"reader {reader!r}"
    for writer in reactor.getWriters():
        held["writer", writer] = f"writer {writer!r}"
    return {**held, **_descriptors(), **_processes()}


def _descriptors() -> dict[object, str]:
    """Open descriptors, with what they lead to, as numbers are reused. Twisted reserves one at the null device."""
    folder = "/proc/self/fd"
    if not os.path.isdir(folder):
        return {}
    found: dict[object, str] = {}
    for number in os.listdir(folder):
        try:
            where = os.readlink(f"{folder}/{number}")
        except OSError:
            continue  # the descriptor with which the folder was listed
        if where != os.devnull:
            found["descriptor", number, where] = f"descriptor {number}, {where}"
    return found


def _processes() -> dict[object, str]:
    """Child processes that still run, or that nobody has waited for."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as children:
            return {("process", pid): f"process {pid}, {_nameOf(pid)}" for pid in children.read().split()}
    except OSError:
        return {}


def _nameOf(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/status") as status:
            return " ".join(status.read().split(None, 2)[1:2])
    except OSError:
        return "gone"
