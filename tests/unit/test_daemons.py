"""Threads that nobody waits for."""

from __future__ import annotations

from queue import Queue
from threading import Event, current_thread

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.descriptors import noThreads
from tinylb.daemons import Daemons, inDaemon

PATIENCE = 20.0


class DaemonsTests(SynchronousTestCase):
    """See L{Daemons}."""

    def setUp(self) -> None:
        """Two threads at a time."""
        self.daemons = Daemons(2)
        self.results: Queue[tuple[bool, object]] = Queue()
        self.release = Event()
        self.addCleanup(self.release.set)

    def call(self, function: object) -> None:
        """Have a function called, and its result put where L{result} finds it."""
        assert callable(function)
        self.daemons.callInThreadWithCallback(lambda isGood, result: self.results.put((isGood, result)), function)

    def result(self) -> tuple[bool, object]:
        """The next result."""
        return self.results.get(timeout=PATIENCE)

    def hang(self) -> str:
        """Do not come back before the test says so."""
        self.release.wait(PATIENCE)
        return "late"

    def test_result(self) -> None:
        """A function's result is handed on, and it gets its arguments."""
        self.daemons.callInThreadWithCallback(lambda isGood, result: self.results.put((isGood, result)), divmod, 7, 2)
        self.assertEqual(self.result(), (True, (3, 1)))

    def test_failure(self) -> None:
        """What it raises is handed on as a failure, and the thread is free again."""
        for _ in range(5):
            self.call(lambda: 1 // 0)
            isGood, failure = self.result()
            self.assertFalse(isGood)
            assert isinstance(failure, Failure)
            self.assertIsInstance(failure.value, ZeroDivisionError)

    def test_hanging(self) -> None:
        """One that hangs holds up nobody, as long as there is another thread."""
        self.call(self.hang)
        for number in range(5):
            self.call(lambda number=number: number)
            self.assertEqual(self.result(), (True, number))

    def test_bound(self) -> None:
        """When all hang the next ones wait, and have their turns in order."""
        for _ in range(2):
            self.call(self.hang)
        for number in range(3):
            self.call(lambda number=number: number)
        self.assertTrue(self.results.empty())
        self.release.set()
        found = [self.result()[1] for _ in range(5)]
        self.assertEqual(found.count("late"), 2)
        self.assertEqual({each for each in found if each != "late"}, {0, 1, 2})

    def test_noThread(self) -> None:
        """Where there is no thread to be had, that is the failure; the next call finds its place free."""
        for _ in range(3):
            with noThreads():
                self.call(lambda: 7)
            isGood, failure = self.result()
            assert isinstance(failure, Failure)
            self.assertEqual((isGood, failure.getErrorMessage()), (False, "can't start new thread"))
        self.call(lambda: 7)
        self.assertEqual(self.result(), (True, 7))

    def test_nobodyWaits(self) -> None:
        """The interpreter ends without them."""
        self.call(lambda: current_thread().daemon)
        self.assertEqual(self.result(), (True, True))


class ReactorTests(SynchronousTestCase):
    """See L{inDaemon}."""

    def test_clock(self) -> None:
        """Where nobody can come back to from a thread, functions are called at once; what they raise is no surprise."""
        call = inDaemon(Clock())
        self.assertEqual(self.successResultOf(call(lambda: 7)), 7)
        self.failureResultOf(call(lambda: 1 // 0), ZeroDivisionError)
