"""The value under whatever its publisher and its watchers do, in any order."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tinylb import AlreadyWaiting, Value, Watcher, WatcherClosed

Reaction = Callable[["Reacting"], object]


class Follower:
    """A watcher, and what is expected of it: a model of a few lines."""

    def __init__(self, watcher: Watcher[int]) -> None:
        self.watcher = watcher
        self.seen = 0
        self.isClosed = False
        self.pending: Deferred[int] | None = None
        self.results: list[object] = []
        self.expected: list[object] = []

    def get(self) -> Deferred[int]:
        """Ask, and keep what comes: a value, or the kind of an error."""

        def keep(result: object) -> None:
            self.results.append(result.type if isinstance(result, Failure) else result)

        getting = self.watcher.get()
        getting.addBoth(keep)
        return getting

    def expect(self, result: object) -> None:
        """The pending get, if any, ends with this."""
        if self.pending is not None:
            self.pending = None
            self.expected.append(result)


class ValueMachine(RuleBasedStateMachine):
    """Anybody may do anything to a value; each watcher's results are those of the model."""

    followers = Bundle[Follower]("followers")

    def __init__(self) -> None:
        super().__init__()
        self.watched = 0
        self.value: Value[int] = Value(onWatched=self.countUp, onUnwatched=self.countDown)
        self.newest = 0
        self.all: list[Follower] = []

    def countUp(self) -> None:
        """The first watcher has come."""
        self.watched += 1

    def countDown(self) -> None:
        """The last watcher has gone."""
        self.watched -= 1

    @rule(times=st.integers(1, 3))
    def set(self, times: int) -> None:
        """Whoever waits gets the first of the values; the newest one is kept for the others."""
        for _ in range(times):
            self.newest += 1
            for follower in self.all:
                if follower.pending is not None:
                    follower.seen = self.newest
                    follower.expect(self.newest)
            self.value.set(self.newest)

    @rule()
    def fail(self) -> None:
        """Whoever waits is told."""
        for follower in self.all:
            follower.expect(OSError)
        self.value.fail(OSError())

    @rule(target=followers)
    def watch(self) -> Follower:
        """One more watcher, which has seen nothing yet."""
        follower = Follower(self.value.watch())
        self.all.append(follower)
        return follower

    @rule(follower=followers)
    def get(self, follower: Follower) -> None:
        """It gives what is unread, or waits; it fails where somebody waits already, or after the end."""
        if follower.isClosed:
            follower.expected.append(WatcherClosed)
        elif follower.pending is not None:
            follower.expected.append(AlreadyWaiting)
        elif follower.seen < self.newest:
            follower.seen = self.newest
            follower.expected.append(self.newest)
        else:
            follower.pending = follower.get()
            return
        follower.get()

    @rule(follower=followers)
    def cancel(self, follower: Follower) -> None:
        """The pending get ends; nothing else changes."""
        pending = follower.pending
        follower.expect(CancelledError)
        if pending is not None:
            pending.cancel()

    @rule(follower=followers)
    def close(self, follower: Follower) -> None:
        """The pending get ends, and so will all later ones."""
        follower.expect(WatcherClosed)
        follower.isClosed = True
        follower.watcher.close()

    @invariant()
    def asExpected(self) -> None:
        """Each get has ended with what it had to end with, in order, or still waits."""
        for follower in self.all:
            assert follower.results == follower.expected

    @invariant()
    def knowsWhetherWatched(self) -> None:
        """The provider has been told exactly whether anybody watches."""
        assert self.watched == any(not follower.isClosed for follower in self.all)


class Publisher:
    """Publishes 1, 2, 3, and so on."""

    def __init__(self) -> None:
        self.value: Value[int] = Value()
        self.newest = 0

    def publish(self) -> None:
        """Publish the next number."""
        self.newest += 1
        self.value.set(self.newest)


class Reacting:
    """
    A watcher that asks again and again, and does something each time it gets a value.

    @ivar got: the values, in order.
    """

    def __init__(self, publisher: Publisher, reactions: list[Reaction]) -> None:
        self.publisher = publisher
        self.got: list[int] = []
        self.isClosed = False
        self._watcher = publisher.value.watch()
        self._reactions = reactions
        self._ask()

    def close(self) -> None:
        """Watch no more."""
        self.isClosed = True
        self._watcher.close()

    def _ask(self) -> None:
        self._watcher.get().addCallbacks(self._take, lambda failure: failure.trap(WatcherClosed))

    def _take(self, number: int) -> None:
        self.got.append(number)
        if self._reactions:
            self._reactions.pop(0)(self)
        self._ask()


def doNothing(watcher: Reacting) -> None:
    """Only look."""


def publishOne(watcher: Reacting) -> None:
    """Publish while another value is being delivered."""
    watcher.publisher.publish()


def publishTwo(watcher: Reacting) -> None:
    """The same twice."""
    watcher.publisher.publish()
    watcher.publisher.publish()


def watchBriefly(watcher: Reacting) -> None:
    """Another watcher comes and goes."""
    watcher.publisher.value.watch().close()


reactions = st.lists(st.sampled_from([doNothing, publishOne, publishTwo, watchBriefly, Reacting.close]), max_size=4)


class ValueTests(SynchronousTestCase):
    """See L{Value} and L{Watcher}."""

    def test_anyOrder(self) -> None:
        """Under random set, fail, watch, get, cancel and close everybody gets what the model says."""
        run_state_machine_as_test(ValueMachine, settings=REPEATABLE)

    @REPEATABLE
    @given(st.lists(reactions, min_size=1, max_size=4))
    def test_reactions(self, watchers: list[list[Reaction]]) -> None:
        """Whatever watchers do while they are told, each gets newer and newer values, and the last one in the end."""
        publisher = Publisher()
        reacting = [Reacting(publisher, each) for each in watchers]
        for _ in range(3):
            publisher.publish()
        for watcher in reacting:
            self.assertEqual(watcher.got, sorted(set(watcher.got)))
            if not watcher.isClosed:
                self.assertEqual(watcher.got[-1], publisher.newest)
