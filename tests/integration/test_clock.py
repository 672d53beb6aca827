"""The monotonic clock in a real reactor: its timers, steps of the wall clock, and a process that was stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import cast

import pytest
import pytest_twisted
from twisted.internet.interfaces import IReactorTime

from tests.integration.bench import Bench
from tests.integration.servers import BlackHole
from tests.integration.sockets import Ending, eventually, reactor
from tinylb import CloseReason
from tinylb.clock import MonotonicClock, monotonicClock

LATEST = 5.0
"""Seconds that a timer may be late on a busy machine."""


@pytest.fixture
def clock() -> Iterator[MonotonicClock]:
    """The reactor's."""
    clock = cast(MonotonicClock, monotonicClock(reactor))
    yield clock
    clock.release()


@pytest_twisted.ensureDeferred
async def test_order(clock: IReactorTime) -> None:
    """Calls come in the order of their times, none too early, none much too late."""
    started = time.monotonic()
    came: list[tuple[float, float]] = []

    def note(delay: float) -> None:
        came.append((delay, time.monotonic() - started))

    for delay in (0.9, 0.3, 0.0, 0.6):
        clock.callLater(delay, note, delay)
    await eventually(lambda: len(came) == 4, "all calls have come")
    assert [delay for delay, _ in came] == [0.0, 0.3, 0.6, 0.9]
    for delay, after in came:
        assert delay <= after < delay + LATEST


@pytest_twisted.ensureDeferred
async def test_changed(clock: IReactorTime) -> None:
    """A call that is cancelled does not come; one that is reset or delayed comes at its new time."""
    came: list[str] = []
    cancelled = clock.callLater(0.1, came.append, "cancelled")
    sooner = clock.callLater(60, came.append, "sooner")
    later = clock.callLater(0.0, came.append, "later")
    delayed = clock.callLater(0.0, came.append, "delayed")
    clock.callLater(0.6, came.append, "as it was")
    cancelled.cancel()
    sooner.reset(0.3)
    later.reset(0.9)
    delayed.delay(1.2)
    await eventually(lambda: len(came) == 4, "all calls have come")
    assert came == ["sooner", "as it was", "later", "delayed"]
    assert not clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_release(clock: MonotonicClock) -> None:
    """Released, it holds nothing in the reactor; while something is scheduled it stays, and later it comes back."""
    before = set(reactor.getReaders())
    came: list[str] = []
    clock.callLater(60, came.append, "never").cancel()
    clock.callLater(0.01, came.append, "first")
    clock.release()
    await eventually(lambda: came == ["first"], "a release keeps what is scheduled")
    clock.release()
    assert set(reactor.getReaders()) == before
    clock.callLater(0.0, came.append, "second")
    await eventually(lambda: came == ["first", "second"], "it comes back")


@pytest.mark.parametrize("step", [3600, -3600], ids=["forward", "back"])
@pytest_twisted.ensureDeferred
async def test_step(bench: Bench, step: float) -> None:
    """A step of the wall clock, which the reactor's own timers follow, neither fires nor freezes a timeout."""
    process = await bench.start({"a": bench.add(BlackHole())}, dialTimeout=0.7)
    started = time.monotonic()
    client = process.connect()
    while not (await process.describe())["dialing"]:
        assert time.monotonic() - started < LATEST
    await process.step(step)
    assert await client.receiveToEnd() == (b"", Ending.FIN)
    assert 0.7 <= time.monotonic() - started < 0.7 + LATEST
    await process.hearEvent("ClientUnserved")
    assert process.told("ClientUnserved")[0]["reason"] == str(CloseReason.DIAL_TIMEOUT)


@pytest_twisted.ensureDeferred
async def test_stoppedProcess(bench: Bench) -> None:
    """
    A process that was stopped while its connection was made, and goes on after the deadline, finds the connection,
    and blames nobody for the time it was away.
    """
    hole = bench.add(BlackHole())
    process = await bench.start({"a": hole}, dialTimeout=3.0, attemptDelay=0.1)
    client = process.connect()
    await eventually(lambda: hole.trying() == 1, "it is dialled")
    deadline = time.monotonic() + 3.0
    process.freeze()
    hole.open()
    serving = await hole.accept()
    await eventually(lambda: time.monotonic() > deadline, "the deadline is past")
    process.thaw()
    await serving.send(b"served")
    assert await client.receive(6) == b"served"
    assert not process.told("DialFailed")
    assert not process.told("ClientUnserved")
