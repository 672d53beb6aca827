"""What this process has open, and what it may."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager


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
