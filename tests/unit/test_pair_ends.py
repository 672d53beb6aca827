"""How a pair ends: the close reason for every way to end, and what each side sees of it."""

from __future__ import annotations

from twisted.protocols.policies import WrappingFactory

from tests.unit.rigs import KIB, PairTestCase, TLSLikeBackend, connectTLSLike, sendMuch, told
from tinylb import BackendSet, ClientUnserved, CloseReason, TargetRemoved, Verdict
from tinylb.testing import Behaviour, MemoryBalancer, MemoryEndpoint, MemoryPeer


class CloseReasonTests(PairTestCase):
    """Each way to end has its name, and both connections end."""

    def setUp(self) -> None:
        self.kit, self.client, self.server = self.open("a", "b", idleTimeout=60, halfCloseTimeout=30)

    def assertEnded(self, reason: CloseReason) -> None:
        """Both connections have ended, the pair is forgotten, and the reason is this one."""
        self.kit.advance()
        self.assertEqual(self.closed(self.kit).reason, reason)
        for peer in (self.client, self.server):
            self.assertTrue(peer.ending or peer.hasFinished)
        self.assertEqual(self.kit.balancer.describe()["connections"], 0)

    def test_clientCloses(self) -> None:
        """The client closes, then the backend."""
        self.client.close()
        self.kit.advance()
        self.server.close()
        self.assertEnded(CloseReason.CLIENT_CLOSED)

    def test_backendCloses(self) -> None:
        """The backend closes, then the client."""
        self.server.close()
        self.kit.advance()
        self.client.close()
        self.assertEnded(CloseReason.BACKEND_CLOSED)

    def test_clientFinishesFirst(self) -> None:
        """Who finishes first gives the reason, not who closes."""
        self.client.finish()
        self.kit.advance()
        self.server.close()
        self.assertEnded(CloseReason.CLIENT_CLOSED)

    def test_backendFinishesFirst(self) -> None:
        """The same the other way round."""
        self.server.finish()
        self.kit.advance()
        self.client.close()
        self.assertEnded(CloseReason.BACKEND_CLOSED)

    def test_clientResets(self) -> None:
        """The client resets its connection."""
        self.client.reset()
        self.assertEnded(CloseReason.CLIENT_RESET)

    def test_backendResets(self) -> None:
        """The backend resets its connection."""
        self.server.reset()
        self.assertEnded(CloseReason.BACKEND_RESET)

    def test_targetRemoved(self) -> None:
        """The target leaves the set."""
        self.kit.publish("b")
        self.assertEnded(CloseReason.TARGET_REMOVED)

    def test_targetDead(self) -> None:
        """The target is found dead."""
        self.kit.balancer.setVerdict("a", Verdict.DEAD, "silent")
        self.assertEnded(CloseReason.TARGET_DEAD)

    def test_idle(self) -> None:
        """Nothing moves for the idle limit."""
        self.kit.advance(60)
        self.assertEnded(CloseReason.IDLE_TIMEOUT)

    def test_halfClosed(self) -> None:
        """Nothing moves for the half-close limit once one end has finished."""
        self.client.finish()
        self.kit.advance()
        self.kit.advance(30)
        self.assertEnded(CloseReason.HALF_CLOSE_TIMEOUT)

    def test_stopping(self) -> None:
        """The balancer stops, and the pair takes longer than it may."""
        self.kit.balancer.drain(1)
        self.kit.advance(1)
        self.assertEnded(CloseReason.STOPPING)

    def test_whatWasMoved(self) -> None:
        """The end of a pair tells of its bytes in each direction, its length and its dial."""
        self.client.send(b"four")
        self.server.send(b"eleven byte")
        self.kit.advance(1.5)
        self.client.close()
        self.server.close()
        self.kit.advance()
        event = self.closed(self.kit)
        self.assertEqual((event.bytesIn, event.bytesOut, event.duration), (4, 11, 1.5))
        self.assertEqual((event.backend, event.attempts, event.dialSeconds), ("a", 1, 0.0))

    def test_firstOneCounts(self) -> None:
        """A reset that follows an end already ordered does not rename it."""
        self.kit.publish("b")
        self.client.reset()
        self.assertEnded(CloseReason.TARGET_REMOVED)

    def test_resetAfterCloseIsAReset(self) -> None:
        """A client that finished, and reset before it had its reply, did not get everything."""
        self.client.finish()
        self.kit.advance()
        self.client.reset()
        self.server.close()
        self.assertEnded(CloseReason.CLIENT_RESET)


class ResetTests(PairTestCase):
    """One end resets."""

    def test_resetIsPassedOn(self) -> None:
        """A reset of one end resets the other: it cannot take a part for the whole."""
        for number in (0, 1):
            kit, *peers = self.open()
            peers[number].reset()
            kit.advance()
            self.assertEqual(peers[1 - number].ending, "reset")
            self.assertFalse(peers[1 - number].hasFinished)

    def test_finThenReset(self) -> None:
        """What a client finished before it reset is delivered, to the last byte."""
        kit, client, server = self.open()
        server.pause()
        sendMuch(kit, client)
        client.finish()
        kit.advance()
        client.reset()
        kit.advance()
        server.resume()
        kit.advance()
        self.assertEqual(len(server.received), 100 * KIB)
        self.assertTrue(server.hasFinished)
        self.assertIsNone(server.ending)
        server.close()
        kit.advance()
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_RESET)

    def test_finThenResetWhileTheOtherTalks(self) -> None:
        """It is delivered also while the other end goes on sending to nobody, which closing would answer by a reset."""
        kit, client, server = self.open()
        server.pause()
        sendMuch(kit, client)
        client.pause()
        server.send(b"y" * 1024 * KIB)
        client.finish()
        kit.advance()
        client.reset()
        kit.advance()
        server.resume()
        kit.advance()
        self.assertEqual(len(server.received), 100 * KIB)
        self.assertTrue(server.hasFinished)
        self.assertIsNone(server.ending)
        server.close()
        kit.advance()
        self.assertEqual((server.ending, self.closed(kit).reason), ("closed", CloseReason.CLIENT_RESET))

    def test_whoeverIsLeftIsBounded(self) -> None:
        """Who goes on talking to nobody does not do so for longer than the half-close limit."""
        kit, client, server = self.open(halfCloseTimeout=30)
        client.finish()
        kit.advance()
        client.reset()
        for _ in range(4):
            server.send(b"anybody there?")
            kit.advance(10)
        self.assertEqual(server.ending, "reset")
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_RESET)

    def test_whoeverIsLeftIsAborted(self) -> None:
        """Who talks to nobody is aborted like anybody else when the target goes, and counts as one connection."""
        kit, client, server = self.open("a", "b")
        client.finish()
        kit.advance()
        client.reset()
        kit.advance()
        kit.publish("b")
        kit.advance()
        self.assertEqual(server.ending, "reset")
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_RESET)
        self.assertEqual([(event.target, event.pairs) for event in told(kit.events, TargetRemoved)], [("a", 1)])

    def test_abortDiscards(self) -> None:
        """An abort waits for nobody: both sides are reset in the same turn, with megabytes unsent."""
        kit, client, server = self.open("a", "b")
        client.pause()
        server.send(b"x" * 1024 * KIB)
        kit.advance()
        kit.publish("b")
        kit.advance()
        self.assertEqual((client.ending, server.ending), ("reset", "reset"))
        self.assertEqual(client.received, b"")


class WrappedTests(PairTestCase):
    """Behind a wrapper such as the one of C{haproxy:} endpoints, which knows nothing of half-closes by itself."""

    def connectWrapped(self) -> tuple[MemoryBalancer, MemoryPeer]:
        """A client of a balancer behind such a wrapper."""
        kit = self.balancer("a")
        factory = WrappingFactory(kit.balancer)
        factory.noisy = False
        endpoint = MemoryEndpoint(kit.clock)
        endpoint.listen(factory)
        return kit, endpoint.connect()

    def test_halfClose(self) -> None:
        """A client that has finished gets its reply."""
        kit, client = self.connectWrapped()
        client.finish()
        kit.advance()
        kit.server("a").send(b"reply")
        kit.server("a").close()
        kit.advance()
        self.assertEqual((client.received, client.hasFinished), (b"reply", True))
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_CLOSED)

    def test_backendClosesFirst(self) -> None:
        """A backend closes, then its client: nothing stays."""
        kit, client = self.connectWrapped()
        kit.server("a").close()
        kit.advance()
        client.close()
        kit.advance()
        self.assertEqual(self.closed(kit).reason, CloseReason.BACKEND_CLOSED)
        self.assertEqual(kit.balancer.describe()["connections"], 0)


class TLSLikeTests(PairTestCase):
    """Transports without half-close: a close is the end of both directions."""

    def test_clientCloses(self) -> None:
        """The close of a client is passed on."""
        kit = self.balancer("a")
        client = connectTLSLike(kit)
        client.send(b"bye")
        client.close()
        kit.advance()
        server = kit.server("a")
        self.assertEqual((server.received, server.hasFinished), (b"bye", True))
        server.close()
        kit.advance()
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_CLOSED)

    def test_clientIsLostDuringItsDial(self) -> None:
        """A client that is gone is not aborted once more; its dial is cancelled, and it is told as reset."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = connectTLSLike(kit)
        client.reset()
        kit.advance()
        self.assertEqual(kit.backends["a"].pending, 0)
        self.assertEqual([event.reason for event in told(kit.events, ClientUnserved)], [CloseReason.CLIENT_RESET])

    def test_backendCloses(self) -> None:
        """The close of a backend is passed on, behind all it sent."""
        kit = self.balancer()
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = kit.connect()
        backend.connections[0].send(b"x" * 1024 * KIB)
        backend.connections[0].close()
        kit.advance()
        self.assertEqual((len(client.received), client.hasFinished), (1024 * KIB, True))
        client.close()
        kit.advance()
        self.assertEqual(self.closed(kit).reason, CloseReason.BACKEND_CLOSED)

    def test_bothSides(self) -> None:
        """Where neither side knows half-closes, the close of one is the close of the other, behind all it sent."""
        kit = self.balancer()
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = connectTLSLike(kit)
        backend.connections[0].send(b"x" * 1024 * KIB)
        backend.connections[0].close()
        kit.advance()
        self.assertEqual((len(client.received), client.hasFinished), (1024 * KIB, True))
        self.assertEqual(self.closed(kit).reason, CloseReason.BACKEND_CLOSED)

    def test_slowClientFinishes(self) -> None:
        """A client that finishes, slow to take what has come for it, has that delivered, and the pair ends."""
        kit = self.balancer()
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = kit.connect()
        client.pause()
        backend.connections[0].send(b"x" * 1024 * KIB)
        kit.advance()
        client.finish()
        kit.advance()
        client.resume()
        kit.advance()
        self.assertGreaterEqual(len(client.received), 128 * KIB)
        self.assertTrue(client.hasFinished)
        self.assertEqual(self.closed(kit).reason, CloseReason.CLIENT_CLOSED)

    def test_removal(self) -> None:
        """A pair over such transports is aborted as any other is."""
        kit = self.balancer()
        backend = TLSLikeBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = connectTLSLike(kit)
        kit.publish()
        kit.advance()
        self.assertEqual((client.ending, backend.connections[0].ending), ("reset", "reset"))
        self.assertEqual(self.closed(kit).reason, CloseReason.TARGET_REMOVED)
