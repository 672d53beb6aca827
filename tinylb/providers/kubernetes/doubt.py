"""
What becomes of a list that turns empty. A stopping API server really empties the list of them all for some seconds, and
so does one that has just started; whoever believed it would lose the control plane.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from tinylb.backends import BackendSet
from tinylb.interfaces import IProbe

SHORTEST, LONGEST = 2.0, 30.0
"""Seconds from one question to the next, at first and at the most; up to half of it less, so that many do not come
together."""


class State(Enum):
    """How far the doubt goes."""

    NONE = "none"
    ASKING = "asking"  # whether anybody who was known answers
    WAITING = "waiting"  # before that is asked again
    CONFIRMING = "confirming"  # nobody answers: what does the source say now?
    VERIFYING = "verifying"  # it says the same, but perhaps through one of those who have not answered before


class Doubt:
    """
    While anybody who was known answers, the list is not believed. When nobody does, the source is asked again, and then
    they are once more: if the source still names nobody, and still nobody answers, it is believed. If it cannot be
    asked, since who was known were the way to it, they stay the only hope.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1), for jitter.
    @param confirm: asks the source again, soon.
    @param believe: called when the source is right.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Callable[[], float],
        probe: IProbe,
        confirm: Callable[[], None],
        believe: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._random = random
        self._probe = probe
        self._confirm = confirm
        self._believe = believe
        self._known = BackendSet()
        self._state = State.NONE
        self._interval = SHORTEST
        self._asking: Deferred[None] | None = None
        self._call: IDelayedCall | None = None

    def listedNobody(self, known: BackendSet) -> None:
        """
        The source was asked, and names nobody.

        @param known: who was there before.
        """
        if self._state is State.CONFIRMING:
            self._ask(State.VERIFYING)
        else:
            self.begin(known)

    def begin(self, known: BackendSet) -> None:
        """The same; but that is what is left after a change, and not an answer."""
        if self._state is State.NONE:
            self._known = known
            self._interval = SHORTEST
            self._ask(State.ASKING)

    def notConfirmed(self) -> None:
        """The source could not be asked."""
        if self._state is State.CONFIRMING:
            self._wait()

    def end(self) -> None:
        """The source names somebody, or is followed no longer."""
        self._state = State.NONE
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()

    def _ask(self, state: State) -> None:
        self._state = state
        self._call = None
        self._asking = asking = self._probe.anyAnswers(self._known.values()).addCallback(self._answered)
        asking.addErrback(Failure.trap, CancelledError)

    def _answered(self, doesAny: bool) -> None:
        self._asking = None
        if doesAny:
            self._wait()
        elif self._state is State.ASKING:
            self._state = State.CONFIRMING
            self._confirm()
        else:
            self.end()
            self._believe()

    def _wait(self) -> None:
        self._state = State.WAITING
        self._call = self._clock.callLater(self._interval * (1 - self._random() / 2), self._ask, State.ASKING)
        self._interval = min(self._interval * 2, LONGEST)
