"""Health that covers the listeners themselves."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.status.conftest import Show
from tinylb.addresses import spell
from tinylb.sockets import isListening


@contextmanager
def noMoreDescriptors() -> Iterator[None]:
    """Those that there are work on, also in poll(2), which refuses more of them than the limit."""
    free = os.dup(0)
    os.close(free)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class _Port:
    """A listening port, as far as it is asked here."""

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket


@pytest_twisted.ensureDeferred
async def test_noDescriptors(show: Show) -> None:
    """While there is no descriptor for another client the balancer is not healthy; with one, it is again."""
    shown = await show()
    asker = shown.asker()
    assert (await deferToThread(asker.ask, "/healthz")).code == 200
    with noMoreDescriptors():
        reply = await deferToThread(asker.ask, "/healthz")
    address = spell(shown.balanced.service.hosts[0])
    assert (reply.code, reply.body.decode()) == (503, f"{address}: too many open files\n")
    assert (await deferToThread(asker.ask, "/healthz")).code == 200


def test_kernel() -> None:
    """Whether a port's socket listens is the kernel's word: one that never did, was shut or was closed does not."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert not isListening(_Port(sock))
        sock.listen()
        assert isListening(_Port(sock))
        sock.shutdown(socket.SHUT_RD)
        assert not isListening(_Port(sock))
    assert not isListening(_Port(sock))
    assert not isListening(None)


def test_noSocket() -> None:
    """A port that has no socket of its own is taken at its word."""
    assert isListening(object())
