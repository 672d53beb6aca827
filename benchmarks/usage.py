"""The CPU time and memory that processes use, from /proc. See proc(5)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_SECONDS_A_TICK = 1 / os.sysconf("SC_CLK_TCK")


class CPU(NamedTuple):
    """
    User and system time so far, in seconds.

    @ivar exact: from the scheduler's own account, to the nanosecond.
    @ivar ticks: as every tool shows it, to some ten milliseconds. If the two disagree, something is wrong.
    """

    exact: float
    ticks: float

    def since(self, before: CPU) -> CPU:
        """What was used in between."""
        return CPU(self.exact - before.exact, self.ticks - before.ticks)

    @property
    def isDoubtful(self) -> bool:
        """Whether the two disagree by more than ticks explain, for one thread that ran and one that did not."""
        return abs(self.exact - self.ticks) > 4 * _SECONDS_A_TICK + 0.03 * self.exact


def cpu(session: int) -> CPU:
    """CPU time of all processes of a session, with all their threads."""
    exact = ticks = 0.0
    for process in _members(session):
        exact += sum(int(account.read_text().split()[0]) for account in process.glob("task/*/schedstat")) / 1e9
        fields = _stat(process)
        ticks += (int(fields[11]) + int(fields[12])) * _SECONDS_A_TICK
    return CPU(exact, ticks)


def residentBytes(session: int) -> int:
    """
    Memory of all processes of a session. The figure in C{status} is a counter that lags behind by up to some
    hundred kilobytes on each core; C{smaps_rollup} is counted when it is read.
    """
    return sum(
        int(kilobytes) * 1024
        for process in _members(session)
        for kilobytes in re.findall(r"^Rss:\s+(\d+) kB", (process / "smaps_rollup").read_text(), re.MULTILINE)
    )


def _members(session: int) -> Iterator[Path]:
    for process in _PROC.iterdir():
        if process.name.isdigit():
            try:
                fields = _stat(process)
            except OSError:
                continue  # it has just ended
            if int(fields[3]) == session:
                yield process


def _stat(process: Path) -> list[str]:
    """The fields from the third on: the second is a name, which may contain anything."""
    return (process / "stat").read_text().rpartition(")")[2].split()
