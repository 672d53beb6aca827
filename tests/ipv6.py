"""Skips what needs IPv6 where there is none, as in many a container."""

from __future__ import annotations

import socket

import pytest


def needIPv6() -> None:
    """Skip the test that is running, unless this machine has C{::1}."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("there is no IPv6 here")
