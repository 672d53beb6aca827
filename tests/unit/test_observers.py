"""How observers are told."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tinylb import TargetRemoved
from tinylb.events import Event
from tinylb.interfaces import IObserver
from tinylb.observers import Observers
from tinylb.testing import Recorder


def event(name: str) -> TargetRemoved:
    """Something that happened."""
    return TargetRemoved(name, 0, 0)


@implementer(IObserver)
class Reacting:
    """An observer that does something about each event."""

    def __init__(self, react: Callable[[Event], object]) -> None:
        self._react = react

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe}."""
        self._react(event)


class ObserversTests(SynchronousTestCase):
    """See L{Observers}."""

    def setUp(self) -> None:
        """Two observers that take notes."""
        self.first, self.second = Recorder(), Recorder()
        self.observers = Observers([self.first, self.second])

    def tell(self, name: str) -> None:
        """What L{event} makes happens."""
        self.observers.tell(TargetRemoved, name, 0, 0)

    def test_everybodyIsTold(self) -> None:
        """Each observer is told of each event, at once and in order."""
        self.tell("a")
        self.assertEqual(self.second.events, [event("a")])
        self.tell("b")
        self.assertEqual(self.first.events, [event("a"), event("b")])
        self.assertEqual(self.second.events, [event("a"), event("b")])

    def test_isAList(self) -> None:
        """Observers come and go as the list's members do."""
        self.observers.remove(self.first)
        late = Recorder()
        self.observers.append(late)
        self.tell("a")
        self.assertEqual(self.first.events, [])
        self.assertEqual(late.events, [event("a")])

    def test_failingObserver(self) -> None:
        """An exception in one observer is logged and reaches neither the others nor the teller."""
        self.observers.insert(0, Reacting(lambda _: 1 / 0))
        self.tell("a")
        self.tell("b")
        self.assertEqual(self.first.events, [event("a"), event("b")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_heldBack(self) -> None:
        """In a held block nobody is told; at its end everybody is, in order."""
        with self.observers.held():
            self.tell("a")
            self.tell("b")
            self.assertEqual(self.first.events, [])
        self.assertEqual(self.first.events, [event("a"), event("b")])

    def test_nestedBlocks(self) -> None:
        """Only the end of the outermost block tells."""
        with self.observers.held():
            with self.observers.held():
                self.tell("a")
            self.assertEqual(self.first.events, [])
        self.assertEqual(self.first.events, [event("a")])

    def test_failingBlock(self) -> None:
        """What had happened is told also when the block ends with an exception, and later events are told again."""

        def fail() -> None:
            with self.observers.held():
                self.tell("a")
                raise RuntimeError("half-way")

        self.assertRaises(RuntimeError, fail)
        self.tell("b")
        self.assertEqual(self.first.events, [event("a"), event("b")])

    def test_orderWithReactions(self) -> None:
        """What an observer sets off is told after what set it off, to every observer alike."""

        def react(happened: Event) -> None:
            if happened == event("a"):
                self.tell("caused")

        self.observers.insert(0, Reacting(react))
        with self.observers.held():
            self.tell("a")
            self.tell("b")
        self.assertEqual(self.first.events, [event("a"), event("b"), event("caused")])
        self.assertEqual(self.second.events, self.first.events)

    def test_listChangesMeanwhile(self) -> None:
        """An observer may leave, or bring another, while it is told; it counts from the next event on."""
        late = Recorder()

        def replace(_: Event) -> None:
            self.observers.remove(once)
            self.observers.append(late)

        once = Reacting(replace)
        self.observers.insert(0, once)
        self.tell("a")
        self.tell("b")
        self.assertEqual(self.first.events, [event("a"), event("b")])
        self.assertEqual(late.events, [event("b")])
