"""C{tinylb check}: whether a backends file is valid, and whether its backends can be reached."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from twisted.python.failure import Failure

from tinylb.backends import BackendSet
from tinylb.cli.dialing import Finding, dialAll
from tinylb.cli.doubts import shared
from tinylb.cli.failure import FINE, NOT_ALL_WELL, CommandFailed
from tinylb.cli.screen import Paint, Screen
from tinylb.cli.table import Column, Table, wrapped
from tinylb.cli.units import brief, exact
from tinylb.clock import monotonicClock
from tinylb.files import LARGEST, Unreadable, contentOf, expecting
from tinylb.interfaces import IBackend
from tinylb.providers.backendsfile import InvalidBackends, parseBackends
from tinylb.providers.entries import backendOf
from tinylb.wording import counted

OK = "ok"


def _seconds(value: object) -> str:
    return f"{value * 1000:.1f} ms" if isinstance(value, float) else exact(value)


def _microseconds(value: object) -> str:
    return f"{value:.6f}" if isinstance(value, float) else exact(value)


def _paint(result: str) -> Paint:
    return Paint.GOOD if result == OK else Paint.BAD


_COLUMNS = (
    Column("ID", "id"),
    Column("TARGET", "target"),
    Column("TIER", "tier", isNumber=True),
    Column("WEIGHT", "weight", isNumber=True),
    Column("PROXY", "proxyProtocol", brief, dull=""),
)
_FOUND = (
    Column("TIME", "seconds", _seconds, isNumber=True, program=_microseconds),
    Column("RESULT", "result", paint=_paint),
)
_SACRIFICES = (
    ("RESULT", 24),
    ("WEIGHT", 0),
    ("TIER", 0),
    ("TARGET", 21),
    ("TIME", 0),
    ("ID", 12),
    ("TARGET", 0),
    ("RESULT", 8),
)
_NOBODY = "An empty set is valid: clients are closed at once."
BACKENDS = Table(_COLUMNS, _SACRIFICES, nobody=_NOBODY)
FINDINGS = Table((*_COLUMNS, *_FOUND), _SACRIFICES, wraps=True, nobody=_NOBODY)


def check(path: str, *, dials: bool, timeout: float, asJSON: bool) -> int:
    """
    Validate a backends file, and try to connect to its backends if C{dials}.

    @param path: C{-} for standard input.
    @param timeout: seconds for each backend.
    @return: the exit status.
    @raise CommandFailed: when the file is not valid.
    """
    screen = Screen.of()
    name = "standard input" if path == "-" else path
    try:
        backends = _read(path)
    except (Unreadable, InvalidBackends) as error:
        why = expecting(error, "a JSON file of backends") if isinstance(error, Unreadable) else str(error)
        if asJSON:
            screen.write(json.dumps({"file": name, "valid": False, "error": why}) + "\n")
        raise CommandFailed(f"{name}: {why}") from None
    findings = _dialled(backends.values(), timeout) if dials else None
    rows = _rows(backends, findings)
    reachable = sum(1 for each in rows if each.get("result") == OK)
    if asJSON:
        found = {} if findings is None else {"reachable": reachable}
        document = {"file": name, "valid": True, **found, "backends": rows}
        screen.write(json.dumps(document, indent=2 if screen.isTerminal else None) + "\n")
    else:
        told = counted(len(rows), "backend")
        told = told if findings is None else f"{reachable} of {told} reachable"
        headline = "; ".join([f"{name} is valid: {told}", *_doubts(backends)])
        table = BACKENDS if findings is None else FINDINGS
        screen.write("".join(f"{line}\n" for line in (*_head(headline, screen), *table.lines(rows, screen))))
    return FINE if findings is None or reachable == len(rows) else NOT_ALL_WELL


def _head(headline: str, screen: Screen) -> list[str]:
    return [*wrapped(exact(headline), screen.size[0]), ""] if screen.isTerminal else [f"# {exact(headline)}"]


def _doubts(backends: BackendSet) -> list[str]:
    """What is valid, but most likely not intended."""
    members = [(each.id, each.target) for each in backends.members]
    return shared(members) if members else ["no client can be served"]


def _read(path: str) -> BackendSet:
    from twisted.internet import reactor

    if path == "-" and sys.stdin is None:
        raise Unreadable("it is closed")
    content = sys.stdin.buffer.read(LARGEST + 1) if path == "-" else contentOf(path)
    if len(content) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST >> 20} MiB")
    return BackendSet({id: backendOf(reactor, entry) for id, entry in parseBackends(content).items()})


def _rows(backends: BackendSet, findings: list[Finding] | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {key: getattr(member, key) for key in ("id", "target", "tier", "weight", "proxyProtocol")}
        for member in backends.members
    ]
    for row, finding in zip(rows, findings or (), strict=False):
        row.update(seconds=finding.seconds, result=OK if finding.why is None else finding.why)
    return rows


def _dialled(backends: Iterable[IBackend], timeout: float) -> list[Finding]:
    """Try to connect to each backend. The reactor runs only for this."""
    from twisted.internet import reactor

    findings: list[Finding] = []
    failures: list[Failure] = []

    def found(all: list[Finding]) -> None:
        findings.extend(all)
        reactor.stop()

    def begin() -> None:
        trying = dialAll(monotonicClock(reactor), backends, timeout)
        # A signal stops the reactor, too. Tries that it cancels are no findings.
        reactor.addSystemEventTrigger("before", "shutdown", trying.cancel)
        trying.addCallbacks(found, failures.append)

    reactor.callWhenRunning(begin)
    reactor.run()
    if failures:
        raise KeyboardInterrupt
    return findings
