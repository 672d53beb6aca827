"""Parses the values of options, reports wrong usage, and tells the version."""

from __future__ import annotations

import math
import re

from tinylb.wording import spelledOut


def wrongUsage(line: str) -> SystemExit:
    """
    An exception that ends the program with C{line} on standard error and status 1. Twisted's own
    C{UsageError} would print the whole help, and C{twist} would exit with 64.
    """
    return SystemExit(f"tinylb: {spelledOut(line)}")


def seconds(name: str, text: str, least: float) -> float:
    """The value of an option that is a time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (least <= value < math.inf):
        raise wrongUsage(f"--{name} {text}: expected a number of seconds from {least:g}, for example --{name} 10")
    return value


def count(name: str, text: str, example: int = 1000) -> int:
    """The value of an option that counts something."""
    if not re.fullmatch("[0-9]{1,18}", text) or int(text) < 1:
        raise wrongUsage(f"--{name} {text}: expected a whole number from 1, for example --{name} {example}")
    return int(text)


def installedVersion() -> str:
    """The version of tinylb; wrong usage ends the program where it runs without being installed."""
    # Imported here, as that takes time.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tinylb")
    except PackageNotFoundError:
        raise wrongUsage("this tinylb is not installed, so its version is not known") from None


def oneLine(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
