"""Fixtures of the tests on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_twisted
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import provider

from tests.integration.bench import ENGINES, Bench


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine of the relay in turn."""
    name: str = request.param
    return name


@pytest_twisted.async_yield_fixture
async def bench(engine: str) -> AsyncIterator[Bench]:
    """Balancers and sockets for one test."""
    bench = Bench(ENGINES[engine])
    yield bench
    await bench.close()


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
