"""What is told of the process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast
from unittest import skipUnless

from prometheus_client.process_collector import ProcessCollector
from twisted.trial.unittest import SynchronousTestCase

from tinylb.metrics.process import MOST_LISTED, processFamilies

SOME = 10
"""Descriptors by which two looks may differ, of whatever else lives in this process."""


class ProcFolder:
    """A /proc like that of an older Linux, which does not tell how many descriptors there are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Any:
        return ProcFolder(self.path / name) if name.endswith("fd") else Path("/proc") / name

    def __fspath__(self) -> str:
        return str(self.path)

    def stat(self) -> SimpleNamespace:
        return SimpleNamespace(st_size=0)


@skipUnless(sys.platform == "linux", "Linux tells of processes in /proc")
class ProcessTests(SynchronousTestCase):
    """See L{processFamilies}."""

    def values(self, *proc: Path) -> dict[str, float]:
        """What is told, by name."""
        return {sample.name: sample.value for family in processFamilies(*proc) for sample in family.samples}

    def folder(self) -> Path:
        """One that is empty, and is gone with the test."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def test_asTheLibrary(self) -> None:
        """The same is told, under the same names, as prometheus-client's own collector does."""
        theirs = {
            each.name: each.value for family in ProcessCollector(registry=None).collect() for each in family.samples
        }
        ours = self.values()
        self.assertEqual(ours.keys(), theirs.keys())
        self.assertEqual(ours["process_max_fds"], theirs["process_max_fds"])
        name = "process_start_time_seconds"
        self.assertLess(abs(ours[name] - theirs[name]), 1.5)
        name = "process_cpu_seconds_total"
        self.assertLess(abs(ours[name] - theirs[name]), 1)
        for name in ("process_resident_memory_bytes", "process_virtual_memory_bytes"):
            self.assertLess(abs(ours[name] - theirs[name]), 0.1 * theirs[name])

    def test_descriptors(self) -> None:
        """Each that is opened counts."""
        before = self.values()["process_open_fds"]
        self.assertLessEqual(abs(before - len(os.listdir("/proc/self/fd"))), SOME)
        opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(5 * SOME)]
        try:
            self.assertLessEqual(abs(self.values()["process_open_fds"] - before - len(opened)), SOME)
        finally:
            for each in opened:
                os.close(each)

    def test_olderLinux(self) -> None:
        """Where the kernel does not tell their number they are counted, as long as they are few."""
        folder = self.folder()
        (folder / "self/fd").mkdir(parents=True)
        for number in range(MOST_LISTED):
            (folder / f"self/fd/{number}").touch()
        older = cast(Path, ProcFolder(folder))
        self.assertEqual(self.values(older)["process_open_fds"], MOST_LISTED - 1)  # one is that of the listing
        (folder / "self/fd/another").touch()
        self.assertNotIn("process_open_fds", self.values(older))
        self.assertIn("process_cpu_seconds_total", self.values(older))

    def test_hardened(self) -> None:
        """A service that sees processes alone in /proc, as under ProcSubset=pid, tells as much."""
        folder = self.folder()
        (folder / "self").symlink_to("/proc/self")
        self.assertEqual(set(self.values(folder)), set(self.values()))

    def test_elsewhere(self) -> None:
        """Where there is no /proc, nothing is told."""
        self.assertEqual(self.values(self.folder()), {})
