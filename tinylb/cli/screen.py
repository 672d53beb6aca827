"""Where the output of a command goes: whether to a terminal, and what can be drawn there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TextIO

from tinylb.cli.failure import CommandFailed
from tinylb.wording import wordingOf

_FALLBACK = 80, 24
_OUTPUT = "standard output"


class Paint(Enum):
    """What colours are used for, with their numbers in SGR."""

    GOOD = "32"
    DOUBTFUL = "33"
    BAD = "31"
    ASIDE = "36"
    FAINT = "2"
    TITLE = "1"


PAINTS = {
    "ready": Paint.GOOD,
    "resting": Paint.DOUBTFUL,
    "not-ready": Paint.DOUBTFUL,
    "dead": Paint.BAD,
    "draining": Paint.ASIDE,
}
"""By state; see L{Verdict <tinylb.Verdict>}."""


@dataclass(frozen=True)
class Screen:
    """
    @ivar isTerminal: whether people look at it: lines must fit, and numbers be short. For programs, numbers are
        exact, and the format stays the same in the next version.
    @ivar hasColours: whether to use colours; see no-color.org.
    @ivar canRedraw: whether it can be drawn on in place.
    """

    out: TextIO
    isTerminal: bool
    hasColours: bool
    canRedraw: bool

    @classmethod
    def of(cls, out: TextIO | None = None, environment: Mapping[str, str] = os.environ) -> Screen:
        """
        The screen behind standard output, or another stream.

        @raise CommandFailed: when there is none.
        """
        if out is None and sys.__stdout__ is None:
            raise CommandFailed(f"{_OUTPUT}: it is closed")
        out = out or sys.stdout
        isTerminal = out.isatty()
        isSmart = isTerminal and environment.get("TERM", "") not in ("", "dumb", "unknown")
        return cls(out, isTerminal, isSmart and not environment.get("NO_COLOR"), isSmart)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines, as they are now."""
        try:
            columns, lines = os.get_terminal_size(self.out.fileno())
        except (OSError, ValueError):
            return _FALLBACK
        return columns or _FALLBACK[0], lines or _FALLBACK[1]

    def painted(self, text: str, paint: Paint | None) -> str:
        """The text in a colour, if the screen has colours."""
        return f"\x1b[{paint.value}m{text}\x1b[0m" if paint is not None and self.hasColours else text

    def write(self, text: str) -> None:
        """
        Write a text, and flush it with all that was written before.

        @raise CommandFailed: when that fails.
        @raise BrokenPipeError: when the reader has closed the pipe.
        """
        try:
            self.out.write(text)
            self.out.flush()
        except OSError as error:
            # Otherwise the interpreter would flush once more when it exits, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())
            if isinstance(error, BrokenPipeError):
                raise
            raise CommandFailed(f"{_OUTPUT}: {wordingOf(error)}") from None
