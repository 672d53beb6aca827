"""Fixtures of the tests of the live page, which are skipped where there is no browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.program.browser import CHROMIUM, Browser
from tests.program.page.visit import Visit
from tests.program.stage import Stage


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests, as it takes a while to start."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with Browser() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, stage: Stage) -> Iterator[Visit]:
    """Live pages."""
    with closing(Visit(browser, stage)) as visit:
        yield visit
