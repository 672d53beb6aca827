"""The command line's options."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks import peers, works
from benchmarks.peers import Peer
from benchmarks.works import Work

T = TypeVar("T", Peer, Work)

ROUNDS, SECONDS = 5, 2
QUICK_ROUNDS, QUICK_SECONDS = 3, 1


@dataclass(frozen=True)
class Options:
    """
    What is asked for.

    @ivar seconds: the length of each measurement that runs for a fixed time.
    @ivar read: results to show, instead of measuring any.
    @ivar json: where to write results.
    @ivar svg: where to draw them.
    @ivar markdown: where to write tables of them.
    """

    works: Sequence[Work]
    peers: Sequence[Peer]
    rounds: int
    seconds: int
    read: Path | None
    json: Path | None
    svg: Path | None
    markdown: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Options that are not given are those of a full run, or of a quick one. Wrong usage ends the process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="tinylb beside other proxies")
    parser.add_argument("--quick", action="store_true", help="the main works and peers only, in less than two minutes")
    parser.add_argument("--works", metavar="NAME,…", help=_names(works.ALL))
    parser.add_argument("--peers", metavar="NAME,…", help=_names(peers.ALL))
    parser.add_argument("--rounds", type=int, metavar="N", help=f"{ROUNDS}, or {QUICK_ROUNDS} with --quick")
    seconds = f"of each measurement; {SECONDS}, or {QUICK_SECONDS} with --quick"
    parser.add_argument("--seconds", type=int, metavar="N", help=seconds)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the main figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write tables")
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing, but show what --json wrote")
    given = parser.parse_args(arguments)
    try:
        return Options(
            works=choose(works.ALL, given.works, works.QUICK if given.quick else None),
            peers=choose(peers.ALL, given.peers, peers.QUICK if given.quick else None),
            rounds=given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS),
            seconds=given.seconds or (QUICK_SECONDS if given.quick else SECONDS),
            read=given.read,
            json=given.json,
            svg=given.svg,
            markdown=given.markdown,
        )
    except LookupError as error:
        parser.error(str(error.args[0]))


def choose(known: Sequence[T], given: str | None, default: Sequence[str] | None = None) -> Sequence[T]:
    """
    The ones that are named in C{given}, separated by commas; or the default, or all. In the order of C{known}.

    @raise LookupError: when none has a given name.
    """
    wanted = default if given is None else given.split(",")
    if wanted is None:
        return known
    for name in wanted:
        if all(name != each.name for each in known):
            raise LookupError(f"there is no {name!r}, but there are {_names(known)}")
    return [each for each in known if each.name in wanted]


def _names(known: Sequence[T]) -> str:
    return ", ".join(each.name for each in known)
