"""What this process has open, and what it may."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


def openDescriptors() -> int:
    """How many descriptors there are."""
    return len(os.listdir("/dev/fd"))


@contextmanager
def noDescriptors() -> Iterator[None]:
    """There is none to be had."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def noThreads() -> Iterator[None]:
    """No thread can be started. Python raises this where the system refuses one."""

    def refuse(thread: Thread) -> None:
        raise RuntimeError("can't start new thread")

    start = Thread.start
    Thread.start = refuse  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Thread.start = start  # type: ignore[method-assign]
