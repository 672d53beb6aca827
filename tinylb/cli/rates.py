"""Rates per second, from two successive states of a running tinylb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinylb.cli.units import exact, numeral


def withRates(
    backends: Sequence[Mapping[str, Any]], former: Sequence[Mapping[str, Any]], seconds: float
) -> list[dict[str, Any]]:
    """The backends with their rates per second, as far as they are among C{former}, the backends C{seconds} before."""
    before = {(exact(each.get("id")), exact(each.get("target"))): each for each in former}
    found = []
    for each in backends:
        past = before.get((exact(each.get("id")), exact(each.get("target"))), {})
        rates = {
            name: growth(each.get(key), past.get(key), seconds)
            for name, key in (("openedRate", "opened"), ("inRate", "bytesIn"), ("outRate", "bytesOut"))
        }
        found.append({**each, **rates})
    return found


def growth(now: object, before: object, seconds: float) -> float | None:
    """How much a counter grew per second; L{None} if that is unknown. Counters start again with the program."""
    new, old = numeral(now), numeral(before)
    return None if new is None or old is None or new < old or seconds <= 0 else (new - old) / seconds
