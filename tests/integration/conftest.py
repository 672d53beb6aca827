"""Fixtures of the tests on real sockets."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from tests.integration.bench import ENGINES, Bench
from tests.integration.sockets import reactor
from tests.integration.talkers import WAYS, Way
from tests.integration.tls import makeCertificate
from tinylb.clock import monotonicClock, release
from tinylb.poller import pollerOf


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine of the relay in turn."""
    name: str = request.param
    return name


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    """Each way to a connection in turn."""
    yield WAYS[request.param]
    release(monotonicClock(reactor))
    poller = pollerOf(reactor)
    if poller is not None:
        poller.release()


@pytest_twisted.async_yield_fixture
async def bench(engine: str) -> AsyncIterator[Bench]:
    """Balancers and sockets for one test."""
    gc.collect()  # what a reactor's relays share is there as long as any balancer: the last test's is not to be ours
    bench = Bench(ENGINES[engine])
    yield bench
    await bench.close()


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that vouches for itself, in a folder of their own."""
    return makeCertificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines that tinylb writes during the test."""
    lines: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_namespace"].startswith("tinylb"):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
