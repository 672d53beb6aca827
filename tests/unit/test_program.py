"""How the program starts, is told to stop, and ends; the process itself is played by the test."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.programcase import IN_USE, ProgramCase, Reactor
from tinylb.program import CannotStart, Program
from tinylb.usage import wrongUsage


@implementer(IStreamServerEndpoint)
class SlowEndpoint:
    """A server endpoint that takes its time."""

    def __init__(self) -> None:
        self.listening: Deferred[IListeningPort] = Deferred()

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}."""
        return self.listening


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

    def test_cannotListenLater(self) -> None:
        """An endpoint that fails when the program has started ends it, with status 1 and one line in the log."""
        slow = SlowEndpoint()
        program = self.program(self.endpoint(), slow)
        program.startService()
        self.assertFalse(self.reactor.hasStopped)
        slow.listening.errback(Failure(IN_USE))
        self.assertTrue(self.reactor.hasStopped)
        self.assertIn("critical: --listen e1: address already in use", self.lines)
        [(trigger, arguments, _)] = self.reactor.triggers["after"]["shutdown"]
        trigger(*arguments)
        self.assertEqual(self.exits, [1])
        self.assertStops(program)


class SignalTests(ProgramCase):
    """Stopping by a signal."""

    def running(self, pidfile: str | None = None) -> Program:
        """A program in a reactor that runs, with its handlers in C{handlers}."""
        self.reactor = Reactor()
        self.handlers: dict[int, Callable[[int, None], object]] = {}
        self.patch(signal, "signal", self.handlers.__setitem__)
        program = self.program(self.endpoint(), pidfile=pidfile)
        program.startService()
        self.early, self.handlers = self.handlers, {}
        self.patch(signal, "signal", self.handlers.__setitem__)
        for hook, arguments, named in self.reactor.whenRunningHooks:
            hook(*arguments, **named)
        return program

    def send(self, number: signal.Signals) -> None:
        """A signal comes; whatever it has set off in the reactor is done."""
        self.handlers[number](number, None)
        calls, self.reactor.fromThread = self.reactor.fromThread, []
        for call in calls:
            call()

    def test_takenOver(self) -> None:
        """Signals are the program's from its start on, also once the reactor runs, which has handlers of its own."""
        program = self.running()
        for handlers in (self.early, self.handlers):
            self.assertEqual(set(handlers), {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
        self.assertStops(program)

    def test_early(self) -> None:
        """A signal that comes before the reactor runs stops it as soon as it does."""
        program = self.running()
        self.early[signal.SIGTERM](signal.SIGTERM, None)
        self.assertFalse(self.reactor.hasStopped)
        self.reactor.fromThread.pop()()
        self.assertTrue(self.reactor.hasStopped)
        self.assertStops(program)

    def test_stops(self) -> None:
        """Either of them stops the reactor, and the log says which and how many connections are open."""
        for number in (signal.SIGTERM, signal.SIGINT):
            program = self.running()
            self.send(number)
            self.assertTrue(self.reactor.hasStopped)
            self.assertEqual(self.lines[-1], f"info: {number.name}: stopping; 0 connections open")
            self.assertStops(program)

    def test_inTheReactor(self) -> None:
        """A signal that interrupts whatever is going on does nothing there and then."""
        program = self.running()
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertFalse(self.reactor.hasStopped)
        self.assertEqual(len(self.reactor.fromThread), 1)
        self.assertStops(program)

    def test_second(self) -> None:
        """
        A second signal, unless it comes with the first one, ends the process at once, with status 0, and
        takes the pid file along where there is one.
        """
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name, "twistd.pid")
        for pidfile, exists in ((str(path), True), (str(path), False), ("", False), (None, False)):
            for second in (signal.SIGTERM, signal.SIGINT):
                if exists:
                    path.write_text("12345")
                program = self.running(pidfile)
                self.send(signal.SIGTERM)
                self.send(second)
                self.assertEqual(path.exists(), exists)
                self.reactor.advance(1)
                self.assertEqual(self.exits, [])
                self.send(second)
                self.assertEqual(self.exits, [0])
                self.exits.clear()
                self.assertFalse(path.exists())
                self.assertStops(program)
