"""A pair's bytes: all of them, in order, both ways, and no more at a time than there is room for."""

from __future__ import annotations

from tests.unit.rigs import KIB, MIB, BalancerTestCase, TLSLikeBackend, connectTLSLike, pattern, told
from tinylb import BackendSet, CloseReason, PairClosed, PairHalfClosed
from tinylb.testing import MemoryBalancer, MemoryPeer

# What may be under way in one direction while the reader does not read: what lies on the two wires,
# what the transport in between holds, and one chunk more, since it is asked to pause when it has too much.
ROOM = 4 * 64 * KIB


class RelayTests(BalancerTestCase):
    """What one end sends arrives at the other."""

    def open(self, kit: MemoryBalancer) -> tuple[MemoryPeer, MemoryPeer]:
        """A pair: the client, and the backend's server."""
        client = kit.connect()
        return client, kit.server("a")

    def test_bothWays(self) -> None:
        """Requests and replies go back and forth."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        for number in range(3):
            client.send(b"request %d " % number)
            kit.advance()
            server.send(b"reply %d " % number)
            kit.advance()
        self.assertEqual(server.received, b"request 0 request 1 request 2 ")
        self.assertEqual(client.received, b"reply 0 reply 1 reply 2 ")

    def test_largeStreams(self) -> None:
        """Megabytes in both directions at once arrive as they were sent."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        up, down = pattern(2 * MIB), pattern(2 * MIB, salt=7)
        client.send(up)
        server.send(down)
        kit.advance()
        self.assertTrue(server.received == up and client.received == down)

    def test_pairsAreSeparate(self) -> None:
        """What belongs to one pair reaches no other."""
        kit = self.balancer("a")
        clients = [kit.connect() for _ in range(3)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
            kit.server("a", number).send(b"to %d" % number)
        kit.advance()
        self.assertEqual([server.received for server in kit.backends["a"].connections], [b"0", b"1", b"2"])
        self.assertEqual([client.received for client in clients], [b"to 0", b"to 1", b"to 2"])

    def test_slowBackend(self) -> None:
        """A backend that does not read holds its client up; nothing piles up here, and nothing is busy."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        upload = pattern(2 * MIB)
        server.pause()
        client.send(upload)
        kit.advance(1)
        self.assertLess(kit.balancer.describe()["backends"][0]["bytesIn"], ROOM)
        self.assertEqual(kit.clock.getDelayedCalls(), [])
        server.resume()
        kit.advance()
        self.assertTrue(server.received == upload)

    def test_slowClient(self) -> None:
        """A client that does not read holds its backend up; nothing piles up here, and nothing is busy."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        download = pattern(2 * MIB)
        client.pause()
        server.send(download)
        kit.advance(1)
        self.assertLess(kit.balancer.describe()["backends"][0]["bytesOut"], ROOM)
        self.assertEqual(kit.clock.getDelayedCalls(), [])
        client.resume()
        kit.advance()
        self.assertTrue(client.received == download)

    def test_oneWayStallsAlone(self) -> None:
        """A direction that is held up leaves the other one flowing."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        server.pause()
        client.send(pattern(MIB))
        kit.advance()
        server.send(b"never mind, listen")
        kit.advance()
        self.assertEqual(client.received, b"never mind, listen")

    def test_stopAndGo(self) -> None:
        """A reader that stops again and again loses nothing."""
        kit = self.balancer("a")
        client, server = self.open(kit)
        download = pattern(2 * MIB)
        server.send(download)
        for _ in range(8):
            client.pause()
            kit.advance()
            client.resume()
            kit.advance()
        self.assertTrue(client.received == download)


class HalfCloseTests(BalancerTestCase):
    """One end has said all, and the other has not."""

    def test_clientFinishes(self) -> None:
        """The reply reaches a client that sent its FIN with the request."""
        kit = self.balancer("a")
        client = kit.connect()
        client.send(b"request")
        client.finish()
        kit.advance()
        server = kit.server("a")
        self.assertEqual((server.received, server.hasFinished), (b"request", True))
        reply = pattern(MIB)
        server.send(reply)
        server.close()
        kit.advance()
        self.assertTrue(client.received == reply)
        self.assertTrue(client.hasFinished)
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.CLIENT_CLOSED)

    def test_backendFinishes(self) -> None:
        """The upload arrives at a backend that has said all it had to say."""
        kit = self.balancer("a")
        client = kit.connect()
        server = kit.server("a")
        server.send(b"go on")
        server.finish()
        kit.advance()
        self.assertEqual((client.received, client.hasFinished), (b"go on", True))
        upload = pattern(MIB)
        client.send(upload)
        client.close()
        kit.advance()
        self.assertTrue(server.received == upload)
        self.assertTrue(server.hasFinished)
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.BACKEND_CLOSED)

    def test_finComesLast(self) -> None:
        """A FIN is passed on behind every byte that came before it, however slow the reader."""
        kit = self.balancer("a")
        client = kit.connect()
        server = kit.server("a")
        upload = pattern(MIB)
        server.pause()
        client.send(upload)
        client.finish()
        kit.advance()
        server.resume()
        kit.advance()
        self.assertTrue(server.received == upload)
        self.assertTrue(server.hasFinished)
        self.assertIsNone(server.ending)

    def test_isToldOnce(self) -> None:
        """Observers hear who finished first. Twisted may report a FIN twice; it counts once."""
        kit = self.balancer("a")
        client = kit.connect()
        server = kit.server("a")
        client.finish()
        kit.advance()
        end = client.transport._far.protocol
        end.readConnectionLost()  # type: ignore[attr-defined]
        kit.advance()
        self.assertEqual([event.by for event in told(kit.events, PairHalfClosed)], ["client"])
        server.send(b"still here")
        kit.advance()
        self.assertEqual(client.received, b"still here")

    def test_notThroughTLS(self) -> None:
        """Where a backend's connection knows no half-close, a client's FIN closes it, behind all that was sent."""
        kit = self.balancer()
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = kit.connect()
        upload = pattern(MIB)
        client.send(upload)
        client.finish()
        kit.advance()
        self.assertTrue(backend.connections[0].received == upload)
        self.assertTrue(backend.connections[0].hasFinished)
        self.assertEqual(told(kit.events, PairHalfClosed), [])
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.CLIENT_CLOSED)

    def test_closeThroughTLS(self) -> None:
        """Where a client's connection knows no half-close, its close reaches the backend behind all that was sent."""
        kit = self.balancer("a")
        client = connectTLSLike(kit)
        server = kit.server("a")
        upload = pattern(MIB)
        server.pause()
        client.send(upload)
        client.close()
        kit.advance()
        server.resume()
        kit.advance()
        self.assertTrue(server.received == upload)
        self.assertTrue(server.hasFinished)
