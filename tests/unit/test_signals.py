"""What signals ask a process for, in its terminal and without one."""

from __future__ import annotations

import atexit
import signal
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.programcase import Reactor
from tinylb import signals
from tinylb.signals import SAME_SIGNAL, Signals


class SignalsTests(SynchronousTestCase):
    """See L{Signals}. The process is played by the test."""

    def setUp(self) -> None:
        """A process at a terminal, in which nobody has handled a signal yet."""
        self.isAtTerminal = True
        self.handlers: dict[int, object] = {}
        self.told: list[str] = []
        self.clock, self.reactor = Clock(), Reactor()
        self.patch(signal, "signal", self.handlers.__setitem__)
        self.patch(signal, "getsignal", lambda number: self.handlers.get(number, signal.SIG_DFL))
        self.patch(signals, "hasTerminal", lambda: self.isAtTerminal)
        self.atEnd: list[Callable[[], None]] = []
        self.patch(atexit, "register", self.atEnd.append)

    def taken(self) -> None:
        """Its signals are taken, as when it listens, and again, as when it starts."""
        process = Signals(self.reactor, self.clock, self.told.append, lambda: self.told.append("look again"))
        process.take()
        process.take()

    def send(self, number: signal.Signals) -> list[str]:
        """What a signal asks for."""
        handler = self.handlers[number]
        assert callable(handler)
        handler(number, None)
        self.reactor.runFromThread()
        told, self.told[:] = list(self.told), []
        return told

    def test_lookAgain(self) -> None:
        """At its terminal, and where it never had one, SIGHUP asks it to look again."""
        for self.isAtTerminal in (True, False):
            self.handlers.clear()
            self.taken()
            self.assertEqual(self.send(signal.SIGHUP), ["look again"])

    def test_terminalGone(self) -> None:
        """A terminal that is gone ends it."""
        self.taken()
        self.isAtTerminal = False
        self.assertEqual(self.send(signal.SIGHUP), ["SIGHUP"])

    def test_nohup(self) -> None:
        """A process that was started to ignore SIGHUP outlives its terminal; it still looks again."""
        self.handlers[signal.SIGHUP] = signal.SIG_IGN
        self.taken()
        self.isAtTerminal = False
        self.assertEqual(self.send(signal.SIGHUP), ["look again"])

    def test_same(self) -> None:
        """A signal that comes twice in a moment, as to a process and then its group, is one."""
        self.taken()
        self.assertEqual(self.send(signal.SIGTERM), ["SIGTERM"])
        self.assertEqual(self.send(signal.SIGTERM), [])
        self.clock.advance(SAME_SIGNAL)
        self.assertEqual(self.send(signal.SIGINT), ["SIGINT"])

    def test_atTheEnd(self) -> None:
        """While Python finishes they are ignored."""
        self.taken()
        (ignore,) = self.atEnd
        ignore()
        self.assertEqual(self.handlers, dict.fromkeys((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), signal.SIG_IGN))
