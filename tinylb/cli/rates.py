"""What has grown between two looks at a running tinylb, a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinylb.cli.units import exact, numeral


def withRates(
    backends: Sequence[Mapping[str, Any]], former: Sequence[Mapping[str, Any]], seconds: float
) -> list[dict[str, Any]]:
    """The backends with what they do in a second, as far as the same ones were there so many seconds before."""
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
    """Of a counter, a second; L{None} where nobody knows. Counters begin anew when the program does."""
    new, old = numeral(now), numeral(before)
    return None if new is None or old is None or new < old or seconds <= 0 else (new - old) / seconds
