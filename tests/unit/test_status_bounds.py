"""What nobody can make the status endpoint spend."""

from __future__ import annotations

from tests.unit.statuscase import HEALTH, METRICS, FixedMetrics, LongMetrics, StatusTestCase, responses
from tinylb import BackendSet
from tinylb.status.channel import CLOSING, IDLE, STUCK
from tinylb.status.connections import MOST
from tinylb.status.feed import LISTENERS
from tinylb.testing import MemoryPeer
from tinylb.testing.memory import CHUNK

MUCH = b"x" * 100 * 1024
"""More than a connection takes whose peer does not read."""


class ConnectionTests(StatusTestCase):
    """The number of connections."""

    def fill(self) -> list[MemoryPeer]:
        """As many connections as may stay."""
        return [self.door.connect() for _ in range(MOST)]

    def ended(self, peers: list[MemoryPeer]) -> list[int]:
        """Which of them are gone."""
        self.settle()
        return [number for number, peer in enumerate(peers) if peer.ending]

    def test_oldest(self) -> None:
        """For one too many the one goes that has been idle for longest."""
        self.serve()
        peers = self.fill()
        self.assertEqual(self.ended(peers), [])
        self.say("GET /healthz HTTP/1.1", to=peers[0])
        newcomer = self.door.connect()
        self.assertEqual(self.ended(peers), [1])
        self.say("GET /healthz HTTP/1.1", to=newcomer)
        self.assertEqual(responses(newcomer.received)[0].code, 200)

    def test_flood(self) -> None:
        """Of thousands that come and say nothing few stay, and who asks is answered all the same."""
        self.serve()
        peers = [self.door.connect() for _ in range(5 * MOST)]
        self.assertEqual(self.ended(peers), [*range(4 * MOST)])
        self.assertEqual(self.ask("/healthz").code, 200)

    def test_listeners(self) -> None:
        """Who listens to events is not idle, and stays."""
        self.serve()
        peers = [self.listen() for _ in range(5)] + [self.door.connect() for _ in range(2 * MOST)]
        self.assertNotIn(0, self.ended(peers))
        self.assertEqual(self.ended(peers)[0], 5)

    def test_fewForListeners(self) -> None:
        """However few there may be, those who listen to events do not have them all; who asks is answered."""
        for most, listening in ((1, 0), (3, 0), (4, 1), (20, 5), (MOST, LISTENERS), (10 * MOST, LISTENERS)):
            service = self.serve(connections=most)
            peers = [self.listen() for _ in range(most)]
            answers = [responses(peer.received)[0] for peer in peers]
            self.assertEqual([each.code for each in answers], [200] * listening + [503] * (most - listening))
            self.assertEqual(answers[-1].body.decode(), f"no more than {listening} may listen\n")
            self.assertEqual(self.ask("/healthz").code, 200)
            self.endStatus(service)

    def test_stuck(self) -> None:
        """Where nobody is idle, the first goes that does not read what it asked for."""
        self.serve(metrics=FixedMetrics(MUCH, MUCH, MUCH))
        peers = self.fill()
        for peer in peers:
            peer.pause()
            peer.send(METRICS)
        self.settle()
        self.assertEqual(self.ask("/healthz").code, 200)
        self.assertEqual(self.ended(peers), [0])

    def test_busy(self) -> None:
        """Where everybody is being answered a newcomer is turned away, and nobody else."""
        newcomers: list[MemoryPeer] = []

        def come() -> None:
            newcomers.append(self.door.connect())

        self.serve(metrics=LongMetrics(come, 1))
        peers = self.fill()
        for peer in peers:
            peer.send(METRICS)
        self.settle()
        self.assertEqual((newcomers[0].received, newcomers[0].ending), (b"", "reset"))
        self.assertEqual({response.code for peer in peers for response in responses(peer.received)}, {200})


class TimeTests(StatusTestCase):
    """How long a connection may take."""

    def change(self) -> None:
        """Something happens, of which three events are told."""
        self.provider.set(BackendSet({}))
        self.provider.set(self.set)
        self.settle()

    def assertEnds(self, peer: MemoryPeer, seconds: float) -> None:
        """It does so after this time, and not before."""
        self.clock.advance(seconds - 1)
        self.settle()
        self.assertFalse(peer.hasFinished or peer.ending)
        self.clock.advance(1)
        self.settle()
        self.assertTrue(peer.hasFinished or peer.ending)

    def test_silent(self) -> None:
        """Who asks nothing is left after a while."""
        self.serve()
        self.assertEnds(self.door.connect(), IDLE)

    def test_afterwards(self) -> None:
        """So is who asks nothing more; the time begins with the answer."""
        self.serve()
        peer = self.door.connect()
        self.clock.advance(IDLE - 1)
        self.say("GET /healthz HTTP/1.1", to=peer)
        self.assertEnds(peer, IDLE)

    def test_slowWriter(self) -> None:
        """A request byte by byte gains nobody time."""
        self.serve()
        peer = self.door.connect()
        for byte in HEALTH[: IDLE - 1]:
            peer.send(bytes((byte,)))
            self.clock.advance(1)
        self.assertEnds(peer, 1)
        self.assertEqual((peer.received, peer.hasFinished), (b"", True))

    def test_listener(self) -> None:
        """Who listens to events may do so for ever."""
        self.serve()
        peer = self.listen()
        for _ in range(100):
            self.clock.advance(IDLE)
        self.settle()
        self.assertIsNone(peer.ending)
        self.assertEqual(peer.received.count(b": \n\n"), 100)

    def test_stuckReader(self) -> None:
        """Who does not read an answer is left after a while, and the rest of the answer is not made."""
        made: list[None] = []
        self.serve(metrics=LongMetrics(lambda: made.append(None), 100_000))
        peer = self.door.connect()
        peer.pause()
        peer.send(METRICS)
        self.settle()
        self.assertLess(len(made), 50_000)
        self.assertEnds(peer, STUCK)
        self.assertEqual(peer.ending, "reset")

    def test_stuckAtTheNext(self) -> None:
        """Who has read so little of an answer that the one to the next request is not begun is left, too."""
        size = 60 * 1024
        self.serve(metrics=FixedMetrics(b"x" * size))
        more = len(self.say("GET /metrics HTTP/1.1").received) - size
        made: list[None] = []
        part = b"x" * (CHUNK + 1 - more)  # the last byte of the answer is one too many
        self.serve(metrics=LongMetrics(lambda: made.append(None), 1, part))
        peer = self.door.connect()
        peer.pause()
        peer.send(METRICS * 2)
        self.settle()
        self.assertEqual(len(made), 1)
        self.assertEnds(peer, STUCK)

    def test_stuckListener(self) -> None:
        """The same goes for who listens to events and does not read them; after that nothing is observed any more."""
        self.serve()
        peer = self.listen()
        observed = len(self.balancer.balancer.observers)
        peer.pause()
        for _ in range(1000):
            self.change()
        self.assertIsNone(peer.ending)
        self.assertEnds(peer, STUCK)
        self.assertLess(len(self.balancer.balancer.observers), observed)

    def test_readsAgain(self) -> None:
        """Who reads again in time has missed what was too much, is told how much that was, and goes on hearing."""
        self.serve()
        peer = self.listen()
        peer.pause()
        for _ in range(1000):
            self.change()
        self.clock.advance(STUCK - 1)
        peer.resume()
        self.settle()
        told = self.heard(peer)
        (missed,) = [event for event in told if event["what"] == "missed"]
        self.assertEqual(len(told) - 1 + missed["count"], 3000)
        self.change()
        self.assertEqual(self.heard(peer)[-1]["what"], "backends-replaced")
        self.clock.advance(10 * STUCK)
        self.settle()
        self.assertIsNone(peer.ending)
        observed = len(self.balancer.balancer.observers)
        peer.close()
        self.settle()
        self.assertLess(len(self.balancer.balancer.observers), observed)

    def test_slowEnd(self) -> None:
        """Who does not read the end of an answer, behind which the connection ends, is left after a while."""
        self.serve(metrics=FixedMetrics(MUCH))
        peer = self.door.connect()
        peer.pause()
        peer.send(METRICS.replace(b"1.1", b"1.0"))
        self.settle()
        self.assertEnds(peer, STUCK)

    def test_unreadPage(self) -> None:
        """So is who does not read the end of a short one."""
        self.serve(metrics=FixedMetrics(b"x" * 60 * 1024))
        peer = self.door.connect()
        peer.pause()
        peer.send(METRICS)
        self.settle()
        peer.send(METRICS.replace(b"1.1", b"1.0"))
        self.settle()
        self.assertEnds(peer, CLOSING)


class SizeTests(StatusTestCase):
    """How much a peer may send."""

    def assertRefused(self, code: int, *parts: bytes) -> None:
        """After these bytes, and before as many come as there may be, the connection ends."""
        self.serve()
        peer = self.door.connect()
        for part in parts:
            peer.send(part)
            self.settle()
        self.assertTrue(peer.received.startswith(b"HTTP/1.1 %d " % code), peer.received[:100])
        self.assertTrue(peer.hasFinished or peer.ending)

    def test_endlessLine(self) -> None:
        """A line without an end has an end soon, be it the first or a header."""
        self.assertRefused(431, b"GET /", *[b"x" * 1000] * 20)
        self.assertRefused(431, HEALTH[:-2], b"X: ", *[b"x" * 1000] * 20)

    def test_endlessHeaders(self) -> None:
        """So have headers without an end, by size or by number."""
        self.assertRefused(400, HEALTH[:-2], *[b"X: " + b"x" * 1000 + b"\r\n"] * 20)
        self.assertRefused(400, HEALTH[:-2], *[b"X: x\r\n"] * 101)

    def test_manyHeaders(self) -> None:
        """What browsers send has room."""
        self.serve()
        self.assertEqual(self.ask("/healthz", "GET", *["Cookie: " + "x" * 150] * 90).code, 200)
