"""Messages for one listener."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.statuscase import events
from tinylb.status.stream import MOST, Stream, message


class StreamTests(SynchronousTestCase):
    """A stream."""

    def setUp(self) -> None:
        self.closed: list[Stream] = []
        self.stream = Stream(self.closed.append)

    def rest(self) -> bytes:
        """All parts that are there, up to having to wait for more."""
        parts = b""
        while isinstance(part := next(self.stream), bytes):
            parts += part
        self.news: Deferred[None] = part
        return parts

    def missed(self, data: bytes) -> list[object]:
        """What each message is: its number, or how many are missing there."""
        return [event.get("count", event.get("number")) for event in events(data)]

    def fill(self, count: int) -> None:
        """Tell so many messages."""
        for number in range(count):
            self.stream.tell(message({"number": number}))

    def test_beginning(self) -> None:
        """It begins at once, by telling when to come back; and then there is nothing to say until there is news."""
        self.assertEqual(self.rest(), b"retry: 1000\n\n")
        self.assertNoResult(self.news)

    def test_message(self) -> None:
        """A message is one event of the standard's, with JSON on one line."""
        self.assertEqual(message({"why": "a\nb"}), b'data: {"why":"a\\nb"}\n\n')

    def test_news(self) -> None:
        """Who waits is woken by a message; those that come meanwhile keep their order."""
        self.rest()
        self.stream.tell(b"1")
        self.stream.tell(b"2")
        self.successResultOf(self.news)
        self.assertEqual(self.rest(), b"12")
        self.assertNoResult(self.news)

    def test_beat(self) -> None:
        """A comment shows that there is somebody, unless a message does already."""
        self.rest()
        self.stream.beat()
        self.successResultOf(self.news)
        self.assertEqual(self.rest(), b": \n\n")
        self.stream.tell(b"1")
        self.stream.beat()
        self.assertEqual(self.rest(), b"1")

    def test_beatsDoNotPileUp(self) -> None:
        """Who does not read has one comment waiting at the most."""
        self.rest()
        for _ in range(5):
            self.stream.beat()
        self.assertEqual(self.rest(), b": \n\n")

    def test_missed(self) -> None:
        """What comes while too much waits is counted, and the listener is told where it is missing."""
        self.rest()
        self.fill(MOST + 10)
        told = self.missed(self.rest())
        self.assertEqual(told, [*range(MOST), 10])
        self.fill(1)
        self.assertEqual(self.missed(self.rest()), [0])

    def test_missedInBetween(self) -> None:
        """What is missing is told before what follows it."""
        self.rest()
        self.fill(MOST + 10)
        next(self.stream)
        next(self.stream)
        self.stream.tell(message({"number": "later"}))
        self.assertEqual(self.missed(self.rest()), [*range(2, MOST), 10, "later"])

    def test_bounded(self) -> None:
        """However much happens, what waits for one listener does not grow."""
        self.fill(100 * MOST)
        self.assertEqual(len(events(self.rest())), MOST)

    def test_close(self) -> None:
        """When the listener goes that is told once."""
        self.stream.close()
        self.assertEqual(self.closed, [self.stream])
