"""Runs the commands of a document, in order, as a reader would who copies them."""

from __future__ import annotations

import re
import time
from itertools import zip_longest
from signal import SIGINT

from tests.documents import Document, Part
from tests.program.processes import PATIENCE
from tests.program.sandbox import Sandbox

SERVER = re.compile(r"^(tinylb run|twistd?|/opt/tinylb/bin/tinylb run) (?!(tinylb )?--help)", re.MULTILINE)
OTHER = re.compile(r"^python examples/\w+\.py$")
ENDLESS = "# until Ctrl-C"
STATUS = re.compile(r"# exit status (\d+)(?: or (\d+))?")

# A duration; a number with its unit; or anything made of digits, such as a time or an address.
_VARIABLE = re.compile(r"\d+[smhd](?: \d+[smhd])?(?![\w.])|[\d.]*\d (?:B|kB|MB|GB)\b|\d[\d.]*")
_ANYTHING = "…"


def looksLike(said: str, shown: str) -> bool:
    """
    Whether an output has the shape of the one in a document: other numbers, times and widths of columns. C{…} is any
    text; on a line of its own, any lines.
    """
    lines = [" ".join(line.split()) for line in said.strip().splitlines()]
    patterns = [_ofLine(" ".join(line.split())) for line in shown.strip().splitlines()]
    # How many of the lines the patterns so far may have used up.
    used = {0}
    for pattern in patterns:
        if pattern is None:
            used = set(range(min(used, default=len(lines) + 1), len(lines) + 1))
        else:
            used = {each + 1 for each in used if each < len(lines) and re.fullmatch(pattern, lines[each])}
    return len(lines) in used


def _ofLine(line: str) -> str | None:
    if line == _ANYTHING:
        return None
    pattern, end = "", 0
    for found in _VARIABLE.finditer(line):
        pattern += _ofWords(line[end : found.start()]) + _ofVariable(found[0])
        end = found.end()
    return pattern + _ofWords(line[end:])


def _ofVariable(text: str) -> str:
    if re.search("[smhd]$", text):
        return r"\d+[smhd](?: \d+[smhd])?"
    return r"[\d.]+ (?:B|kB|MB|GB)" if text.endswith("B") else r"[\d.]+"


def _ofWords(text: str) -> str:
    return re.escape(text).replace(re.escape(_ANYTHING), ".*")


class Rehearsal:
    """One document, in one sandbox."""

    def __init__(self, sandbox: Sandbox, document: Document) -> None:
        self._sandbox = sandbox
        self._document = document

    def through(self) -> int:
        """
        From its beginning to its end.

        @return: how many there were: blocks, and commands within the prose.
        """
        parts, count = list(self._document.parts()), 0
        for part, after in zip_longest(parts, parts[1:]):
            if part.kind == "note":
                self._arrange(part.text)
            elif part.kind == "sh":
                count += 1
                isOutput = after is not None and after.follows and after.kind in ("text", "json")
                self._perform(part, after.text if isOutput else None)
        for command in self._document.inline():
            if not SERVER.match(command):
                count += 1
                self._sandbox.ensure()
                status, said = self._sandbox.run(command)
                assert status == 0, f"{self._document.name}: {command}: status {status}\n{said}"
        return count

    def _arrange(self, note: str) -> None:
        """Something happens that readers are told, or know."""
        match note.split():
            case ["tinylb", "runs", *options]:
                self._sandbox.deploy(*options)
            case [id, "stops"]:
                self._sandbox.stop(id)
            case [id, "starts"]:
                self._sandbox.start(id)
            case _:
                raise AssertionError(f"{self._document.name}: what is {note!r}?")

    def _perform(self, block: Part, output: str | None) -> None:
        if SERVER.search(block.text) and not STATUS.search(block.text):
            self._sandbox.serve(block.text)
        elif OTHER.search(block.text):
            self._sandbox.background(block.text)
        elif ENDLESS in block.text:
            status = self._sandbox.runUntil(block.text, ".+")
            assert status in (0, 130, -SIGINT), f"{self._where(block)}: status {status}"
        else:
            self._runToItsEnd(block, output)

    def _runToItsEnd(self, block: Part, output: str | None) -> None:
        """What it shows may need a moment to come about."""
        stated = STATUS.search(block.text)
        statuses = {0} if stated is None else {int(each) for each in stated.groups() if each}
        deadline = time.monotonic() + PATIENCE / 2
        while True:
            result = self._sandbox.run(block.text)
            if result[0] in statuses and (output is None or looksLike(result[1], output)):
                return
            if output is None or time.monotonic() > deadline:
                told = f"{block.text}\nsaid:\n{result[1]}\nexpected:\n{output}"
                raise AssertionError(f"{self._where(block)}: status {result[0]}\n{told}")

    def _where(self, block: Part) -> str:
        return f"{self._document.name}:{block.line}"
