"""Looks at the pairs that last, time and again, and finds those whose peer has vanished without a FIN or a reset."""

from __future__ import annotations

from itertools import chain, islice
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from tinylb.hearing import Hearing
from tinylb.relay.interface import Side
from tinylb.sockets import PROBES, probing

# Pairs that are looked at in one turn of the reactor, and the least seconds to the next such turn.
TURN = 200
PAUSE = 0.005


class Watched(Protocol):
    """A pair."""

    beat: Beat | None

    def hearing(self, side: Side) -> Hearing | None:
        """What is known of one of its peers; L{None} if nothing is."""

    def vanished(self, side: Side) -> None:
        """A peer has vanished."""


Beat = dict[Watched, None]
"""The pairs that are to be looked at in the same step."""


class Patrol:
    """
    A peer is lost when nothing has come from it for about twice the keepalive though it was asked for an answer again
    and again. The kernel does the asking: it probes idle peers and those that do not read, and sends again what is not
    acknowledged. TCP_USER_TIMEOUT would also end connections to peers that are alive and do not read.

    @param keepalive: seconds; 0: no pair is looked at.
    """

    def __init__(self, clock: IReactorTime, keepalive: float) -> None:
        self._clock = clock
        idle, interval = probing(keepalive)
        # There has to be time for an answer to the last probe. But a whole interval after it the kernel would end an
        # idle connection by itself, without saying why.
        self._limit = idle + (PROBES - 1 + 0.6) * interval
        self._step = 0.1 * interval
        self._isOn = keepalive > 0
        self._beats: dict[int, Beat] = {}
        self._count = 0
        self._call: IDelayedCall | None = None
        self._next = 0

    def add(self, pair: Watched) -> None:
        """From now on a pair is looked after, until it is removed."""
        if self._isOn:
            self._look(pair)

    def remove(self, pair: Watched) -> None:
        """The pair has ended."""
        beat, pair.beat = pair.beat, None
        if beat is not None:
            del beat[pair]
            self._count -= 1
            if not self._count:
                self._beats.clear()
                if self._call is not None:
                    self._call.cancel()
                    self._call = None

    def _look(self, pair: Watched) -> None:
        silence = None
        for side in Side:
            heard = pair.hearing(side)
            if heard is not None:
                if heard.isMute and heard.silence >= self._limit:
                    pair.vanished(side)
                    return
                silence = max(heard.silence, silence or 0.0)
        if silence is not None:
            self._schedule(pair, max(self._limit - silence, self._step))

    def _schedule(self, pair: Watched, delay: float) -> None:
        number = int((self._clock.seconds() + delay) / self._step) + 1
        pair.beat = self._beats.setdefault(number, {})
        pair.beat[pair] = None
        self._count += 1
        self._callFor(number)

    def _callFor(self, number: int) -> None:
        """See to it that the next round is at the time of a beat, if not before."""
        delay = max(PAUSE, number * self._step - self._clock.seconds())
        if self._call is None:
            self._call = self._clock.callLater(delay, self._goRound)
        elif number < self._next:
            self._call.reset(delay)
        else:
            return
        self._next = number

    def _goRound(self) -> None:
        """Look at the pairs whose time has come; if they are many, at some now and at the others in a moment."""
        self._call = None
        # Rounded: a round comes at the time of its beat, but the sum of a time and a delay may be a little less.
        now = int(self._clock.seconds() / self._step + 0.5)
        beats = (beat for number, beat in sorted(self._beats.items()) if number <= now)
        for pair in tuple(islice(chain.from_iterable(beats), TURN)):
            if pair.beat is not None:  # what was just done has not ended it
                self.remove(pair)
                self._look(pair)
        self._beats = {number: beat for number, beat in self._beats.items() if beat}
        if self._beats:
            self._callFor(min(self._beats))
