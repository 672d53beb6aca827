"""Results as tables."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.peers import ALL as PEERS
from benchmarks.results import SUBJECT, Results
from benchmarks.targets import TARGETS, Outcome
from benchmarks.works import ALL as WORKS
from benchmarks.works import Figure

Table = list[list[str]]
FIGURES: tuple[Figure, ...] = tuple(figure for work in WORKS for figure in work.figures)
# The figures for places with little room.
MAIN = ("bulk-4", "bulk-4-reverse", "small", "short", "latency-p50", "memory-2000")
TITLES = {peer.name: peer.title for peer in PEERS}


def figure(name: str) -> Figure:
    """The figure of that name."""
    return next(figure for figure in FIGURES if figure.name == name)


def figuresOf(results: Results) -> list[Figure]:
    """The figures that were measured."""
    return [figure for figure in FIGURES if any(figure.name in each.sample.figures for each in results.measurements)]


def peersOf(results: Results) -> list[str]:
    """The names of the peers that were measured."""
    there = {each.peer for each in results.measurements}
    return [name for name in TITLES if name in there]


def absolute(results: Results) -> Table:
    """Medians, each with its unit in the row's title."""
    peers = peersOf(results)
    rows = [["", *(TITLES[peer] for peer in peers)]]
    for figure in figuresOf(results):
        middles = (results.middle(figure.name, peer) for peer in peers)
        rows.append([f"{figure.title} ({figure.unit})", *map(_number, middles)])
    return rows


def ratios(results: Results) -> Table:
    """tinylb's figure divided by the peer's."""
    peers = [peer for peer in peersOf(results) if peer != SUBJECT]
    rows = [["", *(TITLES[peer] for peer in peers)]]
    for figure in figuresOf(results):
        row = [results.ratio(figure.name, SUBJECT, peer) for peer in peers]
        if any(ratio is not None for ratio in row):
            rows.append([figure.title, *("-" if ratio is None else f"{ratio:.2f}" for ratio in row)])
    return rows


def brief(results: Results) -> Table:
    """The main figures, a line for each peer."""
    names = [each.name for each in figuresOf(results) if each.name in MAIN]
    rows = [["", *(f"{figure(name).title}, {figure(name).unit}" for name in names)]]
    for peer in peersOf(results):
        rows.append([TITLES[peer], *(_number(results.middle(name, peer)) for name in names)])
    return rows


def targets(results: Results) -> Table:
    """Every target whose figure was measured, and whether it is met."""
    rows = [["", "at most", "reached", ""]]
    for outcome in (target.look(results) for target in TARGETS):
        if outcome.isMet is not None:
            rows.append(list(_outcome(outcome)))
    return rows


def text(table: Table) -> str:
    """A table as text for a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def markdown(table: Table) -> str:
    """A table as Markdown."""
    head, *rows = table
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _outcome(outcome: Outcome) -> Iterator[str]:
    target, reached = outcome
    assert reached is not None
    _, title, unit = figure(target.figure)
    if target.subject != SUBJECT:
        title = f"{title}, {TITLES[target.subject]}"
    if target.beside:
        best = "the best of " if len(target.beside) > 1 else ""
        yield f"{title}, beside {best}{', '.join(TITLES[peer] for peer in target.beside)}"
        yield f"{target.most:.2f} x"
        yield f"{reached:.2f} x"
    else:
        yield title
        yield f"{target.most:g} {unit}"
        yield f"{_number(reached)} {unit}"
    margin = reached / target.most - 1
    yield f"met, by {-margin:.0%}" if outcome.isMet else f"missed, by {margin:.0%}"


def _number(value: float | None) -> str:
    """A number with up to three digits, which is as precise as these measurements are."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
