"""Fixtures of the tests of the status endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_twisted

from tests.integration.bench import ENGINES, Bench
from tests.integration.status.shown import Shown

Show = Callable[..., Awaitable[Shown]]


@pytest.fixture
def engine() -> str:
    """One will do: what is shown does not depend on it."""
    return [*ENGINES][-1]


@pytest_twisted.async_yield_fixture
async def show(bench: Bench) -> AsyncIterator[Show]:
    """Starts status endpoints, and ends them with the test."""
    started = []

    async def start(*arguments: object, **options: object) -> Shown:
        started.append(await Shown.start(bench, *arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for each in started:
        await each.stop()
