"""What the command line of C{tinylb} understands, and what it says of everything else."""

from __future__ import annotations

import contextlib
import io
import re

from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.client import Where
from tinylb.cli.main import main
from tinylb.cli.run import RunOptions


class UsageTests(SynchronousTestCase):
    """See L{main}."""

    def refusal(self, *arguments: str) -> str:
        """The one line with which the program ends; Python prints it on standard error, and the status is 1."""
        line = self.assertRaises(SystemExit, main, arguments).code
        assert isinstance(line, str), line
        self.assertTrue(line.startswith("tinylb: "))
        self.assertTrue(line.isprintable())
        return line

    def test_nothing(self) -> None:
        """Without a command it says that one is wanted, and where more is to be read."""
        line = self.refusal()
        self.assertIn("COMMAND", line)
        self.assertIn("'tinylb --help'", line)

    def test_unknownCommand(self) -> None:
        """A command that there is not is answered with those that there are."""
        line = self.refusal("stauts")
        self.assertIn("stauts", line)
        for command in ("run", "check", "status", "explain"):
            self.assertIn(command, line)

    def test_unknownOption(self) -> None:
        """An option that the command does not have is named, an abbreviation too."""
        for wrong in ("--nope", "--wat", "more"):
            self.assertIn(wrong, self.refusal("status", ":9090", wrong))
        for command in ("check", "status", "explain"):
            line = self.refusal(command, "--nope", "file")
            self.assertIn("--nope", line)
            self.assertIn(f"'tinylb {command} --help'", line)

    def test_unprintable(self) -> None:
        """What was typed does not get to steer the terminal."""
        self.refusal("\x1b[2J")
        self.refusal("status", "\x1b[2J /")

    def test_fileMissing(self) -> None:
        """C{check} wants a file."""
        self.assertIn("FILE", self.refusal("check"))

    def test_values(self) -> None:
        """Values that are none: the option, what was given, and what would be right."""
        self.assertIn("--timeout soon: expected a number of seconds", self.refusal("status", "--timeout", "soon"))
        self.assertIn("--timeout 0: expected a number of seconds", self.refusal("check", "x", "--timeout", "0"))
        self.assertIn("--latest -3: expected a whole number", self.refusal("explain", "-n", "-3"))

    def test_run(self) -> None:
        """C{run} has the plugin's options, which say what is wrong themselves, and how this command is called."""
        for arguments, told in (((), "--listen is missing"), (("--nope",), "'tinylb run --help'")):
            self.assertIn(told, str(self.assertRaises(SystemExit, RunOptions().parseOptions, arguments).code))

    def helpOf(self, *arguments: str) -> str:
        """What is printed for people who ask."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertIn(self.assertRaises(SystemExit, main, (*arguments, "--help")).code, (None, 0))
        return out.getvalue()

    def test_help(self) -> None:
        """Help is printed with status 0, and says what the exit statuses mean."""
        for arguments in ((), ("check",), ("status",), ("explain",)):
            self.assertIn("exit status:", self.helpOf(*arguments))
        self.assertIn("unix:/PATH", self.helpOf("status"))

    def test_statusesOfCommand(self) -> None:
        """Of a command, help tells those that it has."""
        told = {each: re.findall(r"^  (\d+) ", self.helpOf(each), re.MULTILINE) for each in ("check", "explain")}
        self.assertEqual(told, {"check": ["0", "1", "2", "130", "141"], "explain": ["0", "1", "130", "141"]})

    def test_helpOfRun(self) -> None:
        """C{run} lists the options of the plugin, and how the log is to be written."""
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertRaises(SystemExit, RunOptions().parseOptions, ["-h"])
        listed = out.getvalue()
        self.assertIn("Usage: tinylb run [options]", listed)
        for option in ("--listen=", "--backends-file=", "--drain=", "--status=", "--json"):
            self.assertIn(option, listed)


class WhereTests(SynchronousTestCase):
    """See L{Where.parse}."""

    def test_spellings(self) -> None:
        """All that people write for the same place leads there."""
        expected = {
            "http://127.0.0.1:9090": "http://127.0.0.1:9090",
            "http://lb.example": "http://lb.example:80",
            "lb.example:9091": "http://lb.example:9091",
            "lb.example": "http://lb.example:9090",
            ":9091": "http://127.0.0.1:9091",
            "tcp:9091": "http://127.0.0.1:9091",
            "http://[::1]:9091/": "http://[::1]:9091",
            "http://lb.example/one/two/": "http://lb.example:80/one/two",
            "unix:/run/tinylb.sock": "unix:/run/tinylb.sock",
        }
        self.assertEqual({text: str(Where.parse(text)) for text in expected}, expected)

    def test_wrong(self) -> None:
        """Anything else is wrong usage, with what would be right."""
        for text in (
            "",
            "9090",
            ":",
            ":0",
            ":65536",
            "http://",
            "https://h",
            "::1",
            "[::1",
            "u@h",
            "h:1?q",
            "unix:",
            "a b",
        ):
            line = str(self.assertRaises(SystemExit, Where.parse, text).code)
            self.assertTrue(line.startswith(f"tinylb: URL {text}: not where --status may listen; "), line)
            self.assertIn("http://127.0.0.1:9090", line)
