"""Tables: aligned and as wide as the terminal for people, separated by tabs for programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinylb.cli.screen import Paint, Screen
from tinylb.cli.units import exact

GAP = "  "

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """
    @ivar title: one word.
    @ivar key: the key of the value in a row.
    @ivar human: formats the value for people.
    @ivar isNumber: whether it is aligned to the right.
    @ivar least: its least width in characters, so that columns do not jump when the table is drawn again.
    @ivar dull: people are not shown the column if all rows have this text.
    @ivar paint: gives the colour of a text.
    @ivar program: formats the value for programs.
    """

    title: str
    key: str
    human: Callable[[object], str] = exact
    isNumber: bool = False
    least: int = 0
    dull: str | None = None
    paint: Callable[[str], Paint | None] | None = None
    program: Callable[[object], str] = exact


@dataclass(frozen=True)
class Table:
    """
    @ivar sacrifices: which columns give way, in this order, until the table fits the terminal: a column is narrowed
        to so many characters, but no further than necessary, or removed (0). Titles in one string give way together.
    @ivar wraps: whether the text of the last column is wrapped where it would be cut.
    @ivar nobody: what people are told in place of a table that has no rows.
    """

    columns: Sequence[Column]
    sacrifices: Sequence[tuple[str, int]] = ()
    wraps: bool = False
    nobody: str = ""

    def lines(self, rows: Sequence[Row], screen: Screen) -> list[str]:
        """The lines of the table, its titles first, and last which columns were removed, if any."""
        return self._aligned(rows, screen) if screen.isTerminal else self._separated(rows)

    def _separated(self, rows: Sequence[Row]) -> list[str]:
        titles = "\t".join(column.title for column in self.columns)
        return [titles, *("\t".join(column.program(row.get(column.key)) for column in self.columns) for row in rows)]

    def _aligned(self, rows: Sequence[Row], screen: Screen) -> list[str]:
        if self.nobody and not rows:
            return wrapped(self.nobody, screen.size[0])
        columns, cells = [], []
        for column in self.columns:
            texts = [column.human(row.get(column.key)) for row in rows]
            if column.dull is None or any(text != column.dull for text in texts):
                columns.append(column)
                cells.append(texts)
        widths = [
            max(column.least, *map(width, [column.title, *texts])) for column, texts in zip(columns, cells, strict=True)
        ]
        self._squeeze(columns, widths, screen.size[0])
        lines = [_line(screen, columns, widths, [column.title for column in columns], Paint.TITLE)]
        for row in zip(*cells, strict=True):
            lines += [_line(screen, columns, widths, part) for part in self._parts(row, widths)]
        gone = ", ".join(column.title for column, width in zip(columns, widths, strict=True) if not width)
        told = wrapped(f"no room for {gone}; a wider terminal or a pipe has all", screen.size[0]) if gone else []
        return lines + [screen.painted(line, Paint.FAINT) for line in told]

    def _parts(self, row: Sequence[str], widths: Sequence[int]) -> list[Sequence[str]]:
        """A row as lines: several if its last column is wrapped."""
        last = _last(widths)
        if not self.wraps or width(row[last]) <= widths[last]:
            return [row]
        first, *others = wrapped(row[last], widths[last])
        return [[*row[:last], first, *row[last + 1 :]], *([*[""] * last, each, *row[last + 1 :]] for each in others)]

    def _squeeze(self, columns: Sequence[Column], widths: list[int], room: int) -> None:
        numbers = {column.title: number for number, column in enumerate(columns)}
        wanted = [*widths]
        for titles, least in self.sacrifices:
            if _total(widths) > room:
                for title in titles.split():
                    number = numbers.get(title)
                    if number is not None:
                        widths[number] = min(widths[number], least)
        # The last steps may have taken more than necessary: widen again as far as there is room.
        for number, each in enumerate(widths):
            if each:
                widths[number] = min(wanted[number], each + max(0, room - _total(widths)))


def _total(widths: Sequence[int]) -> int:
    return sum(each + len(GAP) for each in widths if each) - len(GAP)


def _last(widths: Sequence[int]) -> int:
    return max((number for number, each in enumerate(widths) if each), default=0)


def _line(
    screen: Screen, columns: Sequence[Column], widths: Sequence[int], texts: Sequence[str], paint: Paint | None = None
) -> str:
    """One line. The last column is not padded, for the sake of people who copy it."""
    parts: list[str] = []
    room = screen.size[0]
    last = _last(widths)
    for number, (column, most, text) in enumerate(zip(columns, widths, texts, strict=True)):
        if not most or room <= 0:
            continue
        most = min(most, room)
        shown = cut(text, most)
        space = " " * (most - width(shown))
        room -= most + len(GAP)
        colour = paint or (column.paint(text) if column.paint else None)
        shown = screen.painted(shown, colour)
        parts.append(space + shown if column.isNumber else shown if number == last else shown + space)
    return GAP.join(parts).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, most: int) -> str:
    """A text cut to so many columns of a terminal, with an ellipsis if it is longer."""
    if width(text) <= most:
        return text
    kept, room = [], most - 1
    for each in text:
        room -= _columns(each)
        if room < 0:
            break
        kept.append(each)
    return "".join(kept) + "…"


def wrapped(text: str, room: int) -> list[str]:
    """A text as lines of at most so many columns. A longer word is cut."""
    lines: list[str] = []
    for word in text.split():
        if lines and width(lines[-1]) + 1 + width(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(cut(word, room))
    return lines


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
