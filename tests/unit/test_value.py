"""The value and its watchers."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tinylb import AlreadyWaiting, Value, Watcher, WatcherClosed
from tinylb.interfaces import IProvider, IWatcher


class GetTests(SynchronousTestCase):
    """What L{Watcher.get} gives, and when."""

    def test_initial(self) -> None:
        """A watcher's first get gives the current value at once."""
        self.assertEqual(self.successResultOf(Value("first").watch().get()), "first")

    def test_currentIsNewest(self) -> None:
        """A watcher that comes late gets what was set last, nothing older."""
        value = Value("first")
        value.set("second")
        watcher = value.watch()
        self.assertEqual(self.successResultOf(watcher.get()), "second")
        self.assertNoResult(watcher.get())

    def test_waitsForFirstSet(self) -> None:
        """Without a value the first get waits for the first set."""
        value: Value[str] = Value()
        getting = value.watch().get()
        self.assertNoResult(getting)
        value.set("first")
        self.assertEqual(self.successResultOf(getting), "first")

    def test_waitsForNewer(self) -> None:
        """A value is given once; the next get waits for a newer one."""
        value = Value("first")
        watcher = value.watch()
        watcher.get()
        getting = watcher.get()
        self.assertNoResult(getting)
        value.set("second")
        self.assertEqual(self.successResultOf(getting), "second")

    def test_unreadIsKept(self) -> None:
        """What is set while nobody asks is there for the next get."""
        value = Value("first")
        watcher = value.watch()
        watcher.get()
        value.set("second")
        self.assertEqual(self.successResultOf(watcher.get()), "second")

    def test_onlyNewestUnread(self) -> None:
        """After 100 sets one get gives the 100th, and the next one waits."""
        value: Value[int] = Value()
        watcher = value.watch()
        for number in range(1, 101):
            value.set(number)
        self.assertEqual(self.successResultOf(watcher.get()), 100)
        self.assertNoResult(watcher.get())

    def test_equalIsNews(self) -> None:
        """Every set notifies, also one that changes nothing."""
        value = Value("same")
        watcher = value.watch()
        watcher.get()
        getting = watcher.get()
        value.set("same")
        self.assertEqual(self.successResultOf(getting), "same")

    def test_noneIsAValue(self) -> None:
        """None is a value as any other, at first and later."""
        value: Value[None] = Value(None)
        watcher = value.watch()
        self.assertIsNone(self.successResultOf(watcher.get()))
        getting = watcher.get()
        value.set(None)
        self.assertIsNone(self.successResultOf(getting))

    def test_sameObject(self) -> None:
        """What is given is the very object that was set."""
        published = ["a list"]
        self.assertIs(self.successResultOf(Value(published).watch().get()), published)

    def test_secondGetFails(self) -> None:
        """A second get while one is pending fails at once, and the first is none the worse."""
        value: Value[str] = Value()
        watcher = value.watch()
        first = watcher.get()
        self.failureResultOf(watcher.get(), AlreadyWaiting)
        value.set("first")
        self.assertEqual(self.successResultOf(first), "first")

    def test_cancelled(self) -> None:
        """A cancelled get leaves the watcher usable, and takes no value away."""
        value: Value[str] = Value()
        watcher = value.watch()
        cancelled = watcher.get()
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        value.set("first")
        self.assertEqual(self.successResultOf(watcher.get()), "first")

    def test_getAfterCancel(self) -> None:
        """After a cancelled get the next one waits as usual, and gets the value alone."""
        value: Value[str] = Value()
        watcher = value.watch()
        cancelled = watcher.get()
        cancelled.addErrback(lambda _: None)
        cancelled.cancel()
        getting = watcher.get()
        self.assertNoResult(getting)
        value.set("first")
        self.assertEqual(self.successResultOf(getting), "first")
        self.assertIsNone(self.successResultOf(cancelled))

    def test_watchersAreIndependent(self) -> None:
        """Each watcher sees every value for itself; reading, cancelling or closing one touches no other."""
        value = Value("first")
        reads, cancels, closes = value.watch(), value.watch(), value.watch()
        for watcher in (reads, cancels, closes):
            self.assertEqual(self.successResultOf(watcher.get()), "first")
        getting = reads.get()
        cancels.get().addErrback(lambda _: None).cancel()
        closes.close()
        value.set("second")
        self.assertEqual(self.successResultOf(getting), "second")
        self.assertEqual(self.successResultOf(cancels.get()), "second")

    def test_interfaces(self) -> None:
        """A value is a provider, and its watchers are watchers."""
        value = Value("first")
        self.assertTrue(verifyObject(IProvider, value))
        self.assertTrue(verifyObject(IWatcher, value.watch()))


class CloseTests(SynchronousTestCase):
    """The end of watching."""

    def test_pendingFails(self) -> None:
        """A pending get of a watcher that is closed fails."""
        value: Value[str] = Value()
        watcher = value.watch()
        getting = watcher.get()
        watcher.close()
        self.failureResultOf(getting, WatcherClosed)

    def test_laterFails(self) -> None:
        """A get of a closed watcher fails, unread value or not."""
        value = Value("unread")
        watcher = value.watch()
        watcher.close()
        value.set("later")
        self.failureResultOf(watcher.get(), WatcherClosed)

    def test_repeated(self) -> None:
        """Closing again does nothing."""
        unwatched: list[str] = []
        watcher = Value("first", onUnwatched=lambda: unwatched.append("now")).watch()
        watcher.close()
        watcher.close()
        self.assertEqual(unwatched, ["now"])

    def test_nobodyLeft(self) -> None:
        """The value hears of the first watcher and of the end of the last one, each time round."""
        heard: list[str] = []
        value = Value("first", onWatched=lambda: heard.append("watched"), onUnwatched=lambda: heard.append("unwatched"))
        for _ in range(2):
            first, second = value.watch(), value.watch()
            first.close()
            self.assertEqual(heard, ["watched"])
            second.close()
            self.assertEqual(heard, ["watched", "unwatched"])
            heard.clear()

    def test_setByOnWatched(self) -> None:
        """What a provider publishes as soon as it is watched is there for the first get."""
        value: Value[str] = Value(onWatched=lambda: value.set("read from a file"))
        self.assertEqual(self.successResultOf(value.watch().get()), "read from a file")


class FailTests(SynchronousTestCase):
    """A provider in trouble."""

    def test_whoWaitsIsTold(self) -> None:
        """Everybody who waits is told, and may ask again."""
        value: Value[str] = Value()
        watcher, other = value.watch(), value.watch()
        waiting = watcher.get(), other.get()
        value.fail(RuntimeError("no answer"))
        for getting in waiting:
            self.assertEqual(self.failureResultOf(getting, RuntimeError).getErrorMessage(), "no answer")
        again = watcher.get()
        value.set("first")
        self.assertEqual(self.successResultOf(again), "first")

    def test_currentStays(self) -> None:
        """A failure takes no value away, read or unread."""
        value = Value("current")
        reader, late = value.watch(), value.watch()
        reader.get()
        value.fail(RuntimeError())
        self.assertNoResult(reader.get())
        self.assertEqual(self.successResultOf(late.get()), "current")
        self.assertEqual(self.successResultOf(value.watch().get()), "current")


class ReentrancyTests(SynchronousTestCase):
    """Callbacks that use the value or a watcher while it notifies."""

    def test_nestedSet(self) -> None:
        """A set from within a callback reaches everybody, and nobody gets the older value after the newer."""
        value: Value[int] = Value()
        seen: dict[str, list[int]] = {"first": [], "second": []}

        def follow(name: str, watcher: Watcher[int]) -> None:
            def got(number: int) -> None:
                seen[name].append(number)
                if number == 1:
                    value.set(2)
                follow(name, watcher)

            watcher.get().addCallback(got)

        follow("first", value.watch())
        follow("second", value.watch())
        value.set(1)
        self.assertEqual(seen, {"first": [1, 2], "second": [2]})

    def test_closedByAnother(self) -> None:
        """A watcher that is closed while others are notified hears of its end, not of the value."""
        value: Value[str] = Value()
        first, second = value.watch(), value.watch()
        first.get().addCallback(lambda _: second.close())
        getting = second.get()
        value.set("first")
        self.failureResultOf(getting, WatcherClosed)

    def test_watchedMeanwhile(self) -> None:
        """A watcher that begins while others are notified gets the new value, once."""
        value: Value[str] = Value()
        late: list[Watcher[str]] = []
        value.watch().get().addCallback(lambda _: late.append(value.watch()))
        value.set("first")
        self.assertEqual(self.successResultOf(late[0].get()), "first")
        self.assertNoResult(late[0].get())

    def test_failingCallback(self) -> None:
        """A callback that raises keeps nobody else from hearing."""
        value: Value[str] = Value()
        failing = value.watch().get().addCallback(lambda _: 1 / 0)
        getting = value.watch().get()
        value.set("first")
        self.assertEqual(self.successResultOf(getting), "first")
        self.failureResultOf(failing, ZeroDivisionError)


class IterationTests(SynchronousTestCase):
    """Asynchronous iteration over a watcher."""

    def setUp(self) -> None:
        """Somebody iterates."""
        self.value: Value[int] = Value(1)
        self.watcher = self.value.watch()
        self.seen: list[int] = []

    def iterate(self) -> Deferred[None]:
        """Iterate until the watcher ends it."""

        async def iterate() -> None:
            async for number in self.watcher:
                self.seen.append(number)

        return ensureDeferred(iterate())

    def test_values(self) -> None:
        """It gives the current value and then each newer one."""
        iterating = self.iterate()
        self.assertEqual(self.seen, [1])
        self.value.set(2)
        self.value.set(3)
        self.assertEqual(self.seen, [1, 2, 3])
        self.assertNoResult(iterating)

    def test_endsAtClose(self) -> None:
        """It ends, and raises nothing, when the watcher is closed."""
        iterating = self.iterate()
        self.watcher.close()
        self.assertIsNone(self.successResultOf(iterating))

    def test_failure(self) -> None:
        """A failure is raised in the loop; the watcher can be iterated again."""
        iterating = self.iterate()
        self.value.fail(RuntimeError())
        self.failureResultOf(iterating, RuntimeError)
        again = self.iterate()
        self.value.set(2)
        self.assertEqual(self.seen, [1, 2])
        self.assertNoResult(again)
