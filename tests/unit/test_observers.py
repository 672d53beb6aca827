"""How observers are told."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tinylb import DialFailed, DialFailure, TargetRemoved
from tinylb.events import Event
from tinylb.interfaces import IObserver, ISelectiveObserver
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

    def test_alwaysFails(self) -> None:
        """One that fails at every event does not fill the log: it has the first, the second, the fourth, and so on."""
        self.observers.append(Reacting(lambda _: 1 / 0))
        for _ in range(1000):
            self.tell("a")
            self.observers.append(Recorder())  # another one comes and goes
            self.observers.pop()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 10)

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


@implementer(ISelectiveObserver)
class Selective(Recorder):
    """An observer that is told of some events only."""

    def __init__(self, *kinds: type[Event]) -> None:
        super().__init__()
        self.kinds = kinds


class SelectiveTests(SynchronousTestCase):
    """See L{ISelectiveObserver}."""

    def setUp(self) -> None:
        """Somebody who only hears of targets that are removed."""
        self.selective = Selective(TargetRemoved)
        self.observers = Observers([self.selective])
        self.made: list[str] = []

    def make(self, name: str) -> DialFailed:
        """Stands in for the class of an event of which nobody may hear."""
        self.made.append(name)
        return DialFailed(None, name, name, DialFailure.REFUSED, "", 0.0)

    def test_kinds(self) -> None:
        """He is told of his kinds and of no other, beside somebody who is told of everything."""
        everything = Recorder()
        self.observers.append(everything)
        self.observers.tell(TargetRemoved, "a", 0, 0)
        self.observers.tell(DialFailed, None, "a", "a", DialFailure.REFUSED, "", 0.0)
        self.assertEqual(self.selective.events, [event("a")])
        self.assertEqual(len(everything.events), 2)

    def test_oddKinds(self) -> None:
        """Kinds that are none are logged as any other failure of an observer; who tells, and the others, go on."""
        self.selective.kinds = TargetRemoved  # type: ignore[assignment]
        everything = Recorder()
        self.observers.append(everything)
        self.observers.tell(TargetRemoved, "a", 0, 0)
        self.assertEqual(everything.events, [event("a")])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_notEvenMade(self) -> None:
        """An event of which nobody hears is not even made, within a held block either."""
        self.observers.tell(self.make, "a")
        with self.observers.held():
            self.observers.tell(self.make, "b")
        self.assertEqual(self.made, [])

    def test_nobody(self) -> None:
        """Where there is nobody at all, nothing is made."""
        del self.observers[:]
        self.observers.tell(self.make, "a")
        self.assertEqual(self.made, [])

    def test_comesLater(self) -> None:
        """Whoever comes, by whatever way there is into a list, hears of what nobody has heard of before."""
        ways: list[Callable[[IObserver], object]] = [
            self.observers.append,
            lambda observer: self.observers.insert(0, observer),
            lambda observer: self.observers.extend([observer]),
            lambda observer: self.observers.__setitem__(0, observer),
            lambda observer: self.observers.__setitem__(slice(0, 1), [observer]),
        ]
        for number, come in enumerate(ways):
            self.observers.tell(DialFailed, None, "a", "a", DialFailure.REFUSED, "", 0.0)
            late = Recorder()
            come(late)
            self.observers.tell(DialFailed, None, "b", "b", DialFailure.REFUSED, "", 0.0)
            self.assertEqual([each.backend for each in late.events if isinstance(each, DialFailed)], ["b"], number)
            self.observers[:] = [self.selective]

    def test_leaves(self) -> None:
        """When the last one who hears of a kind has left, it is made no longer."""
        everything = Recorder()
        self.observers.append(everything)
        self.observers.tell(self.make, "a")
        self.observers.remove(everything)
        self.observers.tell(self.make, "b")
        self.assertEqual(self.made, ["a"])
