"""What dialling teaches: a target where an attempt failed rests for a while, and others are preferred to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from tinylb.events import SILENT, BackendRecovered, DialFailed, Event, TargetRemoved, Verdict
from tinylb.findings import Finding
from tinylb.interfaces import ISelectiveObserver

# Seconds. Up to half of that is added at random, so that balancers that saw the same failure do not all return at once.
SHORTEST, LONGEST = 1.0, 20.0


class Judging(Protocol):
    """Takes a finding, and returns whether the target is in the set."""

    def __call__(self, target: str, finding: Finding, *, by: str) -> bool: ...


@dataclass
class Rest:
    """
    The rest of a target.

    @ivar failures: how many rests there have been without a success between them.
    @ivar why: what failed.
    @ivar isSilent: whether the failure was a missing answer, and not an error.
    @ivar until: when it ends, by the clock; L{None} once it has ended, and the target is tried again.
    @ivar call: ends it, unless rests are suspended.
    """

    failures: int = 0
    why: str = ""
    isSilent: bool = False
    until: float | None = None
    call: IDelayedCall | None = None


@implementer(ISelectiveObserver)
class Rests:
    """
    An attempt that failed, or that a later one has overtaken, makes its target rest: for 1 s to 1.5 s at first, twice
    as long with each failure that follows on a rest, up to 30 s. When the rest is over the target has its turns again,
    for one client at a time (L{Room.isFree <tinylb.room.Room.isFree>}); the first success makes it as good as any.
    Failures during a rest do not prolong it: many clients may have met the same failure, and while all targets rest,
    all are tried.

    @param random: gives numbers in [0, 1).
    @param judge: is given what was found.
    """

    kinds = frozenset((BackendRecovered, DialFailed, TargetRemoved))

    def __init__(self, clock: IReactorTime, random: Callable[[], float], judge: Judging) -> None:
        self._clock = clock
        self._random = random
        self._judge = judge
        self._rests: dict[str, Rest] = {}
        self._isSuspended = False

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if isinstance(event, DialFailed):
            if event.isEvidence:
                self._failed(event.target, event.why, event.kind in SILENT)
        elif isinstance(event, BackendRecovered):
            if self._forget(event.target):
                self._judge(event.target, Finding(Verdict.READY, "it accepts connections again"), by="dials")
        elif isinstance(event, TargetRemoved) and self._forget(event.target):
            # The target may be back in the set by now, and would still have the finding of this rest.
            self._judge(event.target, Finding(), by="dials")

    def answered(self, target: str) -> None:
        """
        Something else, such as a health check, has reached the target: its rest ends. It goes on if the target was too
        slow for clients, as a check may be more patient.
        """
        rest = self._rests.get(target)
        if rest is not None and not rest.isSilent:
            self._forget(target)
            self._judge(target, Finding(Verdict.READY, "it can be reached again"), by="dials")

    def suspend(self) -> None:
        """Schedule nothing any more, until L{resume}."""
        self._isSuspended = True
        for rest in self._rests.values():
            if rest.call is not None:
                rest.call.cancel()
                rest.call = None

    def resume(self) -> None:
        """Rests end when they would have ended anyway, which for some may be in the past."""
        self._isSuspended = False
        for target, rest in tuple(self._rests.items()):
            if rest.until is not None and rest.call is None:
                self._endAt(rest.until, target, rest)

    def _failed(self, target: str, why: str, isSilent: bool) -> None:
        rest = self._rests.setdefault(target, Rest())
        if rest.until is not None:
            return
        least = min(SHORTEST * 2 ** min(rest.failures, 10), LONGEST)
        seconds = least * (1 + self._random() / 2)
        rest.failures += 1
        rest.why, rest.isSilent = why, isSilent
        if self._judge(target, Finding(Verdict.RESTING, f"{why}; it rests for {seconds:.1f} s"), by="dials"):
            rest.until = self._clock.seconds() + seconds
            self._endAt(rest.until, target, rest)
        else:
            del self._rests[target]

    def _endAt(self, when: float, target: str, rest: Rest) -> None:
        if not self._isSuspended:
            rest.call = self._clock.callLater(max(0.0, when - self._clock.seconds()), self._over, target, rest)

    def _over(self, target: str, rest: Rest) -> None:
        rest.until = rest.call = None
        why = f"{rest.why}; it may be tried again, by one client at a time"
        self._judge(target, Finding(Verdict.RESTING, why, isDue=True), by="dials")

    def _forget(self, target: str) -> bool:
        rest = self._rests.pop(target, None)
        if rest is not None and rest.call is not None:
            rest.call.cancel()
        return rest is not None
