"""The documents as tests read them: their tables, code blocks, links, and notes to the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r" *```([\w-]*)")
_NOTE = re.compile(r"<!-- test: (.+) -->")
_LINK = re.compile(r"(?:\]\(|src=\"|srcset=\")([^)\"\s]+)[)\"]")
_CELL = re.compile(r"(?<!\\)\|")
_HEADING = re.compile(r"#+ (.+)")

_PROGRAMS = (
    "tinylb|twistd?|pip|python3?|make|curl|systemctl|systemd-analyze|journalctl|kubectl|podman|ss|ip|sysctl|ulimit"
)
COMMAND = re.compile(rf"({_PROGRAMS}) \S")
"""What begins like this, in code within prose, is a command."""

_NAME = re.compile(r"\b[A-Z]{2,}\b|^(tinylb (run|check)|systemctl \w+|podman \w+|twistd?( -n)? tinylb)$")


@dataclass(frozen=True)
class Part:
    """
    A part of a document that tests use.

    @ivar kind: the language of a code block; C{note} for a comment that is meant for the test.
    @ivar line: where it begins, from 1.
    @ivar follows: whether nothing stands between it and the part before.
    """

    kind: str
    text: str
    line: int
    follows: bool


class Document:
    """
    One file of Markdown.

    @ivar name: its path within the project.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.lines = path.read_text().splitlines()

    def parts(self) -> Iterator[Part]:
        """Its code blocks and notes, in order."""
        follows = False
        numbered = iter(enumerate(self.lines, 1))
        for number, line in numbered:
            note, fence = _NOTE.fullmatch(line), _FENCE.fullmatch(line)
            if note:
                yield Part("note", note[1], number, follows)
            elif fence:
                block: list[str] = []
                for _, inside in numbered:
                    if inside.strip() == "```":
                        break
                    block.append(inside)
                yield Part(fence[1], "\n".join(block), number, follows)
            if line.strip():
                follows = bool(note or fence)

    def prose(self) -> list[str]:
        """Its lines without the code blocks."""
        lines, isCode = [], False
        for line in self.lines:
            if _FENCE.match(line):
                isCode = not isCode
            elif not isCode:
                lines.append(line)
        return lines

    def rows(self, *titles: str) -> list[list[str]]:
        """The cells of all tables with these titles, row by row."""
        found, isIn = [], False
        for line in self.prose():
            cells = [cell.strip() for cell in _CELL.split(line.strip()[1:-1])] if line.startswith("|") else []
            if not isIn:
                isIn = cells == list(titles)
            elif not cells:
                isIn = False
            elif set(line) - set("|-: "):
                found.append(cells)
        assert found, f"{self.name} has no table of {titles}"
        return found

    def inline(self) -> list[str]:
        """The commands within its prose, once each. With a word in capitals, or cut short, it is only a name."""
        paragraphs = "\n".join(self.prose()).split("\n\n")
        spans = dict.fromkeys(" ".join(span.split()) for each in paragraphs for span in quoted(each))
        return [each for each in spans if COMMAND.match(each) and not _NAME.search(each)]

    def links(self) -> list[str]:
        """The targets of its links."""
        return [link for line in self.prose() for link in _LINK.findall(line)]

    def sections(self) -> list[str]:
        """The anchors of its sections, in order."""
        return [_anchor(line.removeprefix("## ")) for line in self.prose() if line.startswith("## ")]

    def contents(self) -> list[str]:
        """The anchors in its table of contents, before its first section, in order; empty without such a table."""
        before = takewhile(lambda line: not line.startswith("## "), self.prose())
        return re.findall(r"\]\(#([^)]+)\)(?= ?(?:·|\||$))", "\n".join(before), re.MULTILINE)

    def anchors(self) -> set[str]:
        """The anchors of all its headings, as the web page has them."""
        return {_anchor(found[1]) for line in self.prose() if (found := _HEADING.fullmatch(line))}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def quoted(cell: str) -> list[str]:
    """The texts between backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def documents() -> list[Document]:
    """All documents."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "deploy").rglob("*.md"))]
    return [Document(path) for path in paths]


def document(name: str) -> Document:
    """One document, by its path within the project."""
    return Document(ROOT / name)
