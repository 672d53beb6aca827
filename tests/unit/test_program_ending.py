"""How the program ends: told to, hurried, or as it cannot listen; the process itself is played by the test."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure

from tests.unit.programcase import IN_USE, ProgramCase, Reactor, SlowEndpoint
from tinylb.program import AT_ONCE, CannotStart, Program
from tinylb.signals import SAME_SIGNAL
from tinylb.testing import MemoryEndpoint


class Stuck(Service):
    """A service that does not come to its end."""

    def stopService(self) -> Deferred[None]:
        """See L{IService.stopService}."""
        return Deferred()


class FailureTests(ProgramCase):
    """An endpoint takes its time, and then cannot be listened on."""

    def failed(self) -> list[str]:
        """What it has said of that."""
        return [line for line in self.lines if line.startswith("critical")]

    def exit(self) -> None:
        """The reactor has ended."""
        [(trigger, arguments, _)] = self.reactor.triggers["after"]["shutdown"]
        trigger(*arguments)

    def test_later(self) -> None:
        """It ends the program, with status 1 and one line in the log."""
        slow = SlowEndpoint()
        program = self.program(self.endpoint(), slow)
        program.startService()
        self.assertEqual(self.reactor.stops, 0)
        slow.listening.errback(Failure(IN_USE))
        self.assertEqual(self.reactor.stops, 1)
        self.assertEqual(self.failed(), ["critical: --listen e1: address already in use"])
        self.exit()
        self.assertEqual(self.exits, [1])
        self.assertStops(program)

    def test_several(self) -> None:
        """Of several that fail it ends once, and says the first."""
        slow = [SlowEndpoint(), SlowEndpoint()]
        program = self.program(slow[0], status=slow[1])
        program.startService()
        for each in slow:
            each.listening.errback(Failure(IN_USE))
        self.assertEqual(self.reactor.stops, 1)
        self.assertEqual(self.failed(), ["critical: --listen e0: address already in use"])
        self.assertStops(program)

    def test_stop(self) -> None:
        """A stop before they listen is a stop, and no failure."""
        program = self.program(SlowEndpoint(), status=SlowEndpoint())
        program.startService()
        self.assertStops(program)
        self.assertEqual((self.failed(), self.reactor.stops), ([], 0))
        self.assertNotIn("after", self.reactor.triggers)

    def test_signalBefore(self) -> None:
        """A signal that comes while an endpoint fails stops no reactor: none runs."""
        handlers: dict[int, Callable[[int, None], object]] = {}
        self.patch(signal, "signal", handlers.__setitem__)

        class Failing(MemoryEndpoint):
            """An endpoint that cannot be listened on. A signal comes while that is tried."""

            def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
                handlers[signal.SIGTERM](signal.SIGTERM, None)
                return fail(IN_USE)

        program = self.program(Failing(self.reactor))
        self.assertRaises(CannotStart, program.startService)
        self.assertEqual(self.reactor.stops, 0)

    def test_signal(self) -> None:
        """A signal while it ends for that reason hurries it, and the status stays."""
        handlers: dict[int, Callable[[int, None], object]] = {}
        self.patch(signal, "signal", handlers.__setitem__)
        slow = SlowEndpoint()
        program = self.program(slow)
        program.startService()
        slow.listening.errback(Failure(IN_USE))
        handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.reactor.runFromThread()
        self.assertEqual((self.exits, self.reactor.stops), ([1], 1))
        self.assertStops(program)


class SignalTests(ProgramCase):
    """Stopping by a signal."""

    def running(self, pidfile: str | None = None, lasting: Stuck | None = None) -> Program:
        """A program in a reactor that runs, with its handlers in C{handlers}."""
        self.reactor = Reactor()
        self.handlers: dict[int, Callable[[int, None], object]] = {}
        self.patch(signal, "signal", self.handlers.__setitem__)
        program = self.program(self.endpoint(), pidfile=pidfile, lasting=lasting)
        program.startService()
        self.early, self.handlers = self.handlers, {}
        self.patch(signal, "signal", self.handlers.__setitem__)
        for hook, arguments, named in self.reactor.whenRunningHooks:
            hook(*arguments, **named)
        return program

    def send(self, number: signal.Signals) -> None:
        """A signal comes; whatever it has set off in the reactor is done."""
        self.handlers[number](number, None)
        self.reactor.runFromThread()

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
        self.assertEqual(self.reactor.stops, 0)
        self.reactor.runFromThread()
        self.assertEqual(self.reactor.stops, 1)
        self.assertStops(program)

    def test_stops(self) -> None:
        """Either of them stops the reactor, and the log says which and how many connections are open."""
        for number in (signal.SIGTERM, signal.SIGINT):
            program = self.running()
            self.send(number)
            self.assertEqual(self.reactor.stops, 1)
            self.assertEqual(self.lines[-1], f"info: {number.name}: stopping; 0 connections open")
            self.assertStops(program)

    def test_inTheReactor(self) -> None:
        """A signal that interrupts whatever is going on does nothing there and then."""
        program = self.running()
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual((self.reactor.stops, len(self.reactor.fromThread)), (0, 1))
        self.assertStops(program)

    def test_second(self) -> None:
        """
        A second signal, unless it comes with the first one, ends the process at once, with status 0, and takes the
        pid file along where there is one.
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
                self.assertEqual(
                    self.lines[-2:], [f"info: {second.name}: ending at once; 0 connections open", "info: Stopped"]
                )
                self.assertFalse(path.exists())
                self.assertStops(program)
                self.exits.clear()  # this time it has come back from its end

    def test_noOutput(self) -> None:
        """It needs no standard output for that: whoever started it may have closed it."""
        self.patch(sys, "stdout", None)
        program = self.running()
        self.send(signal.SIGTERM)
        self.reactor.advance(SAME_SIGNAL)
        self.send(signal.SIGTERM)
        self.assertEqual(self.exits, [0])
        self.assertStops(program)

    def test_inOneTurn(self) -> None:
        """Two signals of which a busy reactor hears in the same turn are two: nothing may finish any more."""
        program = self.running(lasting=Stuck())
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.reactor.advance(SAME_SIGNAL)
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.reactor.runFromThread()
        program.stopService()
        self.reactor.advance(AT_ONCE)
        self.assertEqual((self.exits, self.reactor.getDelayedCalls()), ([0], []))

    def test_stuck(self) -> None:
        """Whatever does not come to its end is waited for for half a second after a second signal."""
        program = self.running(lasting=Stuck())
        self.send(signal.SIGTERM)
        program.stopService()
        self.reactor.advance(1)
        self.send(signal.SIGTERM)
        self.reactor.advance(AT_ONCE - 0.01)
        self.assertEqual(self.exits, [])
        self.reactor.advance(0.01)
        self.assertEqual(self.exits, [0])

    def test_third(self) -> None:
        """A third signal ends it there and then, whatever the reactor is doing."""
        self.running(lasting=Stuck())
        for _ in range(2):
            self.handlers[signal.SIGTERM](signal.SIGTERM, None)
            self.reactor.advance(SAME_SIGNAL)
        self.assertEqual(self.exits, [])
        self.handlers[signal.SIGTERM](signal.SIGTERM, None)
        self.assertEqual(self.exits, [0])

    def test_stoppedByOthers(self) -> None:
        """A signal while it stops for a reason of somebody else's hurries it; the reactor is not stopped once more."""
        program = self.running(lasting=Stuck())
        program.stopService()
        self.send(signal.SIGTERM)
        self.assertIn("info: SIGTERM: ending at once; 0 connections open", self.lines)
        self.reactor.advance(AT_ONCE)
        self.assertEqual((self.reactor.stops, self.exits), (0, [0]))
