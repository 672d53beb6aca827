"""The state file, in the program: a node that boots while everybody else is gone finds its way by it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGTERM

import pytest

from tests.program.peers import Server, freePort
from tests.program.processes import PATIENCE, waitUntil
from tests.program.stage import NOISE, RUNNERS, Stage, Tinylb

AT_ONCE = 2.0
"""Seconds that "at once" may take a busy machine."""


class Kept:
    """The state file of a stage."""

    def __init__(self, stage: Stage) -> None:
        self.path = stage.folder / "state.json"
        self.option = ("--state-file", str(self.path))
        self._stage = stage

    @property
    def targets(self) -> list[str]:
        """Who is remembered; nobody while there is no file."""
        if not self.path.exists():
            return []
        return [each["address"] for each in json.loads(self.path.read_bytes())["backends"].values()]

    def waitFor(self, *servers: Server) -> None:
        """Wait until these are remembered."""
        waitUntil(lambda: self.targets == [server.target for server in servers], "they are remembered")

    def assertSound(self) -> None:
        """It is private, and all there is."""
        assert stat.S_IMODE(self.path.stat().st_mode) == 0o600
        assert [each for each in os.listdir(self._stage.folder) if each.startswith(".")] == []


@pytest.fixture
def kept(stage: Stage) -> Kept:
    """The state file of a test."""
    return Kept(stage)


def dead() -> str:
    """The address of somebody who is gone."""
    return f"127.0.0.1:{freePort()}"


def test_restart(stage: Stage, kept: Kept) -> None:
    """With no source, and every fixed backend gone, the next start serves its first client by what was remembered."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow(*kept.option)
    kept.waitFor(*servers.values())
    kept.assertSound()
    assert stage.nameOf(tinylb) in servers  # it runs, and takes signals
    assert tinylb.stop() == 0
    stage.file.unlink()
    tinylb = stage.follow(*kept.option, "--backend", dead(), "--backend", dead())
    assert {stage.nameOf(tinylb) for _ in range(8)} == {"a", "b"}
    tinylb.waitFor("answers, clients go to 2 remembered backends, 2 fixed backends")
    assert tinylb.stop() == 0


def test_follows(stage: Stage, kept: Kept) -> None:
    """Each change is remembered; one that leaves nobody is not."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow(*kept.option)
    kept.waitFor(servers["a"], servers["b"])
    stage.write({"b": servers["b"]})
    kept.waitFor(servers["b"])
    stage.write({})
    tinylb.waitForSet(3)
    assert tinylb.stop() == 0
    kept.waitFor(servers["b"])
    kept.assertSound()


def test_replaced(stage: Stage, kept: Kept) -> None:
    """As soon as the source answers it counts alone: connections to those who were only remembered are reset."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow(*kept.option)
    kept.waitFor(*servers.values())
    tinylb.stop()
    stage.file.unlink()
    tinylb = stage.follow(*kept.option)
    clients = {client.line(): client for client in (stage.client(tinylb), stage.client(tinylb))}
    assert set(clients) == {"a", "b"}
    stage.write({"b": servers["b"]})
    assert clients["a"].ending() == "reset"
    assert clients["b"].echoes(b"still here")
    kept.waitFor(servers["b"])
    assert {stage.nameOf(tinylb) for _ in range(4)} == {"b"}


def test_killed(stage: Stage, kept: Kept) -> None:
    """A kill -9 in the midst of changes leaves a file that the next start can use."""
    servers = stage.servers("a", "b", "c")
    former: set[str] = set()
    for number in range(5):
        tinylb = stage.follow(*kept.option)
        waitUntil(lambda: kept.targets, "something is remembered")
        for change in range(10 * number):
            stage.write({name: server for name, server in servers.items() if name != "abc"[change % 3]})
        tinylb.stop(SIGKILL)
        assert "state.json" not in tinylb.output
        former |= set(kept.targets)
        assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert former == {server.target for server in servers.values()}
    stage.file.unlink()
    assert stage.nameOf(stage.follow(*kept.option)) in servers


USELESS = {
    "empty": "",
    "half": '{"source": "file /x", "backends": {"a": ',
    "zeros": "\0" * 4096,
    "another source's": '{"source": "dns x:1", "backends": {"x": "127.0.0.1:1"}}',
    "a backends file": '{"backends": {"x": "127.0.0.1:1"}}',
    "nobody": '{"source": "%s", "backends": {}}',
}


@pytest.mark.parametrize("case", USELESS)
def test_useless(stage: Stage, kept: Kept, case: str) -> None:
    """A file that is of no use is ignored with one line; the program goes on, and replaces it when it knows more."""
    kept.path.write_text(USELESS[case].replace("%s", f"file {stage.file}"))
    f = stage.server("f")
    tinylb = stage.follow(*kept.option, "--backend", f.target)
    line = tinylb.waitFor(r"State file .*state\.json").string
    assert "; it is ignored" in line
    assert "warn" in line
    assert stage.nameOf(tinylb) == "f"
    servers = stage.servers("a")
    waitUntil(lambda: servers["a"].target in kept.path.read_text(), "it is replaced")
    kept.waitFor(servers["a"])
    kept.assertSound()
    assert tinylb.count("State file") == 1


def test_noFolder(stage: Stage, kept: Kept) -> None:
    """Where it cannot be written one line says so, and all else goes on."""
    servers = stage.servers("a", "b")
    folder = stage.folder / "later"
    tinylb = stage.follow("--state-file", folder / "state.json")
    tinylb.waitFor(r"State file .*later/state\.json cannot be written: no such file or directory")
    assert stage.nameOf(tinylb) in servers
    folder.mkdir()
    stage.write({"b": servers["b"]})
    tinylb.waitFor("State file .* is written again")
    assert tinylb.count("cannot be written") == 1


def _onTmpfs(folder: Path, command: list[str | Path]) -> list[str | Path]:
    """A command that sees a disk of 64 kB in this folder; nobody else does."""
    mounting = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", mounting, folder, *command]


def fill(filler: Path) -> None:
    """Leave no room on the disk that the file is on."""
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    assert os.statvfs(filler).f_bavail == 0


def test_fullDisk(stage: Stage) -> None:
    """On a disk that is full the former file stays; one line says so, and one when there is room again."""
    disk = stage.folder / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a disk of one's own needs root, and Linux's unshare and mount")
    tried = subprocess.run(_onTmpfs(disk, ["true"]), capture_output=True, timeout=PATIENCE)
    if tried.returncode:
        pytest.skip(f"a disk of one's own cannot be mounted: {tried.stderr.decode()}")
    servers = stage.servers("a", "b")
    tinylb = stage.follow("--state-file", disk / "state.json", runner=_onTmpfs(disk, RUNNERS["twistd"]))
    inside = Path(f"/proc/{tinylb.pid}/root{disk}")
    waitUntil((inside / "state.json").exists, "it is remembered")
    former = (inside / "state.json").read_bytes()
    filler = inside / "filler"
    fill(filler)
    stage.write({"b": servers["b"]})
    tinylb.waitFor(r"State file .*disk/state\.json cannot be written: no space left on device; it is tried again")
    assert (inside / "state.json").read_bytes() == former
    assert sorted(os.listdir(inside)) == ["filler", "state.json"]
    assert stage.nameOf(tinylb) == "b"
    filler.unlink()
    stage.write({"a": servers["a"]})
    tinylb.waitFor("State file .* is written again")
    assert servers["a"].target in (inside / "state.json").read_text()
    assert tinylb.stop() == 0


HANGING = """
import os, sys, threading
os.fsync = lambda _: threading.Event().wait()
sys.argv[0] = "twistd"
from twisted.scripts.twistd import run
run()
"""
"""A twistd on a disk that never takes anything."""


def hanging(stage: Stage, *arguments: str | Path) -> Tinylb:
    """tinylb on such a disk."""
    return stage.follow(*arguments, runner=[sys.executable, "-c", HANGING, "-n", "--pidfile=", "tinylb"])


def test_hangingDisk(stage: Stage, kept: Kept) -> None:
    """A disk that never takes anything holds up neither clients nor changes, nor a stop, nor the process's end."""
    servers = stage.servers("a", "b")
    tinylb = hanging(stage, *kept.option)
    waitUntil(lambda: any("state.json" in each for each in os.listdir(stage.folder)), "it is being written")
    client = stage.client(tinylb)
    name = client.line()
    stage.write({"ab".replace(name, ""): servers["ab".replace(name, "")]})
    assert client.ending() == "reset"
    assert stage.nameOf(tinylb) != name
    tinylb.signal(SIGTERM)
    assert tinylb.ended(AT_ONCE) == 0
    assert not NOISE.search(tinylb.output)
    assert not kept.path.exists()
