"""Refuses settings that make no sense, at the moment when they are given and not when they are first used."""

from __future__ import annotations


def checkAtLeast(least: float, **settings: float | None) -> None:
    """
    @param settings: by name; L{None} is not looked at.
    @raise ValueError: when one of them is less than C{least}, or no number that can be compared.
    """
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} is {value!r}; expected: {least} or more")
