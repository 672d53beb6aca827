"""What happens, told to those who listen."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.statuscase import events
from tinylb.events import BackendPicked, PairHalfClosed, TargetRemoved
from tinylb.observers import Observers
from tinylb.status.feed import BEAT, BUDGET, LISTENERS, Feed
from tinylb.status.stream import Stream


class FeedTestCase(SynchronousTestCase):
    """Tests of a feed, of which nothing may be left when nobody listens any more."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.observers = Observers()
        self.feed = Feed(self.observers, self.clock)
        self.streams: list[Stream] = []

    def tearDown(self) -> None:
        for stream in self.streams:
            stream.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(list(self.observers), [])

    def listen(self) -> Stream:
        """A listener, who has read the beginning."""
        stream = self.feed.listen()
        assert stream is not None
        self.streams.append(stream)
        self.read(stream)
        return stream

    def leave(self, stream: Stream) -> None:
        self.streams.remove(stream)
        stream.close()

    def read(self, stream: Stream) -> bytes:
        """All that is there."""
        data = b""
        while isinstance(part := next(stream), bytes):
            data += part
        return data

    def heard(self, stream: Stream) -> list[dict[str, Any]]:
        """The events that are there."""
        return events(self.read(stream))

    def pick(self, count: int = 1) -> None:
        """So many clients are to have a backend: what happens for each."""
        for _ in range(count):
            self.observers.tell(BackendPicked, None, "a", "a:1", 1)

    def remove(self) -> None:
        """A target leaves the set: what happens seldom."""
        self.observers.tell(TargetRemoved, "a:1", 0, 0)

    def traffic(self, stream: Stream, count: int) -> list[str]:
        """What is heard of so many picks, read as they come."""
        heard: list[str] = []
        for _ in range(count):
            self.pick()
            heard += (event["what"] for event in self.heard(stream))
        return heard


class FeedTests(FeedTestCase):
    """A feed."""

    def test_nobody(self) -> None:
        """While nobody listens nothing is observed, and no timer runs."""
        self.assertEqual((list(self.observers), self.clock.getDelayedCalls()), ([], []))
        self.leave(self.listen())
        self.assertEqual((list(self.observers), self.clock.getDelayedCalls()), ([], []))

    def test_told(self) -> None:
        """What happens is told to everybody who listens."""
        first, second = self.listen(), self.listen()
        self.remove()
        self.pick()
        expected = self.read(first)
        self.assertEqual([event["what"] for event in events(expected)], ["target-removed", "backend-picked"])
        self.assertEqual(self.read(second), expected)

    def test_before(self) -> None:
        """A newcomer hears of what happens from then on."""
        first = self.listen()
        self.remove()
        second = self.listen()
        self.remove()
        self.assertEqual((len(self.heard(first)), len(self.heard(second))), (2, 1))

    def test_left(self) -> None:
        """When one leaves the others go on hearing."""
        first, second = self.listen(), self.listen()
        self.leave(first)
        self.pick()
        self.assertEqual(len(self.heard(second)), 1)

    def test_many(self) -> None:
        """There is a limit to how many listen; who leaves makes room."""
        for _ in range(LISTENERS):
            self.listen()
        self.assertIsNone(self.feed.listen())
        self.leave(self.streams[3])
        self.listen()

    def test_beat(self) -> None:
        """All listeners hear regularly that there is somebody."""
        streams = [self.listen(), self.listen()]
        for _ in range(3):
            self.clock.advance(BEAT - 0.01)
            self.assertEqual([self.read(stream) for stream in streams], [b"", b""])
            self.clock.advance(0.01)
            self.assertEqual([self.read(stream) for stream in streams], [b": \n\n"] * 2)


class BudgetTests(FeedTestCase):
    """Events of single clients."""

    def test_skipped(self) -> None:
        """When there are too many in a second, that is told, and the others are not observed until the next."""
        stream = self.listen()
        self.clock.advance(0.25)
        self.traffic(stream, 1)
        self.clock.advance(0.25)
        told = self.traffic(stream, 3 * BUDGET)
        self.assertEqual(told, ["backend-picked"] * (BUDGET - 1) + ["skipped"])
        self.assertEqual(len(self.observers), 1)
        self.clock.advance(0.74)
        self.assertEqual(self.traffic(stream, 1), [])
        self.clock.advance(0.02)
        self.assertEqual(self.traffic(stream, 1), ["backend-picked"])

    def test_howLong(self) -> None:
        """How long nothing of the kind will be told is said, in seconds."""
        stream = self.listen()
        self.observers.tell(PairHalfClosed, None, "a", "a:1", "client")
        self.clock.advance(0.75)
        self.pick(BUDGET)
        self.assertEqual(self.heard(stream)[-1]["seconds"], 0.25)

    def test_everySecond(self) -> None:
        """Each second has a budget of its own, whatever the one before was like."""
        stream = self.listen()
        for _ in range(5):
            self.assertEqual(len(self.traffic(stream, 2 * BUDGET)), BUDGET + 1)
            self.clock.advance(1)

    def test_enough(self) -> None:
        """As long as the budget lasts nothing is skipped."""
        stream = self.listen()
        for _ in range(5):
            self.assertEqual(self.traffic(stream, BUDGET - 1), ["backend-picked"] * (BUDGET - 1))
            self.clock.advance(1)

    def test_changes(self) -> None:
        """What changes the picture is always told, and takes nothing of the budget."""
        stream = self.listen()
        self.pick(BUDGET)
        self.read(stream)
        for _ in range(2 * BUDGET):
            self.remove()
            self.assertEqual([each["what"] for each in self.heard(stream)], ["target-removed"])

    def test_leavingMeanwhile(self) -> None:
        """Who leaves while events are skipped leaves nothing behind; the next one hears at once."""
        stream = self.listen()
        self.traffic(stream, BUDGET)
        self.leave(stream)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1)
        self.assertEqual(self.traffic(self.listen(), 1), ["backend-picked"])

    def test_shared(self) -> None:
        """All listeners share one budget, so that many cost the balancer no more than one."""
        streams = [self.listen() for _ in range(4)]
        for _ in range(2 * BUDGET):
            self.pick()
            heard = [len(self.heard(stream)) for stream in streams]
            self.assertEqual(len(set(heard)), 1)
        self.assertEqual(len(self.observers), 1)
