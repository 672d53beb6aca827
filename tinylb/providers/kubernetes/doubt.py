"""
Doubts a list that turns empty. An API server that stops really empties the list of all API servers for some seconds,
and so does one that has just started; a balancer that believed it would lose the control plane.
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
    ASKING = "asking"  # probing whether any known backend answers
    WAITING = "waiting"  # until they are probed again
    CONFIRMING = "confirming"  # none answers: what does the source say now?
    VERIFYING = "verifying"  # it says the same, but perhaps through a backend that has not answered before


class Doubt:
    """
    While any known backend answers, an empty list is not believed. When none does, the source is asked again, and then
    the backends are probed once more: if the list is still empty, and still none answers, it is believed. If the source
    cannot be asked, since the known backends were the way to it, they are kept: they are the only hope.

    @param clock: monotonic.
    @param random: gives numbers in [0, 1), for jitter.
    @param confirm: asks the source again, soon.
    @param believe: called when the empty list is to be believed.
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
        The source was asked, and its list is empty.

        @param known: the backends that were there before.
        """
        if self._state is State.CONFIRMING:
            self._ask(State.VERIFYING)
        else:
            self.begin(known)

    def begin(self, known: BackendSet) -> None:
        """The same, where the list has become empty by a change and not by an answer of the source."""
        if self._state is State.NONE:
            self._known = known
            self._interval = SHORTEST
            self._ask(State.ASKING)

    def notConfirmed(self) -> None:
        """The source could not be asked."""
        if self._state is State.CONFIRMING:
            self._wait()

    def end(self) -> None:
        """The list is not empty, or the source is no longer followed."""
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
