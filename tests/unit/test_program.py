"""How the program starts; the process itself is played by the test."""

from __future__ import annotations

import sys
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.programcase import IN_USE, ProgramCase
from tinylb.program import CannotStart
from tinylb.usage import wrongUsage


class WrongUsageTests(SynchronousTestCase):
    """See L{wrongUsage}."""

    def test_line(self) -> None:
        """It is an exit with the line; Python prints it on standard error and ends with status 1."""
        self.assertEqual(wrongUsage("--drain x: expected").code, "tinylb: --drain x: expected")

    def test_oneLine(self) -> None:
        """What is not printable is spelled out, so that it stays one line."""
        self.assertEqual(wrongUsage("--drain 1\n\x1b\ud800ä").code, "tinylb: --drain 1\\n\\x1b\\ud800ä")


class StartTests(ProgramCase):
    """Starting."""

    def test_listens(self) -> None:
        """It listens, and after a stop it does not."""
        endpoint = self.endpoint()
        program = self.program(endpoint)
        program.startService()
        self.assertIsNotNone(endpoint.factory)
        self.assertStops(program)
        self.assertIsNone(endpoint.factory)
        self.assertIn("info: Stopped", self.lines)

    def test_privileged(self) -> None:
        """It listens while it has the rights that it was started with, and once."""
        endpoint = self.endpoint()
        program = self.program(endpoint)
        program.privilegedStartService()
        factory = endpoint.factory
        self.assertIsNotNone(factory)
        program.startService()
        self.assertIs(endpoint.factory, factory)
        self.assertStops(program)

    def assertCannotStart(self, start: Callable[[], object]) -> None:
        """The start fails with one line that names the option, the endpoint and why, also when it reaches the top."""
        error = self.assertRaises(CannotStart, start)
        self.assertEqual(str(error), "--listen e1: address already in use")
        sys.excepthook(CannotStart, error, None)
        self.assertEqual(self.stderr.getvalue(), "tinylb: --listen e1: address already in use\n")

    def test_cannotListen(self) -> None:
        """An endpoint that cannot be listened on ends the start, and the others are given up."""
        first = self.endpoint()
        program = self.program(first, self.endpoint(IN_USE))
        self.assertCannotStart(program.startService)
        self.assertIsNone(first.factory)
        self.assertEqual([line for line in self.lines if line.startswith("critical")], [])

    def test_cannotListenPrivileged(self) -> None:
        """The same where the rights to listen are at stake."""
        self.assertCannotStart(self.program(self.endpoint(), self.endpoint(IN_USE)).privilegedStartService)

    def test_cannotListenSilently(self) -> None:
        """A daemon, whose standard error nobody sees, says it in its log."""
        self.assertCannotStart(self.program(self.endpoint(), self.endpoint(IN_USE), isSilent=True).startService)
        self.assertIn("critical: --listen e1: address already in use", self.lines)

    def test_otherErrors(self) -> None:
        """Other exceptions that reach the top are shown as ever."""
        shown: list[type[BaseException]] = []
        self.patch(sys, "__excepthook__", lambda kind, error, traceback: shown.append(kind))
        self.assertRaises(CannotStart, self.program(self.endpoint(IN_USE)).startService)
        sys.excepthook(RuntimeError, RuntimeError(), None)
        self.assertEqual((shown, self.stderr.getvalue()), ([RuntimeError], ""))
