"""A health check that the test answers by hand, and those who ask it: checkers, and balancers with checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.rigs import BalancerTestCase, Peers
from tinylb.events import Verdict
from tinylb.health import HealthChecks, TCPCheck
from tinylb.health.answer import Answer, Outcome
from tinylb.health.checker import Checker, CheckRules
from tinylb.interfaces import IBackend, IHealthCheck
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer

STEP = 1 / 16


def listen(clock: Clock, seconds: float) -> None:
    """Let time pass in small steps, so that nothing comes late; binary fractions are kept exactly."""
    clock.pump([STEP] * round(seconds / STEP))


class Asked:
    """
    One check that is under way, or was.

    @ivar at: when it was asked.
    @ivar endpoint: what it was given.
    @ivar isCancelled: whether it was given up.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, target: str, at: float) -> None:
        self.endpoint = endpoint
        self.target = target
        self.at = at
        self.isCancelled = False
        self.answer: Deferred[Answer] = Deferred(self._cancelled)
        self._connecting: Deferred[IProtocol] | None = None

    def say(self, outcome: Outcome, why: str = "said by hand") -> None:
        """Answer."""
        self.answer.callback(Answer(outcome, why))

    def yes(self) -> None:
        """A good answer."""
        self.say(Outcome.YES, "yes, by hand")

    def no(self) -> None:
        """A bad one."""
        self.say(Outcome.NO, "no, by hand")

    def fail(self, error: Exception) -> None:
        """No answer, but an error."""
        self.answer.errback(error)

    def connect(self) -> None:
        """Connect to the backend, as a check does that has something to ask; if that fails, the check does."""
        self._connecting = self.endpoint.connect(Peers())
        self._connecting.addErrback(self._notConnected)

    def _notConnected(self, failure: Failure) -> None:
        self.answer.errback(failure)

    def _cancelled(self, answer: Deferred[Answer]) -> None:
        self.isCancelled = True
        if self._connecting is not None:
            self._connecting.cancel()


@implementer(IHealthCheck)
class HandCheck:
    """
    Keeps what it is asked.

    @ivar asked: all checks there have been, in order.
    @ivar onAsk: what is done with each at once.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.asked: list[Asked] = []
        self.onAsk: Callable[[Asked], None] = lambda _: None
        self._clock = clock

    @property
    def underWay(self) -> list[str]:
        """The targets of the checks that nobody has answered or given up."""
        return [asked.target for asked in self.asked if not asked.answer.called and not asked.isCancelled]

    def times(self, target: str) -> list[float]:
        """When a target was checked."""
        return [asked.at for asked in self.asked if asked.target == target]

    def check(self, endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
        """See L{IHealthCheck.check}."""
        asked = Asked(endpoint, target, self._clock.seconds())
        self.asked.append(asked)
        self.onAsk(asked)
        return asked.answer

    def latest(self, target: str) -> Asked:
        """The latest check of a target."""
        return [asked for asked in self.asked if asked.target == target][-1]


class CheckerCase(SynchronousTestCase):
    """Checkers with an interval of 2 s and a timeout of 1.25 s, for which two good and three bad answers are enough."""

    def setUp(self) -> None:
        """There is a backend for each target that is asked for."""
        self.clock = Clock()
        self.check = HandCheck(self.clock)
        self.random = 0.5
        self.backends: dict[str, IBackend] = {}
        self.told: list[tuple[str, Verdict, str]] = []
        self.answered: list[str] = []
        self.running: list[Checker] = []
        self.addCleanup(self.stopAll)

    def start(self, target: str = "a", timeout: float = 1.25, fall: int = 3) -> Checker:
        """A checker that is stopped with the test, at the latest."""
        self.backends.setdefault(target, MemoryBackend(self.clock, target))
        rules = CheckRules(
            self.clock,
            self.check,
            random=lambda: self.random,
            interval=2.0,
            timeout=timeout,
            rise=2,
            fall=fall,
            backend=self.backends.__getitem__,
            tell=lambda checker, verdict, why: self.told.append((checker.target, verdict, why)),
            answered=self.answered.append,
        )
        checker = Checker(rules, target)
        self.running.append(checker)
        checker.start()
        return checker

    def stop(self, checker: Checker) -> None:
        """Stop a checker."""
        self.running.remove(checker)
        checker.stop()

    def stopAll(self) -> None:
        """Stop all that are running; nothing is left then."""
        while self.running:
            self.stop(self.running[0])
        self.clock.advance(0)
        self.assertEqual((self.check.underWay, self.clock.getDelayedCalls()), ([], []))

    def memory(self, target: str = "a", behaviour: Behaviour = Behaviour.CONNECTS) -> MemoryBackend:
        """The backend at a target."""
        backend = self.backends[target] = MemoryBackend(self.clock, target, behaviour)
        return backend

    def listen(self, seconds: float) -> None:
        """Let time pass, in which this process hears all that comes."""
        listen(self.clock, seconds)

    def answerEach(self, *outcomes: Outcome) -> None:
        """Start, and give an answer to one check after another."""
        self.start()
        for outcome in outcomes:
            self.check.asked[-1].say(outcome)
            self.listen(2)

    def verdicts(self) -> list[str]:
        """Those that were told, one after the other."""
        return [verdict.value for _, verdict, _ in self.told]


class ChecksCase(BalancerTestCase):
    """Balancers whose backends are checked every 2 s; twice up, thrice down."""

    def checks(self, kit: MemoryBalancer, check: IHealthCheck, **options: Any) -> HealthChecks:
        """Checks that have been started, and are stopped before the balancer is."""
        service = HealthChecks(kit.balancer, check, **{"interval": 2.0, "random": lambda: 0.5, **options})
        self.addCleanup(service.stopService)
        service.startService()
        return service

    def byHand(self, *ids: str, **options: Any) -> tuple[MemoryBalancer, HandCheck, HealthChecks]:
        """A balancer over these backends, and checks that are answered by hand."""
        kit = self.balancer(*ids, **options)
        check = HandCheck(kit.clock)
        return kit, check, self.checks(kit, check)

    def overTCP(self, *ids: str, **options: Any) -> MemoryBalancer:
        """A balancer over these backends, and checks that connect to them."""
        kit = self.balancer(*ids, **options)
        self.checks(kit, TCPCheck())
        listen(kit.clock, 1)
        return kit

    def states(self, kit: MemoryBalancer) -> dict[str, str]:
        """What is known of each backend."""
        return {each["id"]: each["state"] for each in kit.balancer.describe()["backends"]}

    def say(self, kit: MemoryBalancer, check: HandCheck, target: str, outcome: Outcome, times: int = 1) -> None:
        """Answer a target's checks, and good ones to the others'."""
        for _ in range(times):
            for each in check.underWay:
                check.latest(each).say(outcome if each == target else Outcome.YES)
            listen(kit.clock, 2)
