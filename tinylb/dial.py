"""One client's search for a backend."""

from __future__ import annotations

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory
from twisted.python.failure import Failure

from tinylb.attempt import Attempt, State
from tinylb.events import SILENT, BackendPicked, BackendRecovered, DialFailed, DialFailure
from tinylb.failures import AllFailed, DialCancelled, DialTimeout, NoBackends, explain
from tinylb.ranking import Candidate
from tinylb.search import Connected, DialRules, Seeker
from tinylb.transports import abandon

# RFC 8305 puts no bound on attempts that wait side by side. Here the one that has waited longest is
# given up in favour of the next, so that a client costs few descriptors and still reaches the last backend.
ATTEMPTS_PER_CLIENT = 4

# Bound once: looking a member up in its enumeration is slow enough to matter at each connection.
_TRYING, _CLAIMED, _OVER = State.TRYING, State.CLAIMED, State.OVER


class Dial:
    """
    One client's search. Its single timer is both the attempt delay, restarted with each attempt, and
    the deadline. It goes on ticking when no backend is left to try, so that a backend that joins the
    set meanwhile is tried.

    @param waited: seconds that the client has waited before; they count towards the timeout. Where that leaves
        backends notably less time, a timeout is no evidence against them.
    @ivar tried: the targets at which there has been an attempt.
    """

    __slots__ = (
        "_advancing",
        "_attempts",
        "_causes",
        "_client",
        "_count",
        "_deadline",
        "_due",
        "_isCutShort",
        "_isWaiting",
        "_rules",
        "_seeker",
        "_started",
        "_state",
        "_timer",
        "_untold",
        "factory",
        "tried",
    )

    def __init__(
        self,
        rules: DialRules,
        factory: IProtocolFactory,
        client: IAddress | None,
        seeker: Seeker,
        waited: float = 0.0,
    ) -> None:
        self.factory = factory
        self.tried: set[str] = set()
        self._rules = rules
        self._client = client
        self._state = _TRYING
        self._seeker = seeker
        self._attempts: dict[Attempt, None] = {}
        self._causes: list[str] = []
        self._untold: list[tuple[Candidate, DialFailure, str, float, bool]] = []
        self._count = 0
        self._started = rules.clock.seconds()
        self._deadline = self._started + rules.timeout - waited
        self._isCutShort = waited > rules.attemptDelay
        self._due = 0.0
        self._timer: IDelayedCall | None = None
        self._advancing = False
        self._isWaiting = False

    def start(self) -> None:
        """Begin. The timeout counts from the moment that the dial was made."""
        self._rules.late.add(self)
        self._setTimer(self._rules.clock.seconds())
        self.advance()

    def cancel(self) -> None:
        """Give up: the backend is not wanted any more. Every attempt ends."""
        if self._state is not _OVER:
            self._fail(DialCancelled(tuple(self._causes), self._count))

    def arm(self) -> None:
        """See L{Lasting <tinylb.late.Lasting>}."""
        if self._state is not _OVER:
            self._timer = self._rules.clock.callLater(max(0.0, self._due - self._rules.clock.seconds()), self._tick)

    def advance(self) -> None:
        """Start the next attempt if there is a backend left to try; fail if there is nothing left to wait for."""
        if self._advancing:
            return  # called while an attempt is being started: the loop of the outer call sees what came of it
        self._advancing = True
        try:
            while self._state is _TRYING:
                manners, attempts = self._rules.manners, self._attempts
                if len(attempts) == ATTEMPTS_PER_CLIENT and manners.remain(self.tried, attempts, isFree=True):
                    self._giveUpLongest()
                    continue
                candidate = manners.pick(self.tried, attempts)
                if candidate is None:
                    self._nobodyToPick()
                    break
                attempt = self._try(candidate)
                if attempt.state is _TRYING:
                    break
        except Exception as error:  # raised by an application's own policy or backend
            self._fail(error)
        finally:
            self._advancing = False

    def claim(self, attempt: Attempt) -> bool:
        """An attempt has its connection. The first one whose target is still in the set wins."""
        if self._state is not _TRYING or attempt.target not in self._rules.selection.backends.targets:
            return False
        self._state = attempt.state = _CLAIMED
        if len(self._attempts) == 1:
            return True
        for other in tuple(self._attempts):
            if other is not attempt:
                self.drop(other)
                if other.started < attempt.started:
                    self._blame(other, DialFailure.OVERTAKEN, "no answer while another backend connected")
        return True

    def hasOthers(self) -> bool:
        """Whether there is a backend that was not tried."""
        return self._rules.selection.remain(self.tried)

    def moveOn(self, attempt: Attempt, isGone: bool) -> None:
        """
        The attempt's target is gone, or dead: find another, even if the connection was made already. A target that is
        gone may be tried again, as a backend that only stands by may still be there.
        """
        self.drop(attempt)
        if isGone:
            self.tried.discard(attempt.target)
        if self._state is _CLAIMED:
            self._state = _TRYING
        self.advance()

    def drop(self, attempt: Attempt) -> None:
        """End an attempt, whatever it was doing."""
        if attempt.state is _OVER:
            return
        protocol, connecting = attempt.protocol, attempt.connecting
        self._over(attempt)
        if connecting is not None:
            if getattr(protocol, "transport", None) is None:
                connecting.cancel()
            else:  # we may be within its connectionMade, where Twisted's endpoints cannot be cancelled
                self._rules.clock.callLater(0, connecting.cancel)
        abandon(protocol)

    def _try(self, candidate: Candidate) -> Attempt:
        rules = self._rules
        now = rules.clock.seconds()
        attempt = Attempt(self, candidate, now)
        self.tried.add(candidate.target)
        self._attempts[attempt] = None
        self._count += 1
        self._setTimer(now)
        if self._isWaiting:
            self._isWaiting = False
            rules.room.leave(self)
        rules.registry.addAttempt(attempt)
        candidate.record.picked += 1
        rules.tell(BackendPicked, self._client, candidate.id, candidate.target, self._count, candidate.passedOver)
        if attempt not in self._attempts:
            return attempt  # an observer has taken the target out of the set
        connecting = maybeDeferred(candidate.backend.connect, attempt)
        if attempt.state is _OVER:
            connecting.cancel()
        else:
            attempt.connecting = connecting
        connecting.addCallbacks(self._connected, self._failed, callbackArgs=(attempt,), errbackArgs=(attempt,))
        return attempt

    def _giveUpLongest(self) -> None:
        longest = next(iter(self._attempts))
        self.drop(longest)
        self._blame(longest, DialFailure.OVERTAKEN, "no answer")
        self._tellFailures()

    def _setTimer(self, now: float) -> None:
        due = now + self._rules.attemptDelay
        self._due = due if due < self._deadline else self._deadline
        if self._timer is not None:
            self._timer.reset(max(0.0, self._due - now))

    def _tick(self) -> None:
        self._timer = None
        now = self._rules.clock.seconds()
        if now >= self._deadline:
            self._timedOut()
            return
        self._setTimer(now)
        self.arm()
        self.advance()

    def _nobodyToPick(self) -> None:
        """Wait if a target may have room later, or an attempt is still under way; else fail."""
        if self._rules.manners.remain(self.tried, self._attempts, isFree=False):
            self._isWaiting = True
            self._rules.room.wait(self)
        elif not self._attempts:
            kind = AllFailed if self._causes else NoBackends
            self._fail(kind(tuple(self._causes) or ("no backend to try",), self._count))

    def _connected(self, protocol: IProtocol, attempt: Attempt) -> None:
        if attempt.state is not _CLAIMED:
            abandon(protocol)  # made by an endpoint that could not be cancelled
            return
        candidate = attempt.candidate
        if self._untold:
            self._tellFailures()
        candidate.record.connected(self._rules.clock.seconds() - attempt.started)
        if candidate.record.isSuspect:
            candidate.record.isSuspect = False
            self._rules.tell(BackendRecovered, self._client, candidate.id, candidate.target)
        if attempt.state is not _CLAIMED:
            return  # dropped: an observer has taken the target out of the set, or cancelled the dial
        self._over(attempt)
        self._finish()
        seconds = self._rules.clock.seconds() - self._started
        self._seeker.found(Connected(candidate, protocol, self._count, seconds))

    def _failed(self, failure: Failure, attempt: Attempt) -> None:
        if attempt.state is _OVER:
            return
        self._state = _TRYING
        self._over(attempt)
        self._blame(attempt, *explain(failure))
        self._tellFailures()
        self.advance()

    def _blame(self, attempt: Attempt, kind: DialFailure, why: str, *, mayBeEvidence: bool = True) -> None:
        candidate = attempt.candidate
        record = candidate.record
        isEvidence = mayBeEvidence and kind is not DialFailure.LOCAL
        if isEvidence and kind in SILENT:  # where other attempts come through meanwhile, a packet may have been lost
            isEvidence = record.reached == attempt.reachedBefore
        if isEvidence:
            record.isSuspect = True
            record.failed += kind is not DialFailure.OVERTAKEN
        self._causes.append(f"{candidate.id} ({candidate.target}): {why}")
        seconds = self._rules.clock.seconds() - attempt.started
        self._untold.append((candidate, kind, why, seconds, isEvidence))

    def _tellFailures(self) -> None:
        """Observers may change the set, and with it this dial, so they are told between two of its steps."""
        untold, self._untold = self._untold, []
        for candidate, kind, why, seconds, isEvidence in untold:
            self._rules.tell(DialFailed, self._client, candidate.id, candidate.target, kind, why, seconds, isEvidence)

    def _over(self, attempt: Attempt) -> None:
        attempt.state = _OVER
        # Twisted's connector holds the attempt, which is its factory, until Python collects cycles.
        attempt.protocol = attempt.connecting = attempt.dial = None
        del self._attempts[attempt]
        self._rules.registry.removeAttempt(attempt)
        self._rules.room.freed(attempt.target)

    def _timedOut(self) -> None:
        for attempt in tuple(self._attempts):
            self._blame(attempt, DialFailure.TIMEOUT, "no answer", mayBeEvidence=not self._isCutShort)
        causes = tuple(self._causes) or ("as many attempts as may be are under way already",)
        self._fail(DialTimeout(causes, self._count))

    def _fail(self, error: Exception) -> None:
        self._finish()
        self._tellFailures()
        for attempt in tuple(self._attempts):
            self.drop(attempt)
        self._seeker.notFound(error)

    def _finish(self) -> None:
        self._state = _OVER
        if self._isWaiting:
            self._rules.room.leave(self)
        self._rules.late.remove(self)
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
