"""What runs beside the balancer in the program: when it starts, looks again and stops."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from tests.unit.programcase import ProgramCase
from tinylb import CannotListen, LoadBalancerService
from tinylb.interfaces import IRefreshable
from tinylb.listening import ListeningService
from tinylb.program import CannotStart, Process, Program
from tinylb.testing import ManualProvider


@implementer(IRefreshable)
class Attachment(Service):
    """Tells in C{story} what becomes of it; it takes C{stopping} to stop."""

    def __init__(self, name: str, story: list[str], failure: Exception | None = None) -> None:
        self.stopping: Deferred[None] = Deferred()
        self._name = name
        self._story = story
        self._failure = failure

    def privilegedStartService(self) -> None:
        """See L{IService.privilegedStartService}."""
        self._story.append(f"{self._name} listens")
        if self._failure is not None:
            raise self._failure

    def startService(self) -> None:
        """See L{IService.startService}."""
        self._story.append(f"{self._name} starts")

    def stopService(self) -> Deferred[None]:
        """See L{IService.stopService}."""
        self._story.append(f"{self._name} stops")
        return self.stopping

    def whenListening(self) -> Deferred[None]:
        """It does."""
        return succeed(None)

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}."""
        self._story.append(f"{self._name} looks again")
        if self._failure is not None:
            raise self._failure


class AttachmentTests(ProgramCase):
    """What runs beside the balancer."""

    def setUp(self) -> None:
        super().setUp()
        self.story: list[str] = []
        self.patch(signal, "signal", lambda *_: None)

    def attached(self, failure: Exception | None = None) -> tuple[Program, dict[str, Attachment]]:
        """A program with one attachment of each kind."""
        them = {name: Attachment(name, self.story, failure) for name in ("passing", "lasting", "status")}
        balancer = LoadBalancerService(self.endpoint(), ManualProvider(), reactor=self.reactor)
        program = Program(
            self.reactor,
            balancer,
            ["e0"],
            Process(None, False),
            passing=[them["passing"]],
            lasting=[them["lasting"]],
            status=(cast(ListeningService, them["status"]), "tcp:9090"),
        )
        return program, them

    def begin(self, program: Program) -> None:
        """Start it in a reactor that runs."""
        program.privilegedStartService()
        program.startService()
        for hook, arguments, named in self.reactor.whenRunningHooks:
            hook(*arguments, **named)

    def test_order(self) -> None:
        """
        Who listens does so at the start, with its rights; others start when the reactor runs. What lasts stops when
        the balancer has ended, and is waited for.
        """
        program, them = self.attached()
        self.begin(program)
        expected = ["status listens", "status starts", "lasting starts", "passing starts"]
        self.assertEqual(self.story, expected)
        self.story.clear()
        stopping = program.stopService()
        self.assertEqual(self.story, ["passing stops", "status stops", "lasting stops"])
        self.reactor.advance(10)
        self.assertNoResult(stopping)
        for each in them.values():
            each.stopping.callback(None)
        self.successResultOf(stopping)
        self.assertIn("info: Stopped", self.lines)

    def test_cannotListen(self) -> None:
        """A status endpoint that cannot be listened on ends the start with a line that names it."""
        program, _ = self.attached(CannotListen(0, "address already in use"))
        error = self.assertRaises(CannotStart, program.privilegedStartService)
        self.assertEqual(str(error), "--status tcp:9090: address already in use")
        self.assertEqual(self.story, ["status listens", "status stops"])

    def test_refresh(self) -> None:
        """SIGHUP lets everybody look again who can, and one who fails keeps nobody from it."""
        handlers: dict[int, Callable[[int, None], object]] = {}
        self.patch(signal, "signal", handlers.__setitem__)
        program, them = self.attached()
        self.begin(program)
        them["passing"]._failure = RuntimeError("no")
        self.story.clear()
        handlers[signal.SIGHUP](signal.SIGHUP, None)
        self.assertEqual(self.story, [])
        self.reactor.fromThread.pop()()
        self.assertEqual(self.story, ["passing looks again", "lasting looks again"])
        self.assertIn("info: SIGHUP: looking again at ManualProvider", self.lines)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        program.stopService()
