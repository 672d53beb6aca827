"""What is deployed, and the options that it gives to tinylb."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tinylb.tap import Options

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

GRACE = 5.0
"""Seconds that a stop needs beside --drain."""


def version() -> str:
    """Of tinylb, as pyproject.toml has it."""
    found = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    return found[1]


def optionsOf(arguments: Sequence[str]) -> Options:
    """What tinylb makes of a command line; it ends the test when it does not understand it."""
    options = Options()
    options.parseOptions(arguments)
    return options
