"""What tests of the program share. The test stands in for the process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from io import StringIO

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.loglines import logLines
from tinylb import LoadBalancerService, StatusService
from tinylb.program import Process, Program
from tinylb.testing import ManualProvider, MemoryEndpoint

IN_USE = CannotListenError("", 6443, OSError(98, "Address already in use"))


class Reactor(MemoryReactorClock):
    """
    A reactor that can be called from a signal handler.

    @ivar stops: how often it was stopped; a real reactor can be stopped only once.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stops = 0
        self.fromThread: list[Callable[[], object]] = []

    def callFromThread(self, callable: Callable[..., object], *arguments: object) -> None:
        """See L{IReactorFromThreads.callFromThread}."""
        self.fromThread.append(lambda: callable(*arguments))

    def stop(self) -> None:
        """See L{IReactorCore.stop}."""
        self.stops += 1

    def iterate(self, delay: float = 0) -> None:
        """See L{IReactorCore.iterate}."""
        self.runFromThread()
        self.advance(delay)

    def runFromThread(self) -> None:
        """Make the calls that were asked for by C{callFromThread}."""
        calls, self.fromThread = self.fromThread, []
        for call in calls:
            call()


@implementer(IStreamServerEndpoint)
class SlowEndpoint:
    """A server endpoint that takes its time."""

    def __init__(self) -> None:
        self.listening: Deferred[IListeningPort] = Deferred()

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}."""
        return self.listening


class ProgramCase(SynchronousTestCase):
    """Tests of a program within a process that the test makes up."""

    def setUp(self) -> None:
        """Make a process with standard error and a way to end."""
        self.reactor = Reactor()
        self.lines = logLines(self)
        self.stderr = StringIO()
        self.patch(sys, "__stderr__", self.stderr)
        self.patch(sys, "excepthook", sys.excepthook)
        self.exits: list[int] = []
        self.patch(os, "_exit", self.exits.append)
        self.patch(signal, "signal", lambda *_: None)

    def program(
        self,
        *endpoints: IStreamServerEndpoint,
        status: IStreamServerEndpoint | None = None,
        lasting: IService | None = None,
        pidfile: str | None = None,
        isSilent: bool = False,
    ) -> Program:
        """A program that listens on these endpoints, which are named e0, e1, and so on."""
        balancer = LoadBalancerService(endpoints, ManualProvider(), reactor=self.reactor)
        names = [f"e{number}" for number, _ in enumerate(endpoints)]
        return Program(
            self.reactor,
            balancer,
            names,
            Process(pidfile, isSilent),
            lasting=[] if lasting is None else [lasting],
            status=None if status is None else (StatusService(self.reactor, status, balancer), "s"),
        )

    def endpoint(self, failure: Exception | None = None) -> MemoryEndpoint:
        """An endpoint in memory."""
        return MemoryEndpoint(self.reactor, failure=failure)

    def assertStops(self, program: Program) -> None:
        """The program stops, and leaves no timer."""
        stopping = program.stopService()
        self.reactor.advance(10)
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
