"""Refuses settings that make no sense, at the moment when they are given and not when they are first used."""

from __future__ import annotations


def checkAtLeast(least: float, **settings: float) -> None:
    """
    @param settings: by name.
    @raise ValueError: when one of them is less than C{least}, or no number.
    """
    for name, value in settings.items():
        if not (isinstance(value, (int, float)) and value >= least):
            raise ValueError(f"{name} is {value!r}; expected: a number, {least} or more")
