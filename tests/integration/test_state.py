"""The state file on a real disk: written by threads that nobody waits for, and by processes that are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.task import deferLater

from tests.integration.process import ROOT
from tests.integration.sockets import PATIENCE, eventually, reactor
from tests.integration.statewriter import SOURCE, backendSet, openState
from tinylb import BackendSet, FileProvider
from tinylb.clock import monotonicClock, release
from tinylb.providers.layered import LayeredProvider
from tinylb.providers.state import StateFile

KILLS = 150
LONGEST = 0.03
"""Seconds that one who writes may live at the most, from its birth; more where that is too short to write anything."""


class Writers:
    """Forks processes that write the file."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.statewriter", str(path)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, limit: int | None = None) -> int:
        """The next one; its process number."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n" if limit is None else f"{limit}\n")
        self._process.stdin.flush()
        return self.hear()

    def hear(self) -> int:
        """What is said next: a process number, or an exit status."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """They are all dead."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(PATIENCE)


@contextmanager
def writers(path: Path) -> Iterator[Writers]:
    """Those who write the file."""
    writers = Writers(path)
    try:
        yield writers
    finally:
        writers.close()


def test_killed(tmp_path: Path, log: list[str]) -> None:
    """Whenever one is killed that writes it, the file is not there yet, or whole, and of mode 0600."""
    path = tmp_path / "state.json"
    wholes, longest = 0, LONGEST
    with writers(path) as forking:
        for _ in range(KILLS):
            pid = forking.start()
            time.sleep(random.uniform(0, longest))
            os.kill(pid, signal.SIGKILL)
            assert forking.hear() == -signal.SIGKILL
            recalled = openState(str(path)).recall(SOURCE)
            assert log == []
            if path.exists():
                wholes += 1
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                assert recalled.members == backendSet(recalled.members[0].tier).members
            else:
                assert not recalled
                longest *= 1.2
    assert wholes > KILLS / 2, "they died too early to write anything"
    assert len(list(tmp_path.iterdir())) > 1, "nobody was killed while it was writing"


def test_tooLarge(tmp_path: Path) -> None:
    """Where a file may not grow to its size, the former one stays as it was, and nothing of the new one is left."""
    path = tmp_path / "state.json"
    openState(str(path)).remember(SOURCE, backendSet(1))
    former = path.read_bytes()
    with writers(path) as forking:
        for limit in (0, 1, 100, 4096):
            forking.start(limit)
            assert forking.hear() == 7
            assert (path.read_bytes(), os.listdir(tmp_path)) == (former, [path.name])
        forking.start(10**6)
        assert forking.hear() == 0
    assert openState(str(path)).recall(SOURCE).members == backendSet(9).members


class SlowDisk:
    """A disk that takes its time: the kernel is asked to flush a file when the test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._go = threading.Event()
        self.isAsked = threading.Event()
        fsync = os.fsync

        def slow(descriptor: int) -> None:
            self.isAsked.set()
            assert self._go.wait(PATIENCE)
            fsync(descriptor)

        patch.setattr(os, "fsync", slow)

    def go(self) -> None:
        """From now on it is as quick as any."""
        self._go.set()


@pytest_twisted.ensureDeferred
async def test_slowDisk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk takes its time the reactor goes on; then the last set is in the file, whatever came before it."""
    path = tmp_path / "state.json"
    disk = SlowDisk(monkeypatch)
    state = StateFile(reactor, path)
    state.remember(SOURCE, backendSet(1))
    await eventually(disk.isAsked.is_set, "the disk is asked")
    for number in range(2, 10):
        state.remember(SOURCE, backendSet(number))
        await deferLater(reactor, 0.0)
    assert not path.exists()
    assert len(os.listdir(tmp_path)) == 1
    disk.go()
    await eventually(lambda: openState(str(path)).recall(SOURCE).members == backendSet(9).members, "it is written")
    await eventually(lambda: os.listdir(tmp_path) == [path.name], "nothing else is left")
    state.close()


@pytest_twisted.ensureDeferred
async def test_closedMeanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To close it takes no time, however slow the disk is; the last set is written all the same."""
    path = tmp_path / "state.json"
    disk = SlowDisk(monkeypatch)
    state = StateFile(reactor, path)
    state.remember(SOURCE, backendSet(1))
    state.remember(SOURCE, backendSet(2))
    await eventually(disk.isAsked.is_set, "the disk is asked")
    state.close()
    assert monotonicClock(reactor).getDelayedCalls() == []
    assert not path.exists()
    disk.go()
    await eventually(lambda: openState(str(path)).recall(SOURCE).members == backendSet(2).members, "it is written")
    await eventually(lambda: os.listdir(tmp_path) == [path.name], "nothing else is left")


def isKept(path: Path, targets: list[str]) -> bool:
    """Whether these and no others are in the file."""
    return path.exists() and list(json.loads(path.read_bytes())["backends"]) == targets


@pytest_twisted.ensureDeferred
async def test_layers(tmp_path: Path) -> None:
    """A file is followed, remembered and recalled, from one run to the next; nothing is left running in between."""
    source, path = tmp_path / "b.json", tmp_path / "state.json"
    for number, targets in enumerate((["192.0.2.1:1"], ["192.0.2.1:1", "192.0.2.2:1"])):
        provider = LayeredProvider(reactor, FileProvider(reactor, source), state=StateFile(reactor, path))
        watcher = provider.watch()
        if number:
            recalled: BackendSet = await watcher.get()
            assert list(recalled) == ["192.0.2.1:1"]
        source.write_text(json.dumps({"backends": targets}))
        published: BackendSet = await watcher.get()
        assert list(published) == targets
        await eventually(partial(isKept, path, targets), "it is remembered")
        watcher.close()
        source.unlink()
    release(monotonicClock(reactor))
