"""Following a provider, and outliving its failures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.followercase import FollowerCase
from tests.unit.loglines import logLines
from tinylb import BackendSet, Watcher
from tinylb.follower import Follower
from tinylb.interfaces import IProvider, IWatcher
from tinylb.testing import ManualProvider, MemoryBackend


@implementer(IProvider, IWatcher)
class FailingProvider:
    """A provider that fails each time it is asked, and its own watcher."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[float] = []
        self._clock = clock

    def watch(self) -> FailingProvider:
        """See L{IProvider.watch}."""
        return self

    def get(self) -> Deferred[Any]:
        """See L{IWatcher.get}."""
        self.asked.append(self._clock.seconds())
        return fail(OSError("no answer"))

    def close(self) -> None:
        """See L{IWatcher.close}."""


class TakeTests(FollowerCase):
    """Sets that come."""

    def test_atStart(self) -> None:
        """A set that is there already has been taken when the start is over."""
        self.provider.set(self.backends("a"))
        self.assertEqual(self.taken, [])
        self.follower.start()
        self.assertEqual(self.taken, ["a"])

    def test_each(self) -> None:
        """Each set is taken the moment it is published."""
        self.follower.start()
        for ids in (["a"], ["a", "b"], []):
            self.provider.set(self.backends(*ids))
            self.assertEqual(self.taken[-1], ",".join(ids))
        self.assertEqual(len(self.taken), 3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_plainMapping(self) -> None:
        """A provider of one's own may publish a plain mapping."""
        self.follower.start()
        self.provider.set(cast(BackendSet, {"b": MemoryBackend(self.clock, "b"), "a": MemoryBackend(self.clock, "a")}))
        self.assertEqual(self.taken, ["a,b"])

    def test_publishedMeanwhile(self) -> None:
        """A set that is published while another is being taken is taken next."""

        def take(backends: BackendSet) -> None:
            self.taken.append(",".join(backends))
            if len(self.taken) == 1:
                self.provider.set(self.backends("b"))

        follower = Follower(self.clock, self.provider, take, lambda: 0.0)
        follower.start()
        self.provider.set(self.backends("a"))
        self.assertEqual(self.taken, ["a", "b"])

    def test_stop(self) -> None:
        """After a stop nothing is taken any more, and nobody is watching."""
        unwatched: list[str] = []
        provider = ManualProvider(onUnwatched=lambda: unwatched.append("now"))
        follower = self.follow(provider)
        follower.start()
        follower.stop()
        provider.set(self.backends("a"))
        self.assertEqual((self.taken, unwatched, self.lines), ([], ["now"], []))

    def test_stopMeanwhile(self) -> None:
        """A stop while a set is being taken is a stop."""
        follower: Follower

        def take(backends: BackendSet) -> None:
            self.taken.append(",".join(backends))
            follower.stop()

        follower = Follower(self.clock, self.provider, take, lambda: 0.0)
        follower.start()
        self.provider.set(self.backends("a"))
        self.provider.set(self.backends("b"))
        self.assertEqual((self.taken, self.lines), (["a"], []))

    def test_startAgain(self) -> None:
        """Started again, it takes the current set and goes on."""
        self.provider.set(self.backends("a"))
        self.follower.start()
        self.follower.stop()
        self.follower.stop()
        self.follower.start()
        self.provider.set(self.backends("b"))
        self.assertEqual(self.taken, ["a", "a", "b"])


class Unclosable:
    """A watcher that never has anything, and raises when it is closed."""

    def get(self) -> Deferred[BackendSet]:
        """See L{IWatcher}."""
        return Deferred()

    def close(self) -> None:
        """See L{IWatcher}."""
        raise ZeroDivisionError


class FailureTests(FollowerCase):
    """Providers that fail."""

    def test_goesOn(self) -> None:
        """A failure takes nothing away, and is followed by whatever is published next."""
        self.follower.start()
        self.provider.set(self.backends("a"))
        self.provider.fail(OSError("no answer"))
        self.assertEqual(self.taken, ["a"])
        self.clock.advance(1)
        self.provider.set(self.backends("b"))
        self.assertEqual(self.taken, ["a", "b"])

    def test_publishedBetween(self) -> None:
        """What is published before the provider is asked again is not lost."""
        self.follower.start()
        self.provider.fail(OSError("no answer"))
        self.provider.set(self.backends("a"))
        self.clock.advance(1)
        self.assertEqual(self.taken, ["a"])

    def test_loggedOnce(self) -> None:
        """An error is logged once, however often it comes back, and shown."""
        provider = FailingProvider(self.clock)
        follower = self.follow(provider)
        follower.start()
        self.clock.pump([1] * 300)
        self.assertGreater(len(provider.asked), 10)
        self.assertEqual(self.lines, ["error: The provider failed; the last set stays in force: OSError: no answer"])
        self.assertEqual(follower.describe()["error"], "OSError: no answer")

    def test_otherError(self) -> None:
        """Another error is logged, too."""
        self.follower.start()
        self.provider.fail(OSError("no answer"))
        self.clock.advance(1)
        self.provider.fail(OSError("no route"))
        self.assertEqual([line.rpartition(": ")[2] for line in self.lines], ["no answer", "no route"])

    def test_worksAgain(self) -> None:
        """Its end is logged, once, and the same error is news afterwards."""
        self.follower.start()
        self.provider.fail(OSError("no answer"))
        self.clock.advance(1)
        self.provider.set(self.backends("a"))
        self.provider.set(self.backends("b"))
        self.assertIsNone(self.follower.describe()["error"])
        self.provider.fail(OSError("no answer"))
        self.assertEqual([line.partition(":")[0] for line in self.lines], ["error", "info", "error"])

    def intervals(self, random: float) -> list[float]:
        """Seconds between the times a provider that always fails is asked."""
        provider = FailingProvider(self.clock)
        self.follow(provider, random).start()
        self.clock.pump([0.125] * 8 * 200)
        return [later - earlier for earlier, later in pairwise(provider.asked)]

    def test_backoff(self) -> None:
        """It is asked again after about 1 s, then ever more rarely, and after 30 s at the most."""
        intervals = self.intervals(0.999)
        self.assertTrue(0.9 <= intervals[0] <= 1.125, intervals)
        self.assertEqual(intervals, sorted(intervals))
        self.assertTrue(29 <= intervals[-1] <= 30.125, intervals)

    def test_jitter(self) -> None:
        """Chance halves these times at the most, so that not all instances ask at once."""
        for short, long in zip(self.intervals(0.0), self.intervals(0.999), strict=False):
            self.assertLess(short, long)
            self.assertGreaterEqual(short, long / 2 - 0.125)

    def test_backoffBeginsAnew(self) -> None:
        """Once the provider has worked, the next failure is tried again soon."""
        self.follower.start()
        for _ in range(10):
            self.provider.fail(OSError("no answer"))
            self.clock.advance(30)
        self.provider.set(self.backends("a"))
        self.provider.fail(OSError("no answer"))
        self.clock.advance(1)
        self.provider.set(self.backends("b"))
        self.assertEqual(self.taken, ["a", "b"])

    def test_stopBeforeRetry(self) -> None:
        """A stop forgets that the provider was to be asked again."""
        provider = FailingProvider(self.clock)
        follower = self.follow(provider)
        follower.start()
        follower.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(provider.asked), 1)

    def test_providerEnds(self) -> None:
        """A provider that closes the watcher is not asked again; the log says what happened."""
        watchers: list[IWatcher] = []

        @implementer(IProvider)
        class Ending(ManualProvider):
            def watch(self) -> Any:
                watchers.append(super().watch())
                return watchers[-1]

        follower = self.follow(Ending())
        follower.start()
        watchers[0].close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.lines), 1)
        self.assertIn("WatcherClosed", self.lines[0])

    def test_cannotBeClosed(self) -> None:
        """A watcher that raises when it is closed hinders no stop; that is logged."""
        self.patch(self.provider, "watch", Unclosable)
        self.follower.start()
        self.follower.stop()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_notASet(self) -> None:
        """What is no set is an error of the provider's, and the next set is taken."""
        self.follower.start()
        self.provider.set(cast(BackendSet, {"cp-1": "192.0.2.11:6443"}))
        self.assertEqual(self.taken, [])
        self.assertIn("IBackend", self.lines[0])
        self.clock.advance(1)
        self.provider.set(self.backends("a"))
        self.assertEqual(self.taken, ["a"])

    def test_cannotBeTaken(self) -> None:
        """A set that cannot be taken does not end the following."""

        def take(backends: BackendSet) -> None:
            if not backends:
                raise RuntimeError("not this one")
            self.taken.append(",".join(backends))

        follower = Follower(self.clock, self.provider, take, lambda: 0.0)
        self.addCleanup(follower.stop)
        follower.start()
        self.provider.set(self.backends())
        self.clock.advance(1)
        self.provider.set(self.backends("a"))
        self.assertEqual(self.taken, ["a"])
        self.assertIn("not this one", self.lines[0])


class RaisingProvider(ManualProvider):
    """A provider that raises where it should hand out a watcher, until it is mended."""

    isBroken = True

    def watch(self) -> Watcher[BackendSet]:
        """See L{IProvider.watch}."""
        if self.isBroken:
            raise OSError("no network yet")
        return super().watch()


class RaisingTests(SynchronousTestCase):
    """A provider that raises, where it should fail a Deferred."""

    def test_watchRaises(self) -> None:
        """It is logged, and tried again, as any other failure."""
        clock, lines, taken = Clock(), logLines(self), list[BackendSet]()
        provider = RaisingProvider(BackendSet())
        follower = Follower(clock, provider, taken.append)
        follower.start()
        clock.advance(1)
        self.assertEqual([line for line in lines if "no network yet" in line], lines)
        provider.isBroken = False
        clock.advance(2)
        self.assertEqual(len(taken), 1)
        follower.stop()
