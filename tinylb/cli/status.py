"""C{tinylb status}: the live state of a running tinylb."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from typing import Any

from tinylb.cli.client import StatusClient, Where
from tinylb.cli.doubts import shared
from tinylb.cli.failure import FINE, NOT_ALL_WELL
from tinylb.cli.screen import PAINTS, Paint, Screen
from tinylb.cli.table import Column, Table, wrapped
from tinylb.cli.units import age, brief, exact, numeral, rate, size, yes
from tinylb.wording import counted

_SIZE = 7  # 1.00 kB
_BEGINNING = (
    Column("ID", "id"),
    Column("TARGET", "target"),
    Column("STATE", "state", paint=PAINTS.get),
    Column("SINCE", "since", age, least=5, dull=""),
    Column("TIER", "tier", isNumber=True, dull="0"),
    Column("WEIGHT", "weight", isNumber=True, dull="1"),
    Column("STANDBY", "standby", yes, dull=""),
    Column("PROXY", "proxyProtocol", brief, dull=""),
    Column("OPEN", "connections", isNumber=True),
    Column("OPENED", "opened", isNumber=True),
    Column("FAILED", "failed", isNumber=True),
    Column("IN", "bytesIn", size, isNumber=True, least=_SIZE),
    Column("OUT", "bytesOut", size, isNumber=True, least=_SIZE),
)
_RATES = (
    Column("OPENED/S", "openedRate", rate, isNumber=True),
    Column("IN/S", "inRate", size, isNumber=True, least=_SIZE),
    Column("OUT/S", "outRate", size, isNumber=True, least=_SIZE),
)
_WHY = Column("WHY", "why", brief, dull="")
# Columns on what new clients meet outlast those on past traffic: people look for them when something is wrong.
_SACRIFICES = (
    ("WHY", 40),
    ("IN OUT", 0),
    ("WEIGHT", 0),
    ("TIER", 0),
    ("STANDBY", 0),
    ("PROXY", 0),
    ("WHY", 24),
    ("IN/S OUT/S", 0),
    ("TARGET", 21),
    ("SINCE", 0),
    ("ID", 16),
    ("FAILED", 0),
    ("OPENED", 0),
    ("OPENED/S", 0),
    ("TARGET", 0),
    ("ID", 8),
    ("WHY", 8),
)
_NOBODY = "The set is empty: clients are closed at once."
STATES = Table((*_BEGINNING, _WHY), _SACRIFICES, wraps=True, nobody=_NOBODY)
STATES_AND_RATES = Table((*_BEGINNING, *_RATES, _WHY), _SACRIFICES, nobody=_NOBODY)


def status(url: str, *, watches: bool, timeout: float, asJSON: bool) -> int:
    """
    Show the state once, or again and again.

    @return: the exit status.
    """
    client = StatusClient(Where.parse(url), timeout)
    screen = Screen.of()
    if watches:
        from tinylb.cli.watch import watch

        # SIGTERM then ends the watch like Ctrl-C, which restores the screen.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return watch(client, screen, asJSON=asJSON)
    state = client.state()
    if asJSON:
        screen.write(json.dumps(state, indent=2 if screen.isTerminal else None) + "\n")
    else:
        rows = state["backends"]
        if screen.isTerminal and len(rows) > screen.size[1]:
            # Only the last rows stay in view, so backends in trouble go there.
            rows = sorted(rows, key=lambda each: each.get("state") != "ready")
        lines = [*headlines(state, screen), *STATES.lines(rows, screen)]
        screen.write("".join(f"{line}\n" for line in lines))
    return FINE if state.get("ready") is True and not _deaf(state) else NOT_ALL_WELL


def headlines(state: Mapping[str, Any], screen: Screen, unservedRate: float | None = None) -> list[str]:
    """
    A summary of the state; for programs it is one line that does not look like a row of the table.

    @param unservedRate: how many clients a second are not served at present, if that is known.
    """
    provider = state.get("provider")
    provider = provider if isinstance(provider, dict) else {}
    deaf = _deaf(state)
    isReady = state.get("ready") is True and not deaf
    ready = sum(1 for each in state["backends"] if each.get("state") == "ready")
    told = [
        f"{'ready' if isReady else 'NOT READY'}: {ready} of {counted(len(state['backends']), 'backend')} ready",
        f"set {exact(state.get('revision'))}",
        f"{exact(state.get('connections'))} open",
        f"{exact(state.get('dialing'))} dialing",
    ]
    if isReady and state["backends"] and not ready:
        told.insert(1, "all are tried")  # clients may be served, or all of them refused
    unserved = _unserved(unservedOf(state), unservedRate)
    doubts = shared((each.get("id"), each.get("target")) for each in state["backends"])
    error = provider.get("error")
    if not screen.isTerminal:
        told += [unserved] if unserved else []
        told += [*deaf, *doubts]
        told += [f"{key} {exact(provider[key])}" for key in ("source", "changed", "error") if provider.get(key)]
        return ["# " + "; ".join(told)]
    lines = [("; ".join(told), (Paint.GOOD if ready else Paint.DOUBTFUL) if isReady else Paint.BAD)]
    lines += [(each, Paint.BAD) for each in deaf]
    if provider.get("source"):
        changed = f", changed {age(provider['changed'])} ago" if provider.get("changed") else ""
        lines.append((exact(provider["source"]) + changed, Paint.FAINT))
    if unserved:
        lines.append((unserved, Paint.BAD if unservedRate else Paint.DOUBTFUL))
    lines += [(each, Paint.DOUBTFUL) for each in doubts]
    if error:
        lines.append((f"error: {exact(error)}", Paint.BAD))
    return [screen.painted(line, paint) for text, paint in lines for line in wrapped(text, screen.size[0])] + [""]


def _deaf(state: Mapping[str, Any]) -> list[str]:
    """Which listeners take no clients, and why."""
    listening = state.get("listening")
    known = [each for each in listening if isinstance(each, dict)] if isinstance(listening, list) else []
    return [f"{exact(each.get('address'))}: {exact(each['why'])}" for each in known if each.get("why")]


def unservedOf(state: Mapping[str, Any]) -> dict[str, int]:
    """How many clients got no backend since the start, by close reason."""
    counts = state.get("unserved")
    if not isinstance(counts, dict):
        return {}
    return {exact(reason): int(number) for reason, each in counts.items() if (number := numeral(each))}


def _unserved(counts: Mapping[str, int], now: float | None) -> str:
    if not counts:
        return ""
    causes = ", ".join(f"{reason} {count}" for reason, count in counts.items())
    told = f"{counted(sum(counts.values()), 'client')} not served since the start"
    return f"{told}, {rate(now)}/s now: {causes}" if now else f"{told}: {causes}"
