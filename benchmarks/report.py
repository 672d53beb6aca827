"""The report on a run: in a terminal, and as a page of Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import tables
from benchmarks.results import Results


def show(results: Results) -> None:
    """Print the report on standard output."""
    print("\n".join(_circumstances(results)))
    for title, table in _all(results):
        if len(table) > 1:
            print(f"\n{title}\n{tables.text(table)}")


def writePage(results: Results, path: Path) -> None:
    """Write the report as Markdown."""
    lines = ("- " + "; ".join(map(str.strip, line.splitlines())) for line in _circumstances(results))
    blocks = ["# The last full run", "\n".join(lines)]
    for title, table in [("The main figures", tables.brief(results)), *_all(results)]:
        if len(table) > 1:
            blocks += [f"## {title}", tables.markdown(table)]
    path.write_text("\n\n".join(blocks) + "\n")


def _all(results: Results) -> Iterator[tuple[str, tables.Table]]:
    yield "Figures, medians", tables.absolute(results)
    yield "tinylb's figure divided by that of the others, medians of the ratios inside a round", tables.ratios(results)
    yield "Targets", tables.targets(results)


def _circumstances(results: Results) -> Iterator[str]:
    about = results.about
    yield (
        f"{about['cpu']}, {about['cores']} cores, {about['memoryBytes'] / 2**30:.0f} GiB, "
        f"{about['system']} {about['kernel']}, Python {about['python']}"
    )
    yield ", ".join(results.versions)
    yield f"{about['begun']}, {about['rounds']} rounds, {about['seconds']} s for each measurement"
    yield from results.notes
