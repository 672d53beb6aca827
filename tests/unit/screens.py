"""Screens for what the console command draws."""

from __future__ import annotations

import io

from tinylb.cli.screen import Screen


class Terminal(Screen):
    """A terminal in memory, of the size that a test chooses."""

    def __init__(self, columns: int = 80, lines: int = 24, *, hasColours: bool = False, canRedraw: bool = True) -> None:
        super().__init__(io.StringIO(), True, hasColours, canRedraw)
        object.__setattr__(self, "_size", (columns, lines))

    @property
    def size(self) -> tuple[int, int]:
        """As it was made."""
        size: tuple[int, int] = self.__dict__["_size"]
        return size


def pipe() -> Screen:
    """What a program reads."""
    return Screen(io.StringIO(), False, False, False)


def written(screen: Screen) -> str:
    """All that was written to one of these."""
    assert isinstance(screen.out, io.StringIO)
    return screen.out.getvalue()
