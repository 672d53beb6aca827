"""The access log under logrotate, and under whoever moves the file, while clients come and go."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from signal import SIGHUP

import pytest

from tests.program.accessfile import AccessFile, Visitors, linesOf, visit
from tests.program.processes import PATIENCE, waitUntil
from tests.program.stage import Stage, Tinylb

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/sbin:/usr/bin:/bin")

needsLogrotate = pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed")


def rotate(stage: Stage, *directives: str) -> None:
    """Let logrotate do its work, as it is configured."""
    configuration = stage.folder / "logrotate.conf"
    body = "\n".join(("rotate 50", "nocompress", "missingok", *directives))
    configuration.write_text(f"{stage.folder}/access.log {{\n{body}\n}}\n")
    configuration.chmod(0o644)
    command = [str(LOGROTATE), "--force", "--state", str(stage.folder / "state"), str(configuration)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def whoIsIn(*files: Path) -> Counter[str]:
    """The clients in these files, whose lines are all whole."""
    return Counter(line["client"] for line in linesOf(*files))


def start(stage: Stage) -> tuple[Tinylb, AccessFile]:
    """tinylb, with an access log."""
    stage.servers("a", "b")
    file = AccessFile(stage.folder / "access.log")
    return stage.follow("--access-log", file.path), file


@needsLogrotate
@pytest.mark.parametrize("how", ["signal", "no signal"])
def test_moved(stage: Stage, how: str) -> None:
    """However often the file is moved away, with a signal and without: every client is in one of the files, once."""
    tinylb, file = start(stage)
    told = ["nocreate", "postrotate", f"kill -HUP {tinylb.pid}", "endscript"]
    directives = told if how == "signal" else ["create 0640"]
    rotations = 8
    with closing(Visitors(tinylb)) as visitors:
        for _ in range(rotations):
            visitors.more(20)
            waitUntil(lambda: file.count, "there is something to move away")
            rotate(stage, *directives)
    assert tinylb.stop() == 0
    files = list(stage.folder.glob("access.log*"))
    assert len(files) >= rotations
    assert whoIsIn(*files) == Counter(visitors.addresses)
    assert tinylb.count("SIGHUP: looking again") == (rotations if how == "signal" else 0)
    assert "access.log" not in tinylb.output


@needsLogrotate
def test_copied(stage: Stage) -> None:
    """
    A file that is copied and cut goes on from its beginning, with whole lines. logrotate loses what is written between
    its two steps, so nobody comes meanwhile.
    """
    tinylb, file = start(stage)
    addresses: list[str] = []
    for _ in range(4):
        with closing(Visitors(tinylb)) as visitors:
            visitors.more(20)
        addresses += visitors.addresses
        file.lines(len(visitors.addresses))
        rotate(stage, "copytruncate")
        assert file.path.stat().st_size == 0
    last = visit(tinylb)
    (line,) = file.lines(1)
    assert line["client"] == last
    assert tinylb.stop() == 0
    assert whoIsIn(*stage.folder.glob("access.log*")) == Counter([*addresses, last])


@needsLogrotate
def test_copiedUnderTraffic(stage: Stage) -> None:
    """The same while clients come: whatever logrotate loses, what is there is whole."""
    tinylb, file = start(stage)
    with closing(Visitors(tinylb)) as visitors:
        for _ in range(6):
            visitors.more(20)
            rotate(stage, "copytruncate")
        before = file.count
        waitUntil(lambda: file.count > before, "it goes on")
    assert tinylb.stop() == 0
    found = whoIsIn(file.path)
    assert not found - Counter(visitors.addresses)
    assert b"\0" not in file.path.read_bytes()


def test_hangup(stage: Stage) -> None:
    """After SIGHUP the file is there again at once, though nobody comes; the former one is let go."""
    tinylb, file = start(stage)
    visit(tinylb)
    file.lines(1)
    former = stage.folder / "former"
    file.path.rename(former)
    tinylb.signal(SIGHUP)

    def held() -> set[Path]:
        return {path.resolve() for path in Path(f"/proc/{tinylb.pid}/fd").iterdir()}

    waitUntil(lambda: file.path in held(), "it is there")
    waitUntil(lambda: former not in held(), "the former one is let go")
    visit(tinylb)
    file.lines(1)
    assert len(linesOf(former)) == 1
