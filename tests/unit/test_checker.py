"""One target that is checked again and again: when that is done, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock

from tests.unit.checkrig import CheckerCase, HandCheck
from tests.unit.rigs import HandBackend
from tinylb.testing import Behaviour, MemoryBackend


class TimeTests(CheckerCase):
    """When it checks."""

    def test_atOnce(self) -> None:
        """The first check is at once, of the target, with an endpoint that leads to it."""
        self.start("a")
        (asked,) = self.check.asked
        self.assertEqual((asked.target, asked.at), ("a", 0.0))
        self.assertTrue(IStreamClientEndpoint.providedBy(asked.endpoint))
        asked.connect()
        self.clock.advance(0)
        backend = self.backends["a"]
        assert isinstance(backend, MemoryBackend)
        self.assertEqual(backend.attempts, 1)

    def test_interval(self) -> None:
        """The next is an interval after the beginning of the last, however long that took."""
        self.start()
        for seconds in (0.0, 0.5, 1.0):
            self.listen(seconds)
            self.check.asked[-1].yes()
            self.listen(2 - seconds)
        self.assertEqual(self.check.times("a"), [0, 2, 4, 6])

    def test_jitter(self) -> None:
        """An interval is a fifth longer or shorter, by chance."""
        for self.random, seconds in ((0.0, 1.6), (0.25, 1.8), (0.999999, 2.4)):
            clock = self.clock = Clock()
            self.check = HandCheck(clock)
            checker = self.start()
            self.check.asked[0].yes()
            clock.advance(seconds - 0.001)
            self.assertEqual(len(self.check.asked), 1)
            clock.advance(0.002)
            self.assertEqual(len(self.check.asked), 2)
            self.stop(checker)
            self.assertEqual(clock.getDelayedCalls(), [])

    def test_oneAtATime(self) -> None:
        """A check that takes longer than the interval is waited for, and the next follows on it."""
        self.start(timeout=10.0)
        self.listen(5)
        self.assertEqual(self.check.times("a"), [0])
        self.check.asked[0].yes()
        self.clock.advance(0)
        self.assertEqual(self.check.times("a"), [0, 5])

    def test_afterTimeout(self) -> None:
        """A check that got no answer does not change when the next one is."""
        self.start()
        self.listen(6)
        self.assertEqual(self.check.times("a"), [0, 2, 4, 6])

    def test_othersGoOn(self) -> None:
        """One that hangs delays no other."""
        self.start("hangs", timeout=100.0)
        self.check.onAsk = lambda asked: asked.yes()
        self.start("a")
        self.listen(10)
        self.assertEqual(self.check.times("a"), [0, 2, 4, 6, 8, 10])
        self.assertEqual(self.check.underWay, ["hangs"])

    def test_backendOfNow(self) -> None:
        """Each check goes to whoever is at the target at that time."""
        former, present = self.memory(), MemoryBackend(self.clock, "a")
        self.start()
        self.check.asked[-1].yes()
        self.backends["a"] = present
        self.listen(2)
        self.check.asked[-1].connect()
        self.assertEqual((former.attempts, present.attempts), (0, 1))


class EndTests(CheckerCase):
    """What it leaves behind."""

    def test_closesAfterTimeout(self) -> None:
        """The connection of a check that got no answer is reset when the next one begins, at the latest."""
        backend = self.memory()
        self.check.onAsk = lambda asked: asked.connect()
        self.start()
        self.listen(5)
        self.assertEqual([peer.ending for peer in backend.connections], ["reset", "reset", None])

    def test_closesAfterAnswer(self) -> None:
        """So is one that a check has left open after its answer, whatever the peer does."""
        backend = self.memory()
        self.check.onAsk = lambda asked: asked.connect()
        self.start()
        self.clock.advance(0)
        self.check.asked[0].yes()
        self.listen(2)
        self.assertEqual(backend.connections[0].ending, "reset")

    def test_stopWhileChecking(self) -> None:
        """Stopping gives up what is under way, resets its connection, and tells nothing of that."""
        backend = self.memory()
        checker = self.start()
        self.check.asked[0].connect()
        self.listen(1)
        self.stop(checker)
        self.clock.advance(0)
        self.assertTrue(self.check.asked[0].isCancelled)
        self.assertEqual(backend.connections[0].ending, "reset")
        self.assertEqual((self.told, self.clock.getDelayedCalls()), ([], []))

    def test_stopAfterAnswer(self) -> None:
        """So is a connection reset that was left open after an answer."""
        backend = self.memory()
        checker = self.start()
        self.check.asked[0].connect()
        self.clock.advance(0)
        self.check.asked[0].yes()
        self.stop(checker)
        self.clock.advance(0)
        self.assertEqual(backend.connections[0].ending, "reset")

    def test_stopWhileConnecting(self) -> None:
        """So it does where there is no connection yet."""
        backend = self.memory(behaviour=Behaviour.HANGS)
        checker = self.start()
        self.check.asked[0].connect()
        self.listen(1)
        self.assertEqual(backend.pending, 1)
        self.stop(checker)
        self.assertEqual((backend.pending, self.told, self.clock.getDelayedCalls()), (0, [], []))

    def test_stopBetweenChecks(self) -> None:
        """Nothing is checked after a stop."""
        checker = self.start()
        self.check.asked[0].yes()
        self.stop(checker)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.listen(10)
        self.assertEqual(len(self.check.asked), 1)

    def test_stopByWhoIsTold(self) -> None:
        """It may be stopped by whoever hears of a good answer, and then tells no more."""
        self.answered = _Calling(lambda: self.stop(self.running[0]))
        self.start()
        self.check.asked[0].yes()
        self.assertEqual((self.answered, self.told, self.clock.getDelayedCalls()), (["a"], [], []))

    def test_lateConnection(self) -> None:
        """
        An endpoint that cannot be cancelled connects after the end: nobody wants that connection any more, so there is
        no protocol for it.
        """
        backend = self.backends["a"] = HandBackend(self.clock, "a")
        checker = self.start()
        self.check.asked[0].connect()
        self.stop(checker)
        self.assertIsNone(backend.make())

    def test_lateConnectionAfterTimeout(self) -> None:
        """The same holds when the check has timed out."""
        backend = self.backends["a"] = HandBackend(self.clock, "a")
        self.start()
        self.check.asked[0].connect()
        self.listen(1.5)
        self.assertTrue(self.check.asked[0].isCancelled)
        self.assertIsNone(backend.make())


class _Calling(list[str]):
    """Does something when it gets something."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call

    def append(self, what: str) -> None:
        super().append(what)
        self.call()
