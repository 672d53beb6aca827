"""
What becomes of a list that turns empty. A stopping API server really empties the list of them all for some seconds, and
whoever believed it would lose the control plane.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from tinylb.backends import BackendSet
from tinylb.interfaces import IProbe

INTERVAL = 2.0
"""Seconds from one question to the next."""


class State(Enum):
    """How far the doubt goes."""

    NONE = "none"
    ASKING = "asking"  # whether anybody who was known answers
    WAITING = "waiting"  # before that is asked again
    CONFIRMING = "confirming"  # nobody answers: what does the source say now?


class Doubt:
    """
    While anybody who was known answers, the list is not believed. When nobody does, the source is asked again; what it
    says then counts. If it cannot be asked, since who was known were the way to it, they stay the only hope.

    @param clock: monotonic.
    @param confirm: asks the source again.
    """

    def __init__(self, clock: IReactorTime, probe: IProbe, confirm: Callable[[], None]) -> None:
        self._clock = clock
        self._probe = probe
        self._confirm = confirm
        self._known = BackendSet()
        self._state = State.NONE
        self._asking: Deferred[None] | None = None
        self._call: IDelayedCall | None = None

    @property
    def isDoubting(self) -> bool:
        """Whether the source is not believed at present."""
        return self._state is not State.NONE

    def isBelieved(self, known: BackendSet) -> bool:
        """
        The source says that there is nobody.

        @param known: who was there before.
        """
        if not known or self._state is State.CONFIRMING:
            self.end()
            return True
        if self._state is State.NONE:
            self._known = known
            self._ask()
        return False

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

    def _ask(self) -> None:
        self._state = State.ASKING
        self._call = None
        self._asking = asking = self._probe.anyAnswers(self._known.values()).addCallback(self._answered)
        asking.addErrback(Failure.trap, CancelledError)

    def _answered(self, doesAny: bool) -> None:
        self._asking = None
        if doesAny:
            self._wait()
        else:
            self._state = State.CONFIRMING
            self._confirm()

    def _wait(self) -> None:
        self._state = State.WAITING
        self._call = self._clock.callLater(INTERVAL, self._ask)
