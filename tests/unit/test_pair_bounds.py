"""For how long a pair may be silent: as long as it likes, unless told otherwise, until one end has finished."""

from __future__ import annotations

from tests.unit.rigs import PairTestCase, TLSLikeBackend, connectTLSLike, sendMuch
from tinylb import BackendSet, CloseReason
from tinylb.testing import MemoryBalancer, MemoryPeer


class HalfCloseBoundTests(PairTestCase):
    """The limit for pairs of which one end has finished."""

    def test_bound(self) -> None:
        """A half-closed pair in which nothing moves ends after the limit, by a reset of both."""
        for number in (0, 1):
            kit, *peers = self.open(halfCloseTimeout=300)
            peers[number].finish()
            kit.advance()
            kit.advance(299.9)
            self.assertOpen(kit)
            kit.advance(0.1)
            self.assertEqual([peer.ending for peer in peers], ["reset", "reset"])
            self.assertEqual(self.closed(kit).reason, CloseReason.HALF_CLOSE_TIMEOUT)

    def test_bytesProlong(self) -> None:
        """Each byte of the other end begins the limit anew."""
        kit, client, server = self.open(halfCloseTimeout=300)
        client.finish()
        for _ in range(5):
            kit.advance(200)
            server.send(b".")
            kit.advance()
        self.assertEqual(client.received, b".....")
        kit.advance(300)
        self.assertEqual(self.closed(kit).duration, 1300)

    def test_beginsWithTheHalfClose(self) -> None:
        """A pair that was idle for longer than the limit has the whole limit before it when it half-closes."""
        kit, client, server = self.open(halfCloseTimeout=300)
        kit.advance(1000)
        client.finish()
        kit.advance()
        self.assertTrue(server.hasFinished)
        server.send(b"reply")
        kit.advance(299)
        self.assertEqual(client.received, b"reply")
        self.assertOpen(kit)

    def test_stalledReader(self) -> None:
        """It bounds also an end that does not take what is left for it, the other being gone."""
        kit, client, server = self.open(halfCloseTimeout=300)
        client.pause()
        sendMuch(kit, server)
        server.close()
        kit.advance()
        self.assertOpen(kit)
        kit.advance(300)
        self.assertEqual(self.closed(kit).reason, CloseReason.HALF_CLOSE_TIMEOUT)

    def test_stalledClientOfTLSBackend(self) -> None:
        """The same where the backend that is gone knew no half-close."""
        kit = self.balancer(halfCloseTimeout=300)
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        self.assertStalledReaderIsBounded(kit, kit.connect(), backend.connections[0])

    def test_stalledBackendOfTLSClient(self) -> None:
        """The same where the client that is gone knew no half-close."""
        kit = self.balancer("a", halfCloseTimeout=300)
        client = connectTLSLike(kit)
        self.assertStalledReaderIsBounded(kit, kit.server("a"), client)

    def assertStalledReaderIsBounded(self, kit: MemoryBalancer, reader: MemoryPeer, closer: MemoryPeer) -> None:
        reader.pause()
        sendMuch(kit, closer)
        closer.close()
        kit.advance()
        self.assertOpen(kit)
        kit.advance(300)
        self.assertEqual(reader.ending, "reset")
        self.assertEqual(self.closed(kit).reason, CloseReason.HALF_CLOSE_TIMEOUT)

    def test_noBound(self) -> None:
        """Zero is no limit."""
        kit, client, server = self.open(halfCloseTimeout=0)
        client.finish()
        kit.advance(1e6)
        server.send(b"at last")
        kit.advance()
        self.assertEqual(client.received, b"at last")

    def test_openPairsAreNotBounded(self) -> None:
        """A pair of which nobody has finished may be silent for ever, unless an idle limit says otherwise."""
        kit, client, _ = self.open(halfCloseTimeout=300)
        kit.advance(1)
        self.assertEqual(kit.clock.getDelayedCalls(), [])
        kit.advance(1e6)
        client.send(b"hello?")
        kit.advance()
        self.assertEqual(kit.server("a").received, b"hello?")


class IdleBoundTests(PairTestCase):
    """The limit for pairs in which nothing moves."""

    def test_bound(self) -> None:
        """A pair in which nothing moved for so long ends by a reset of both."""
        kit, client, server = self.open(idleTimeout=60)
        kit.advance(59.9)
        self.assertOpen(kit)
        kit.advance(0.1)
        self.assertEqual((client.ending, server.ending), ("reset", "reset"))
        self.assertEqual(self.closed(kit).reason, CloseReason.IDLE_TIMEOUT)

    def test_bytesProlong(self) -> None:
        """Each byte, of either end, begins the limit anew; it is kept to the second."""
        for number in (0, 1):
            kit, *peers = self.open(idleTimeout=60)
            kit.advance(50)
            peers[number].send(b".")
            kit.clock.pump([1] * 100)
            self.assertEqual(self.closed(kit).duration, 111)

    def test_shorterOneHolds(self) -> None:
        """Of a half-closed pair the shorter of the two limits ends it, and gives the reason."""
        for idle, half, reason in ((60, 300, CloseReason.IDLE_TIMEOUT), (60, 30, CloseReason.HALF_CLOSE_TIMEOUT)):
            kit, client, _ = self.open(idleTimeout=idle, halfCloseTimeout=half)
            client.finish()
            kit.advance()
            kit.advance(min(idle, half))
            self.assertEqual(self.closed(kit).reason, reason)

    def test_oddTimes(self) -> None:
        """Times that no binary fraction is equal to do no harm: the pair ends, and time goes on."""
        for start in (0.1, 0.3, 0.7, 1e6 / 3):
            kit = self.balancer("a", idleTimeout=0.1)
            kit.advance(start)
            kit.connect()
            kit.advance(0.1)
            kit.advance(0.001)
            self.assertEqual(self.closed(kit).reason, CloseReason.IDLE_TIMEOUT)
