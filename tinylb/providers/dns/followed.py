"""Follows one name: asks for its records again when they expire."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from tinylb.providers.dns.answers import Answer, Kind
from tinylb.providers.dns.lookups import Lookups

T = TypeVar("T")

SHORTEST = 1.0
"""Seconds for which records are valid at least, whatever their TTL is."""

LONGEST = 300.0
"""Seconds for which records are valid at most."""

FIRST_BACKOFF = 1.0
"""Seconds from a failure to the next try, less up to half of it as jitter. Each failure in a row doubles them."""

LONGEST_BACKOFF = 30.0


class _Question(Generic[T]):
    """
    The question for one kind of records.

    @ivar asking: the lookup that is under way.
    @ivar answer: the last answer.
    @ivar failure: why the last lookup failed; L{None} if it did not.
    @ivar expires: when its records are to be asked for again, on the clock.
    @ivar kept: the records that are in force.
    """

    def __init__(self, kind: Kind[T]) -> None:
        self.kind = kind
        self.asking: Deferred[Answer[T]] | None = None
        self.answer: Answer[T] | None = None
        self.failure: str | None = None
        self.expires = inf
        self.kept: frozenset[T] = frozenset()

    @property
    def found(self) -> frozenset[T] | None:
        """The records that the last lookup found; L{None} if it has failed, or while one is under way."""
        return None if self.asking or self.failure or self.answer is None else self.answer.records

    @property
    def trouble(self) -> str | None:
        """What is wrong with it."""
        return self.answer.unusable if self.failure is None and self.answer is not None else self.failure


class FollowedName(Generic[T]):
    """
    The records of some kinds that a name has. A lookup of one kind that hangs or fails neither delays the others nor
    takes records away. An answer that there are no records of any kind takes none away either.

    @param name: taken as absolute.
    @param clock: monotonic.
    @param random: gives numbers in [0, 1), for jitter.
    @param heard: called when a lookup has succeeded or failed.
    @ivar records: those in force, of all kinds.
    """

    def __init__(
        self,
        name: str,
        kinds: Sequence[Kind[T]],
        lookups: Lookups,
        clock: IReactorTime,
        random: Callable[[], float],
        heard: Callable[[], None],
    ) -> None:
        self.name = name
        self.records: frozenset[T] = frozenset()
        self._questions = [_Question(kind) for kind in kinds]
        self._lookups = lookups
        self._clock = clock
        self._random = random
        self._heard = heard
        self._backoff = self._wait = FIRST_BACKOFF
        self._next: IDelayedCall | None = None
        self._isLate = False
        self._era = 0

    @property
    def isAsking(self) -> bool:
        """Whether a lookup is under way."""
        return any(question.asking is not None for question in self._questions)

    @property
    def isFound(self) -> bool:
        """Whether the last answers have records among them."""
        return any(question.answer.records for question in self._questions if question.answer and not question.failure)

    def start(self) -> None:
        """Begin to follow the name. Records that are known from before are not asked for while they are valid."""
        self._backoff = self._wait = FIRST_BACKOFF
        due = self._due()
        if None in (question.found for question in self._questions) or not self.isFound or due <= self._clock.seconds():
            self._ask()
        else:
            self._schedule(due)

    def refresh(self) -> None:
        """Ask now. A lookup that is under way may give an old answer, so the name is asked for once more after it."""
        self._isLate = self.isAsking
        if self._next is not None:
            self._schedule(inf)
            self._backoff = FIRST_BACKOFF
            self._ask()

    def stop(self) -> None:
        """Stop asking. What is known is kept."""
        self._era += 1
        self._isLate = False
        self._schedule(inf)
        for question in self._questions:
            asking, question.asking = question.asking, None
            if asking is not None:
                asking.cancel()

    def troubles(self) -> list[str]:
        """What is wrong, a line each."""
        kinds: dict[str, list[str]] = {}
        for question in self._questions:
            if question.trouble is not None:
                kinds.setdefault(question.trouble, []).append(question.kind.name)
        if kinds:
            return [f"{' and '.join(names)} of {self.name}: {why}" for why, names in kinds.items()]
        answers = [question.answer for question in self._questions if question.answer is not None]
        if len(answers) < len(self._questions) or any(answer.records for answer in answers):
            return []
        if all(answer.exists for answer in answers):
            return [f"{self.name} has no {' or '.join(each.kind.name for each in self._questions)} records"]
        hint = "" if "." in self.name else "; it is taken as it is, without search domains"
        return [f"{self.name} does not exist (NXDOMAIN){hint}"]

    def _ask(self) -> None:
        """Ask every question that is not being asked already."""
        self._next = None
        self._wait = self._backoff * (0.5 + self._random() / 2)
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF)
        questions = [question for question in self._questions if question.asking is None]
        lookups = [self._lookups.ask(self.name, question.kind) for question in questions]
        era = self._era
        # A lookup may have ended already. It must not be taken for the only one.
        for question, lookup in zip(questions, lookups, strict=True):
            question.asking = lookup
        for question, lookup in zip(questions, lookups, strict=True):
            lookup.addBoth(self._ended, question, era)

    def _ended(self, result: Answer[T] | Failure, question: _Question[T], era: int) -> None:
        if era != self._era:
            return
        question.asking = None
        question.expires = inf
        if isinstance(result, Failure):
            question.failure = result.getErrorMessage()
        else:
            question.answer, question.failure = result, None
            if result.records:
                question.expires = self._clock.seconds() + min(max(result.lifetime, SHORTEST), LONGEST)
        self._keep()
        if self._isLate and not self.isAsking:
            self._isLate = False
            self._schedule(self._clock.seconds())
        else:
            self._schedule(self._due())
        self._heard()

    def _keep(self) -> None:
        """An answer without records is believed only where another question has found some."""
        isSomebodyThere = any(question.found for question in self._questions)
        for question in self._questions:
            if question.found is not None and isSomebodyThere:
                question.kept = question.found
        self.records = frozenset().union(*(question.kept for question in self._questions))

    def _due(self) -> float:
        """When to ask next: when records expire, or sooner where there are none, or a lookup has failed."""
        settled = [question for question in self._questions if question.asking is None]
        due = min(question.expires for question in settled)
        found = [question.found for question in settled]
        if any(found) and None not in found:
            if not self.isAsking:
                self._backoff = FIRST_BACKOFF
            return due
        return min(due, self._clock.seconds() + self._wait)

    def _schedule(self, due: float) -> None:
        pending, self._next = self._next, None
        if pending is not None:
            pending.cancel()
        if due < inf:
            self._next = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._ask)
