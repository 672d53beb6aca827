"""Fixtures of the tests of the whole program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program.stage import RUNNERS, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Programs, servers and clients for one test."""
    stage = Stage(tmp_path)
    yield stage
    stage.close()


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> str:
    """Each of Twisted's two ways to run a plugin, in turn."""
    name: str = request.param
    return name
