"""C{tinylb explain}: what a running tinylb decided lately, and why."""

from __future__ import annotations

import json
from typing import Any

from tinylb.cli.client import StatusClient, Where
from tinylb.cli.failure import FINE
from tinylb.cli.screen import PAINTS, Paint, Screen
from tinylb.cli.table import Column, Table, wrapped
from tinylb.cli.units import clock

PRESENT = ("picked", "passed over")
"""The decisions that hold at present, in the order in which they are shown. All others are past."""

_PAINTS = {**PAINTS, "removed": Paint.BAD, "target removed": Paint.BAD, **dict.fromkeys(PRESENT, Paint.FAINT)}
_COLUMNS = (
    Column("TIME", "time", clock),
    Column("BACKEND", "backend"),
    Column("TARGET", "target"),
    Column("WHAT", "what", paint=_PAINTS.get),
    Column("WHY", "why"),
)
DECISIONS = Table(
    _COLUMNS,
    (("WHY", 32), ("TARGET", 0), ("BACKEND", 20), ("WHY", 20), ("TIME", 8), ("BACKEND", 12), ("WHY", 8)),
    wraps=True,
    nobody="Nothing was decided yet.",
)


def explain(url: str, *, latest: int | None, timeout: float, asJSON: bool) -> int:
    """
    Show which backends are picked and passed over at present, and the latest decisions.

    @param latest: how many of either; by default as many as fit on the screen, or all into a pipe.
    @return: the exit status.
    """
    decisions = StatusClient(Where.parse(url), timeout).decisions()
    screen = Screen.of()
    present = [each for what in PRESENT for each in decisions if each.get("what") == what]
    past = [each for each in decisions if each.get("what") not in PRESENT]
    all = max(len(present), len(past))
    if asJSON:
        shown = [*present[:latest], *past[:latest]]
        # In the order of the answer, which mixes both parts.
        document = [each for each in decisions if any(each is one for one in shown)]
        screen.write(json.dumps(document, indent=2 if screen.isTerminal else None) + "\n")
        return FINE
    lines = _lines(present, past, latest or all, screen)
    if latest is None and screen.isTerminal:
        most = screen.size[1] - 1  # one line is for the prompt
        count = min(all, most)
        while len(lines) > most and count > 0:
            lines = _lines(present, past, count, screen)
            count -= 1
    screen.write("".join(f"{line}\n" for line in lines))
    return FINE


def _lines(present: list[dict[str, Any]], past: list[dict[str, Any]], most: int, screen: Screen) -> list[str]:
    """At most C{most} of either, and how many more there are."""
    shown = [*present[:most], *past[:most]]
    lines = DECISIONS.lines(shown, screen)
    left = len(present) + len(past) - len(shown)
    if left and screen.isTerminal:
        told = wrapped(f"and {left} more; -n {max(len(present), len(past))} shows all", screen.size[0])
        lines += [screen.painted(line, Paint.FAINT) for line in told]
    return lines
