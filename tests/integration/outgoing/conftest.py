"""Fixtures of the tests of balanced endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_twisted

from tests.integration.outgoing.bench import EndpointBench


@pytest_twisted.async_yield_fixture
async def ends() -> AsyncIterator[EndpointBench]:
    """Endpoints and servers for one test."""
    ends = EndpointBench()
    yield ends
    await ends.close()
