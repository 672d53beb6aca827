"""C{tinylb explain}: what a running tinylb decided lately, and why."""

from __future__ import annotations

import json

from tinylb.cli.client import StatusClient, Where
from tinylb.cli.failure import FINE
from tinylb.cli.screen import PAINTS, Paint, Screen
from tinylb.cli.table import Column, Table
from tinylb.cli.units import clock
from tinylb.wording import counted

_PAINTS = {**PAINTS, "removed": Paint.BAD, "target removed": Paint.BAD, "passed over": Paint.FAINT}
_COLUMNS = (
    Column("TIME", "time", clock),
    Column("BACKEND", "backend"),
    Column("TARGET", "target"),
    Column("WHAT", "what", paint=_PAINTS.get),
    Column("WHY", "why"),
)
DECISIONS = Table(
    _COLUMNS, (("WHY", 40), ("TARGET", 21), ("WHY", 20), ("BACKEND", 12), ("TIME", 8), ("TARGET", 0), ("WHY", 8))
)


def explain(url: str, *, latest: int | None, timeout: float, asJSON: bool) -> int:
    """
    Show the latest decisions.

    @param latest: so many; by default as many as fit on the screen, or all.
    @return: the exit status.
    """
    decisions = StatusClient(Where.parse(url), timeout).decisions()
    screen = Screen.of()
    most = latest
    if latest is None and screen.isTerminal and not asJSON:
        # Titles, what was left out, and the prompt.
        most = max(1, screen.size[1] - 3)
    shown = decisions[:most]
    if asJSON:
        screen.write(json.dumps(shown, indent=2 if screen.isTerminal else None) + "\n")
        return FINE
    lines = DECISIONS.lines(shown, screen)
    if screen.isTerminal and not decisions:
        lines = ["Nothing was decided yet."]
    elif screen.isTerminal and len(shown) < len(decisions):
        left = len(decisions) - len(shown)
        lines.append(screen.painted(f"and {counted(left, 'earlier one')}; -n {len(decisions)} shows all", Paint.FAINT))
    screen.write("".join(f"{line}\n" for line in lines))
    return FINE
