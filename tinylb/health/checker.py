"""Checks one target, again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from tinylb.events import DialFailure, Verdict
from tinylb.failures import explain
from tinylb.health.answer import Answer, Outcome
from tinylb.health.judge import Judge
from tinylb.health.timeout import FairTimeout
from tinylb.interfaces import IBackend, IHealthCheck
from tinylb.reach import Reach
from tinylb.wording import printable

LONGEST_WHY = 100
"""Characters of evidence; more is cut off."""

# Failures that do not mean that the target cannot be reached: a resolver that fails says nothing about the target, and
# a peer that resets a connection has accepted it before.
_REACHED = (DialFailure.NAME, DialFailure.RESET)

# The outcomes that speak for a verdict. One that speaks against it and does not change it yet is not told as its cause.
_EVIDENCE = {
    Verdict.READY: (Outcome.YES,),
    Verdict.NOT_READY: (Outcome.NO, Outcome.SILENCE, Outcome.UNREACHABLE),
    Verdict.DEAD: tuple(Outcome),  # a target that answers keeps its connections, though it is not trusted yet
}


@dataclass(frozen=True)
class CheckRules:
    """
    What all checks of a balancer have in common.

    @ivar clock: monotonic.
    @ivar random: gives numbers in [0, 1), for jitter.
    @ivar interval: seconds from one check's start to the next one's, give or take a fifth.
    @ivar timeout: seconds for one check.
    @ivar rise: good outcomes in a row that make a target ready; C{fall}: bad ones that make it not ready, or dead.
    @ivar backend: gives the backend that is at a target now, by which the target is reached.
    @ivar tell: is told of each outcome that speaks for the present verdict.
    @ivar answered: is told of each target that gave a good answer.
    """

    clock: IReactorTime
    check: IHealthCheck
    random: Callable[[], float]
    interval: float
    timeout: float
    rise: int
    fall: int
    backend: Callable[[str], IBackend]
    tell: Callable[[Checker, Verdict, str], None]
    answered: Callable[[str], None]


class Checker:
    """
    Runs one check at a time; the next begins when the interval is over, and this one has ended.

    @ivar unheard: when each of the latest checks in a row without an answer began; as many as condemn a target,
        and at least two: between two checks the other targets have been heard, if they can be.
    """

    def __init__(self, rules: CheckRules, target: str) -> None:
        self.target = target
        self.unheard: deque[float] = deque(maxlen=max(2, rules.fall))
        self._goodFrom: float | None = None
        self._goodUntil = 0.0
        self._rules = rules
        self._judge = Judge(rules.rise, rules.fall)
        self._running: Deferred[None] | None = None
        self._reach: Reach
        self._timeout: FairTimeout
        self._next: IDelayedCall | None = None
        self._isStopped = False

    def start(self) -> None:
        """Check now, and from then on again and again."""
        self._next = None
        rules = self._rules
        started = rules.clock.seconds()
        self._reach = Reach(rules.backend(self.target))
        self._timeout = FairTimeout(rules.clock, rules.timeout, self._expired)
        asked: Deferred[Answer] = maybeDeferred(rules.check.check, self._reach, self.target)
        self._running = asked.addErrback(self._failed).addCallback(self._ended, started)

    def stop(self) -> None:
        """Check no more."""
        self._isStopped = True
        self._timeout.cancel()
        if self._next is not None:
            self._next.cancel()
        if self._running is not None:
            self._running.cancel()
        self._reach.close()

    def wasGoodAt(self, time: float) -> bool:
        """Whether it has given only good answers since before that time, one of them after it."""
        return self._goodFrom is not None and self._goodFrom <= time <= self._goodUntil

    def _expired(self) -> None:
        assert self._running is not None, "the timeout is cancelled with the end of the check"
        self._running.cancel()

    def _failed(self, failure: Failure) -> Answer:
        """There was no answer: find out why. L{FairTimeout} has cancelled the check if it took too long."""
        timedOut = not self._timeout.isRunning
        reach = self._reach
        reach.close()
        if timedOut:
            within = f"within {self._rules.timeout:g} s"
            if reach.isConnected:
                return Answer(Outcome.SILENCE, f"no answer {within}")
            if reach.isTried:
                return Answer(Outcome.UNREACHABLE, f"no connection {within}")
            return Answer(Outcome.NO, f"not looked up {within}")
        if reach.failure is None:  # it failed before it tried to connect, or after it had connected
            return Answer(Outcome.NO, explain(failure)[1])
        kind, why = explain(reach.failure)
        if kind is DialFailure.LOCAL:
            return Answer(Outcome.UNKNOWN, why)
        return Answer(Outcome.NO if kind in _REACHED else Outcome.UNREACHABLE, why)

    def _ended(self, answer: Answer, started: float) -> None:
        self._running = None
        self._timeout.cancel()
        self._reach.finish()
        if self._isStopped:
            return
        rules = self._rules
        due = started + rules.interval * (0.8 + 0.4 * rules.random())
        self._next = rules.clock.callLater(max(0.0, due - rules.clock.seconds()), self._again)
        if answer.outcome is not Outcome.UNKNOWN:
            self._conclude(answer._replace(why=printable(answer.why, LONGEST_WHY)), started)

    def _again(self) -> None:
        self._reach.close()
        self.start()

    def _conclude(self, answer: Answer, started: float) -> None:
        rules = self._rules
        verdict = self._judge.hear(answer.outcome)
        if answer.outcome is Outcome.YES:
            self._goodFrom = started if self._goodFrom is None else self._goodFrom
            self._goodUntil = rules.clock.seconds()
            rules.answered(self.target)
        else:
            self._goodFrom = None
        if answer.outcome in (Outcome.YES, Outcome.NO):
            self.unheard.clear()
        else:
            self.unheard.append(started)
        if answer.outcome in _EVIDENCE[verdict] and not self._isStopped:
            often = ""
            if verdict is Verdict.DEAD:
                often = ", again and again" if self.unheard else ", though not often enough yet"
            rules.tell(self, verdict, f"check: {answer.why}{often}")
