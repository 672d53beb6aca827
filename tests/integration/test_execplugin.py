"""Programs that are asked who we are, as processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from tests.integration.sockets import eventually, reactor
from tinylb.clock import monotonicClock, release
from tinylb.providers.kubernetes import execplugin
from tinylb.providers.kubernetes.execplugin import MOST, NoSuchProgram, PluginError, runPlugin


@pytest.fixture(autouse=True)
def releasedClock() -> Iterator[None]:
    """What a clock holds in the reactor is given back."""
    yield
    release(monotonicClock(reactor))


def program(folder: Path, *lines: str, shell: str = "/bin/sh") -> str:
    """A shell script."""
    path = folder / "plugin"
    path.write_text("\n".join((f"#!{shell}", *lines, "")))
    path.chmod(0o755)
    return str(path)


def run(
    command: str, *args: str, environ: Mapping[str, str] = os.environ, clock: Clock | None = None
) -> Deferred[bytes]:
    """Run one."""
    return runPlugin(reactor, clock or monotonicClock(reactor), command, args, environ)


async def failing(asked: Deferred[bytes]) -> str:
    """Why it was of no use."""
    with pytest.raises(PluginError) as caught:
        await asked
    return str(caught.value)


def isAlive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children() -> set[str]:
    """The processes that somebody has started here, and not yet heard the end of."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.fixture
def started() -> Callable[[], set[str]]:
    """Those of the test. Others may stay for many tests."""
    before = children()
    return lambda: children() - before


async def numbers(path: Path, count: int) -> list[int]:
    """The processes that a program says it consists of."""
    await eventually(lambda: path.exists() and path.read_text().count("\n") == count, f"{count} processes")
    return [int(line) for line in path.read_text().split()]


@pytest_twisted.ensureDeferred
async def test_answer(tmp_path: Path) -> None:
    """All that it says on standard output is the answer; what it says on standard error, or exits with 0, is not."""
    command = program(tmp_path, 'echo "$1,$2,$NAME"', "echo of no interest >&2", "head -c 300000 /dev/zero")
    answer = await run(command, "a b", "*", environ={"PATH": os.environ["PATH"], "NAME": "value"})
    assert answer == b"a b,*,value\n" + bytes(300_000)


@pytest_twisted.ensureDeferred
async def test_found(tmp_path: Path) -> None:
    """A name is looked up in the PATH of its environment."""
    program(tmp_path, "echo it is me")
    assert await run("plugin", environ={"PATH": str(tmp_path)}) == b"it is me\n"
    with pytest.raises(NoSuchProgram):
        await run("plugin", environ={"PATH": "/nowhere"})


@pytest_twisted.ensureDeferred
async def test_noTerminal(tmp_path: Path) -> None:
    """It has nothing to read, no terminal to ask at, and none of our descriptors."""
    ours = os.dup(0)
    os.set_inheritable(ours, True)
    try:
        command = program(tmp_path, "cat", "(: </dev/tty) 2>/dev/null && echo terminal", "ls /proc/self/fd | wc -l")
        # Standard input, output and error, and the folder that is listed.
        assert (await run(command)).split() == [b"4"]
    finally:
        os.close(ours)


@pytest_twisted.ensureDeferred
async def test_status(tmp_path: Path) -> None:
    """A bad status is told with the last line that it has written on standard error."""
    command = program(tmp_path, "echo first >&2", "echo '{}'", "echo last >&2", "exit 3")
    assert await failing(run(command)) == "exit status 3: last"
    assert await failing(run(program(tmp_path, "kill -TERM $$"))) == "ended by signal 15"


@pytest_twisted.ensureDeferred
async def test_notRunnable(tmp_path: Path) -> None:
    """What cannot be run is said to be that."""
    command = program(tmp_path, "exit 0", shell="/no/such/shell")
    assert "No such file" in await failing(run(command))
    os.chmod(command, 0o644)
    assert "may not be run" in await failing(run(command))


@pytest_twisted.ensureDeferred
async def test_timeLimit(tmp_path: Path) -> None:
    """One that does not end is killed, together with what it has started, and nobody waits for that."""
    clock, pids = Clock(), tmp_path / "pids"
    command = program(tmp_path, f"sleep 60 & echo $! >>{pids}", f"echo $$ >>{pids}", "wait")
    asked = run(command, clock=clock)
    started = await numbers(pids, 2)
    clock.advance(execplugin.LONGEST + 0.1)
    assert "has not ended within 30 s" in await failing(asked)
    await eventually(lambda: not any(map(isAlive, started)), "they have ended")
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_cancelled(tmp_path: Path) -> None:
    """So is one in which nobody is interested any more."""
    clock, pids = Clock(), tmp_path / "pids"
    command = program(tmp_path, f"sleep 60 & echo $! >>{pids}", f"echo $$ >>{pids}", "wait")
    asked = run(command, clock=clock)
    started = await numbers(pids, 2)
    asked.cancel()
    with pytest.raises(CancelledError):
        await asked
    await eventually(lambda: not any(map(isAlive, started)), "they have ended")
    assert clock.getDelayedCalls() == []


@pytest_twisted.ensureDeferred
async def test_cancelledAtOnce(tmp_path: Path, started: Callable[[], set[str]]) -> None:
    """It may be cancelled before it has come to run."""
    command = program(tmp_path, "sleep 60")
    for _ in range(20):
        asked = run(command, clock=Clock())
        asked.cancel()
        with pytest.raises(CancelledError):
            await asked
    await eventually(lambda: not started(), "they have ended")


@pytest_twisted.ensureDeferred
async def test_tooMuch(started: Callable[[], set[str]]) -> None:
    """One that says too much is killed."""
    assert await failing(run("cat", "/dev/zero", clock=Clock())) == f"says more than {MOST >> 20} MiB"
    await eventually(lambda: not started(), "it has ended")


@pytest_twisted.ensureDeferred
async def test_outlived(tmp_path: Path, started: Callable[[], set[str]]) -> None:
    """One that leaves behind another one, which holds its output, is believed a moment after it has ended."""
    clock, pids, before = Clock(), tmp_path / "pids", len(os.listdir("/proc/self/fd"))
    asked = run(program(tmp_path, f"sleep 60 & echo $! >>{pids}", "echo '{}'"), clock=clock)
    (left,) = await numbers(pids, 1)
    await eventually(lambda: not started(), "it has ended")
    await deferLater(reactor, 0)  # the turn in which its output is read may be the one after that
    assert not asked.called
    clock.advance(execplugin.LINGER)
    assert await asked == b"{}\n"
    await eventually(lambda: len(os.listdir("/proc/self/fd")) == before, "it is not listened to any more")
    assert isAlive(left)
    os.kill(left, 9)
    await eventually(lambda: not isAlive(left), "it has ended")
