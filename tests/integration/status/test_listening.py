"""Health that covers the listeners themselves."""

from __future__ import annotations

import os
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, UNIXServerEndpoint
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench
from tests.integration.sockets import reactor
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


@pytest_twisted.ensureDeferred
async def test_file(bench: Bench, show: Show, tmp_path: Path) -> None:
    """The file of a UNIX socket that is gone leads nobody here, though the socket listens; nor does another file."""
    path = tmp_path / "listen"
    balanced = await bench.balance(endpoint=UNIXServerEndpoint(reactor, str(path)))
    assert balanced.service.listening()[0]["why"] is None
    path.rename(tmp_path / "elsewhere")
    gone = {"address": f"unix:{path}", "accepting": False, "why": "its file is gone"}
    assert balanced.service.listening() == [gone]
    path.touch()
    assert balanced.service.listening() == [gone]
    (tmp_path / "elsewhere").rename(path)
    assert balanced.service.listening()[0]["accepting"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract sockets")
@pytest_twisted.ensureDeferred
async def test_noFile(bench: Bench, tmp_path: Path) -> None:
    """A UNIX socket without a file has none to miss: an abstract one, or one handed over whose file is out of sight."""
    unseen = tmp_path / "unseen"
    for name in (f"\0{tmp_path}", str(unseen)):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(name)
            sock.listen()
            unseen.unlink(missing_ok=True)
            endpoint = AdoptedStreamServerEndpoint(reactor, os.dup(sock.fileno()), sock.family)
            balanced = await bench.balance(endpoint=endpoint)
            assert balanced.service.listening()[0]["accepting"]


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
