"""The service that checks every target of a balancer."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, MutableSequence
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from tinylb.backends import BackendSet
from tinylb.events import BackendsReplaced, Event, Verdict
from tinylb.findings import Finding
from tinylb.health.checker import Checker, CheckRules
from tinylb.interfaces import IBackend, IHealthCheck, IObserver, ISelectiveObserver
from tinylb.settings import checkAtLeast

# Targets whose checks begin in one turn of the reactor; clients are served between the turns.
AT_ONCE = 20


class Checked(Protocol):
    """Something whose backends can be checked: a balancer, or a balanced endpoint."""

    clock: IReactorTime

    @property
    def observers(self) -> MutableSequence[IObserver]:
        """Told when there is another set."""

    @property
    def backends(self) -> BackendSet:
        """The current set."""

    def judge(self, target: str, finding: Finding, *, by: str) -> None:
        """Take what was found out about a target."""

    def answered(self, target: str) -> None:
        """A target was reached."""


@implementer(ISelectiveObserver)
class HealthChecks(Service):
    """
    Checks each target of the current set: at once when it joins the set, then again and again, each on its own. When
    the service stops, the balancer keeps what was found until the target leaves the set.

    @param balancer: a L{LoadBalancer <tinylb.LoadBalancer>}, or a L{BalancedEndpoint <tinylb.BalancedEndpoint>}; of
        an endpoint the backends that it followed last are checked, even while it is idle.
    @param check: an L{IHealthCheck}, such as L{TCPCheck <tinylb.health.tcp.TCPCheck>}.
    @param interval: seconds from one check of a target to the next, give or take a fifth.
    @param timeout: seconds that a check may take.
    @param rise: how many good answers in a row make a target ready again.
    @param fall: how many bad ones in a row make it not ready, or dead; see L{Judge <tinylb.health.judge.Judge>}.
    @param name: tells apart the services that check one balancer, which keeps the findings of each.
    @param random: gives numbers in [0, 1), for jitter.
    @raise TypeError: when C{check} is no check.
    @raise ValueError: when a number is too small.
    """

    kinds = frozenset((BackendsReplaced,))

    def __init__(
        self,
        balancer: Checked,
        check: IHealthCheck,
        *,
        interval: float = 2.0,
        timeout: float = 1.0,
        rise: int = 2,
        fall: int = 3,
        name: str = "checks",
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        if not hasattr(check, "check"):
            raise TypeError(f"the check is {check!r}; expected: an IHealthCheck, such as TCPCheck()")
        checkAtLeast(0.01, interval=interval, timeout=timeout)
        checkAtLeast(1, rise=rise, fall=fall)
        self._balancer = balancer
        self._name = name
        self._checkers: dict[str, Checker] = {}
        self._call: IDelayedCall | None = None
        self._rules = CheckRules(
            balancer.clock, check, random, interval, timeout, rise, fall, self._backendAt, self._tell, balancer.answered
        )

    def startService(self) -> None:
        """Check every target in the set, and each that joins it."""
        Service.startService(self)
        self._balancer.observers.append(self)
        self._follow()

    def stopService(self) -> None:
        """Check no more. Checks that are under way are given up."""
        if not self.running:
            return
        Service.stopService(self)
        self._balancer.observers.remove(self)
        if self._call is not None:
            self._call.cancel()
            self._call = None
        checkers, self._checkers = self._checkers, {}
        for checker in checkers.values():
            checker.stop()

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if self.running:
            self._follow()

    def _follow(self) -> None:
        targets = self._balancer.backends.targets
        for target in self._checkers.keys() - targets:
            self._checkers.pop(target).stop()
        new = sorted(targets - self._checkers.keys())
        for target in new[:AT_ONCE]:
            # A check that is answered at once may have changed the set, or stopped this service.
            if self.running and target in self._balancer.backends.targets and target not in self._checkers:
                checker = self._checkers[target] = Checker(self._rules, target)
                checker.start()
        if self.running and len(new) > AT_ONCE and self._call is None:
            self._call = self._rules.clock.callLater(0, self._goOn)

    def _goOn(self) -> None:
        self._call = None
        self._follow()

    def _backendAt(self, target: str) -> IBackend:
        """The backend that has it now: a new set may have new objects though nothing about them has changed."""
        backends = self._balancer.backends
        return next(backends[member.id] for member in backends.members if member.target == target)

    def _tell(self, checker: Checker, verdict: Verdict, why: str) -> None:
        isSparing = verdict is Verdict.DEAD and not self._othersAnswer(checker)
        self._balancer.judge(checker.target, Finding(verdict, why, isSparing=isSparing), by=self._name)

    def _othersAnswer(self, checker: Checker) -> bool:
        """
        Whether another target gave good answers all the while that nothing was heard of this one. If none did, it may
        be that this machine reaches nobody.
        """
        since = checker.unheard
        return bool(since) and any(other.wasGoodAt(since[0]) for other in self._checkers.values())
