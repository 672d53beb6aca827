"""Finds the log messages in the source, and whether a list of example lines covers them all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

METHODS = {"info", "warn", "error", "critical", "failure", "emit"}

VAGUE = 4
"""A template with at most so many fixed characters says little about its lines."""


@dataclass(frozen=True)
class Template:
    """The format of a call to a logger, with its fields in braces."""

    text: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches the lines that the template makes."""
        parts = re.split(r"\{[^{}]*\}", self.text)
        return re.compile(".+".join(map(re.escape, parts)))

    @property
    def weight(self) -> int:
        """How many of its characters are fixed."""
        return len(re.sub(r"\{[^{}]*\}", "", self.text))


def templates(package: Path) -> list[Template]:
    """The templates of all calls in a package, each once, without those at the debug level."""
    found: dict[str, Template] = {}
    for path in sorted(package.rglob("*.py")):
        for call in _calls(ast.parse(path.read_text())):
            texts = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
            assert texts, f"{path}:{call.lineno}: a call to the log without a text of its own"
            found.setdefault(re.sub(r"\{[^{}]*\}", "{}", texts[0]), Template(texts[0]))
    return list(found.values())


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        isMethod = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS
        if isMethod and re.search(r"\b_?log\b|\bLogger\b", ast.unparse(node.func.value)):  # type: ignore[attr-defined]
            yield node  # type: ignore[misc]


def explained(templates: Iterable[Template], lines: Sequence[str]) -> tuple[list[Template], list[str]]:
    """
    Assign each template a line of its own.

    @return: the templates without a line, and the lines that no template makes.
    """
    candidates: dict[Template, list[int]] = {each: [] for each in templates}
    strange = []
    for number, line in enumerate(lines):
        makers = [each for each in candidates if each.pattern.fullmatch(line)]
        best = max((each.weight for each in makers), default=0)
        for each in makers:
            # A template that is nearly all fields matches nearly any line.
            if each.weight == best or best <= VAGUE:
                candidates[each].append(number)
        if not makers:
            strange.append(line)
    owners: dict[int, Template] = {}

    def settle(template: Template, asked: set[int]) -> bool:
        """Find a line for a template; take that of another template if that one can have another line."""
        for number in candidates[template]:
            if number not in asked:
                asked.add(number)
                if number not in owners or settle(owners[number], asked):
                    owners[number] = template
                    return True
        return False

    return [each for each in candidates if not settle(each, set())], strange
