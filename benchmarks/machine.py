"""The machine: its cores, its description, and its limit of descriptors."""

from __future__ import annotations

import os
import platform
import re
import resource
from pathlib import Path
from typing import NamedTuple


class Cores(NamedTuple):
    """The cores on which things run; L{None} if there is only one."""

    balancer: int | None
    load: int | None


def chooseCores() -> Cores:
    """The last one for the balancer: interrupts and the kernel's chores are mostly on the first."""
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[-1], cores[0]) if len(cores) > 1 else Cores(None, None)


def raiseDescriptors() -> int:
    """Raise the soft limit to the hard one, also for child processes; return it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe() -> dict[str, str | int]:
    """What the results say of the machine."""
    information = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^(?:model name|Model)\s*:\s*(.*)$", information, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": model[1] if model else "unknown",
        "cores": os.cpu_count() or 0,
        "memoryBytes": int(memory[1]) * 1024 if memory else 0,
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "python": platform.python_version(),
    }
