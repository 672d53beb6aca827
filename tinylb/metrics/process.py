"""
The metrics that Prometheus expects of every process. prometheus-client's own collector lists all descriptors: with
20,000 of them no client is served for 14 ms.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

MOST_LISTED = 2000
"""The most descriptors that are counted one by one, where the kernel does not tell their number."""


def processFamilies(proc: Path = Path("/proc")) -> Iterator[Metric]:
    """
    See proc_pid_stat(5).

    @param proc: Linux's; on other systems there are no families.
    """
    try:
        fields = (proc / "self/stat").read_bytes().rpartition(b")")[2].split()
        openNow = _openDescriptors(proc / "self/fd")
    except OSError:
        return
    # The first field here is the third of the manual page.
    user, system, started, size, resident = (int(fields[number - 3]) for number in (14, 15, 22, 23, 24))
    ticks, page = os.sysconf("SC_CLK_TCK"), resource.getpagesize()
    yield CounterMetricFamily("process_cpu_seconds", "CPU time of the process, in seconds.", (user + system) / ticks)
    yield GaugeMetricFamily("process_resident_memory_bytes", "Memory of the process.", resident * page)
    yield GaugeMetricFamily("process_virtual_memory_bytes", "Address space of the process.", size)
    # /proc/stat has the time of the boot, too, but a hardened service may not see it.
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    yield GaugeMetricFamily(
        "process_start_time_seconds", "When the process started, in Unix time.", booted + started / ticks
    )
    if openNow is not None:
        yield GaugeMetricFamily("process_open_fds", "Open descriptors of the process.", openNow)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    limit = float("inf") if most == resource.RLIM_INFINITY else most
    yield GaugeMetricFamily("process_max_fds", "How many descriptors the process may have.", limit)


def _openDescriptors(folder: Path) -> int | None:
    """
    Since Linux 6.2 their number is the folder's size; before that they are counted, if they are few.

    @return: their number; L{None} if it is not known.
    """
    count = folder.stat().st_size
    if count:
        return count
    with os.scandir(folder) as entries:
        count = sum(1 for _ in islice(entries, MOST_LISTED + 1))
    return None if count > MOST_LISTED else count - 1  # without the one that lists them
