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
    @ivar key: what of a row it shows.
    @ivar human: how people read that.
    @ivar isNumber: whether it stands at the right.
    @ivar least: characters that it is wide at the least, so that a picture that is drawn again does not jump.
    @ivar dull: of no interest to people if all rows have this.
    @ivar paint: the colour of a text.
    """

    title: str
    key: str
    human: Callable[[object], str] = exact
    isNumber: bool = False
    least: int = 0
    dull: str | None = None
    paint: Callable[[str], Paint | None] | None = None


@dataclass(frozen=True)
class Table:
    """
    @ivar sacrifices: what becomes of which column, in this order, until it all fits a terminal: it is cut down to so
        many characters, but not further than need be, or it goes (0). Those that stand together go together.
    @ivar wraps: whether the last column goes on below itself where it would be cut.
    @ivar nobody: what people are told in place of a table that has no rows.
    """

    columns: Sequence[Column]
    sacrifices: Sequence[tuple[str, int]] = ()
    wraps: bool = False
    nobody: str = ""

    def lines(self, rows: Sequence[Row], screen: Screen) -> list[str]:
        """The lines of the table, its titles first; and below, which columns have gone, if any."""
        return self._aligned(rows, screen) if screen.isTerminal else self._separated(rows)

    def _separated(self, rows: Sequence[Row]) -> list[str]:
        titles = "\t".join(column.title for column in self.columns)
        return [titles, *("\t".join(exact(row.get(column.key)) for column in self.columns) for row in rows)]

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
        """A row as its lines."""
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
        # That may have been more than was needed.
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
    """The last column is not filled up: nobody sees that, but who copies it."""
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
    """As much of a text as goes into so many columns, with a sign that there is more."""
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
    """A text in lines that take so many columns at the most. A word that takes more is cut."""
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
