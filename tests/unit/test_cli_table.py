"""Tables fit a terminal, and are the same for programs whatever the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.screens import Terminal, pipe
from tinylb.cli.screen import Paint
from tinylb.cli.table import Column, Table, cut, width, wrapped
from tinylb.cli.units import brief, size

PLAIN = Table((Column("ID", "id"), Column("OPEN", "open", isNumber=True), Column("WHY", "why", brief)))
ROWS: list[Mapping[str, Any]] = [
    {"id": "a", "open": 7, "why": "connection refused"},
    {"id": "longer", "open": 12345, "why": ""},
]


class AlignedTests(SynchronousTestCase):
    """On a terminal."""

    def test_aligned(self) -> None:
        """Texts begin below their titles and numbers end below them; nothing follows the last text of a line."""
        self.assertEqual(
            PLAIN.lines(ROWS, Terminal()),
            ["ID       OPEN  WHY", "a           7  connection refused", "longer  12345"],
        )

    def test_cut(self) -> None:
        """A column is given up in part where there is no room, with a sign, and no more of it than need be."""
        table = Table(PLAIN.columns, (("WHY", 8),))
        self.assertEqual(table.lines(ROWS, Terminal(28))[1], "a           7  connection r…")
        self.assertEqual(table.lines(ROWS, Terminal(23))[1], "a           7  connect…")

    def test_sacrificed(self) -> None:
        """Columns go in the order that the table names, and only as many as it takes."""
        table = Table(PLAIN.columns, (("OPEN", 0), ("WHY", 0)))
        self.assertEqual(table.lines(ROWS, Terminal(33)), PLAIN.lines(ROWS, Terminal()))
        self.assertEqual(table.lines(ROWS, Terminal(32))[0], "ID      WHY")
        self.assertEqual(table.lines(ROWS, Terminal(20))[:3], ["ID", "a", "longer"])

    def test_told(self) -> None:
        """Which columns have gone is told below, and where they are to be seen; also that fits."""
        table = Table(PLAIN.columns, (("OPEN", 0), ("WHY", 0)))
        told = "no room for OPEN; a wider terminal or a pipe has all"
        self.assertEqual(" ".join(table.lines(ROWS, Terminal(32))[3:]), told)
        self.assertEqual(" ".join(table.lines(ROWS, Terminal(20))[3:]), told.replace("OPEN", "OPEN, WHY"))
        self.assertTrue(all(len(line) <= 20 for line in table.lines(ROWS, Terminal(20))))

    def test_givenBack(self) -> None:
        """The room that a column leaves is given to those that were cut before."""
        table = Table(PLAIN.columns, (("WHY", 8), ("OPEN", 0)))
        self.assertEqual(table.lines(ROWS, Terminal(22))[:3], ["ID      WHY", "a       connection re…", "longer"])

    def test_lastWraps(self) -> None:
        """Where a table says so, the last text goes on below itself, whole, and in its colour."""
        columns = (*PLAIN.columns[:2], Column("WHY", "why", brief, paint={"connection": Paint.BAD}.get))
        table = Table(columns, (("WHY", 10),), wraps=True)
        lines = ["ID       OPEN  WHY", "a           7  connection", "               refused", "longer  12345"]
        self.assertEqual(table.lines(ROWS, Terminal(26)), lines)
        self.assertEqual(table.lines(ROWS, Terminal(80)), PLAIN.lines(ROWS, Terminal()))
        coloured = table.lines(ROWS, Terminal(26, hasColours=True))
        self.assertEqual(coloured[1:3], ["a           7  \x1b[31mconnection\x1b[0m", lines[2]])

    def test_everyWidth(self) -> None:
        """However narrow it is, no line is wider than the terminal."""
        for columns in range(1, 60):
            for line in PLAIN.lines(ROWS, Terminal(columns)):
                self.assertLessEqual(width(line), columns)

    def test_dull(self) -> None:
        """A column in which all rows say the same nothing is left out; not if one of them says something."""
        table = Table((Column("ID", "id"), Column("TIER", "tier", dull="0")))
        self.assertEqual(table.lines([{"id": "a", "tier": 0}], Terminal()), ["ID", "a"])
        rows = [{"id": "a", "tier": 0}, {"id": "b", "tier": 1}]
        self.assertEqual(table.lines(rows, Terminal()), ["ID  TIER", "a   0", "b   1"])

    def test_least(self) -> None:
        """A column is at least as wide as it says, so that numbers that grow do not move the others."""
        table = Table((Column("IN", "in", size, isNumber=True, least=7), Column("ID", "id")))
        self.assertEqual(table.lines([{"in": 1, "id": "a"}], Terminal()), ["     IN  ID", "    1 B  a"])

    def test_wide(self) -> None:
        """What takes two columns of a terminal is counted as two, and what takes none as none."""
        self.assertEqual(PLAIN.lines([{"id": "日本", "open": 1}], Terminal())[1], "日本     1")
        self.assertEqual(PLAIN.lines([{"id": "e\u0301", "open": 1}], Terminal())[1], "e\u0301      1")

    def test_painted(self) -> None:
        """A colour does not move anything, and it is there only where the screen has colours."""
        table = Table((Column("STATE", "state", paint={"dead": Paint.BAD}.get), Column("ID", "id")))
        rows = [{"state": "dead", "id": "a"}, {"state": "other", "id": "b"}]
        self.assertEqual(table.lines(rows, Terminal())[1:], ["dead   a", "other  b"])
        self.assertEqual(table.lines(rows, Terminal(hasColours=True))[1:], ["\x1b[31mdead\x1b[0m   a", "other  b"])

    def test_hostile(self) -> None:
        """Whatever an id holds, it does not get to steer the terminal, nor to begin a line."""
        text = "\n".join(PLAIN.lines([{"id": "a\x1b[2J\nb\u202e\x9b", "open": "\x07", "why": "\r"}], Terminal()))
        self.assertTrue(all(each.isprintable() for each in text.split("\n")), ascii(text))
        self.assertEqual(text.count("\n"), 1)


class SeparatedTests(SynchronousTestCase):
    """Into a pipe."""

    def test_tabs(self) -> None:
        """One line a row, tabs between the columns, each of them there; numbers are exact."""
        table = Table((*PLAIN.columns, Column("IN", "in", size, isNumber=True), Column("TIER", "tier", dull="0")))
        rows = [{"id": "a b", "open": 7, "why": None, "in": 1234567, "tier": 0}]
        self.assertEqual(table.lines(rows, pipe()), ["ID\tOPEN\tWHY\tIN\tTIER", "a b\t7\t-\t1234567\t0"])

    def test_strange(self) -> None:
        """What is missing, empty, or no text at all does not shift the columns."""
        rows: list[Mapping[str, Any]] = [{"id": "a\tb\nc", "open": "", "why": {"x": 1}}, {}, {"id": True, "open": 0.5}]
        self.assertEqual(PLAIN.lines(rows, pipe())[1:], ["a b c\t-\t{'x': 1}", "-\t-\t-", "yes\t0.500\t-"])

    def test_notCut(self) -> None:
        """Long texts stay as they are."""
        self.assertEqual(PLAIN.lines([{"id": "x" * 500}], pipe())[1], "x" * 500 + "\t-\t-")


class TextTests(SynchronousTestCase):
    """See L{cut} and L{wrapped}."""

    def test_cut(self) -> None:
        """What fits stays; half of a wide character is none."""
        self.assertEqual([cut("abcd", most) for most in (5, 4, 3, 1)], ["abcd", "abcd", "ab…", "…"])
        self.assertEqual(cut("日本語", 4), "日…")

    def test_wrapped(self) -> None:
        """Lines end between words; a word that is too long for a line is cut."""
        self.assertEqual(wrapped("one two three four", 9), ["one two", "three", "four"])
        self.assertEqual(wrapped("a unpronounceable b", 6), ["a", "unpro…", "b"])
        self.assertEqual(wrapped("", 9), [])
