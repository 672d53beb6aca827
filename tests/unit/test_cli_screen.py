"""Colours and redrawing are for terminals that want them."""

from __future__ import annotations

import io

from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.screen import Paint, Screen


class TerminalStream(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def features(environment: dict[str, str], isTerminal: bool = True) -> tuple[bool, bool, bool]:
    """Whether people look at it, whether it has colours, and whether it can be redrawn."""
    screen = Screen.of(TerminalStream() if isTerminal else io.StringIO(), environment)
    return screen.isTerminal, screen.hasColours, screen.canRedraw


class ScreenTests(SynchronousTestCase):
    """See L{Screen}."""

    def test_terminal(self) -> None:
        """A terminal has it all."""
        self.assertEqual(features({"TERM": "xterm"}), (True, True, True))

    def test_noColour(self) -> None:
        """NO_COLOR takes the colours, and nothing else; if it is empty it says nothing (no-color.org)."""
        self.assertEqual(features({"TERM": "xterm", "NO_COLOR": "1"}), (True, False, True))
        self.assertEqual(features({"TERM": "xterm", "NO_COLOR": ""}), (True, True, True))

    def test_dumb(self) -> None:
        """A terminal that understands no sequences gets none."""
        for environment in ({"TERM": "dumb"}, {"TERM": ""}, {}):
            self.assertEqual(features(environment), (True, False, False))

    def test_pipe(self) -> None:
        """What is no terminal gets neither, whatever the environment says."""
        self.assertEqual(features({"TERM": "xterm"}, isTerminal=False), (False, False, False))

    def test_painted(self) -> None:
        """A colour ends behind its text. Without colours, or without one for it, the text stays as it is."""
        coloured, plain = (Screen.of(TerminalStream(), {"TERM": term}) for term in ("xterm", "dumb"))
        self.assertEqual(coloured.painted("x", Paint.BAD), "\x1b[31mx\x1b[0m")
        self.assertEqual([coloured.painted("x", None), plain.painted("x", Paint.BAD)], ["x", "x"])

    def test_size(self) -> None:
        """Where nobody knows the size it is that of the oldest terminals."""
        self.assertEqual(Screen.of(TerminalStream(), {}).size, (80, 24))
