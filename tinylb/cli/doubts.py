"""Finds what is valid in a set of backends, but most likely not intended."""

from __future__ import annotations

from collections.abc import Iterable

from tinylb.cli.units import exact
from tinylb.wording import counted

FEW = 5
"""How many ids, and how many targets, are named at the most."""


def shared(backends: Iterable[tuple[object, object]]) -> list[str]:
    """
    Which ids lead to the same target.

    @param backends: the id and the target of each.
    """
    ids: dict[str, list[str]] = {}
    for id, target in backends:
        ids.setdefault(exact(target), []).append(exact(id))
    several = {target: each for target, each in ids.items() if len(each) > 1}
    told = [f"{_some(each)} lead to the same target, {target}" for target, each in [*several.items()][:FEW]]
    more = len(several) - len(told)
    return [*told, f"{counted(more, 'more target')} with several ids"] if more else told


def _some(ids: list[str]) -> str:
    return ", ".join([*ids[:FEW], f"and {len(ids) - FEW} more"] if len(ids) > FEW else ids)
