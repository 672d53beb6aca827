"""
From a client's arrival to its backend, as far as it shows without a socket. The rows are those of behaviour's
table of what the original does wrong. Row 4 goes as far as this: who is told to rest, rests.
"""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError
from twisted.internet.interfaces import IProtocol, IProtocolFactory

from tests.unit.rigs import BalancerTestCase, HandBackend, served, told
from tinylb import BackendSet, ClientUnserved, CloseReason, PairOpened, Verdict
from tinylb.testing import Behaviour, MemoryBackend


class DialingRowTests(BalancerTestCase):
    """Rows 1 to 7, 11 and 17: from the client's arrival to its backend."""

    def test_dialHoldsUpNobody(self) -> None:
        """Row 1: while one client waits for a black hole, the others are served without a moment's wait."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.connect()
        self.assertEqual(kit.balancer.describe()["dialing"], 1)
        self.assertEqual([event.dialSeconds for event in told(kit.events, PairOpened)], [0.0])

    def test_blackHoleCostsTheDelay(self) -> None:
        """Row 2: with one backend of three a black hole, every client is served within the attempt delay."""
        kit = self.balancer("a", "b", "c", attemptDelay=0.25)
        kit.backends["b"].behaviour = Behaviour.HANGS
        for _ in range(30):
            kit.connect()
        kit.advance(0.25)
        opened = told(kit.events, PairOpened)
        self.assertEqual((len(opened), {event.dialSeconds for event in opened}), (30, {0.0, 0.25}))

    def test_dialHasADeadline(self) -> None:
        """Row 2: where all backends are black holes, a client waits for the dial timeout and no longer."""
        kit = self.balancer("a", dialTimeout=10)
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = kit.connect()
        kit.clock.pump([0.25] * 40)
        self.assertTrue(client.hasFinished)
        self.assertEqual(told(kit.events, ClientUnserved)[0].reason, CloseReason.DIAL_TIMEOUT)

    def test_removalFreesTheClient(self) -> None:
        """Row 2: a black hole that leaves the set frees its client in the same turn."""
        kit = self.balancer("a", "b", attemptDelay=5)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.publish("b")
        kit.advance()
        self.assertEqual(served(kit), "b")
        self.assertEqual(kit.backends["a"].pending, 0)

    def test_nobodyFailsForARefusingBackend(self) -> None:
        """Row 3: with one of two backends refusing, 20 of 20 clients are served."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        for _ in range(20):
            kit.connect()
        self.assertEqual(served(kit), "b" * 20)

    def test_restingIsLeftAlone(self) -> None:
        """Row 4: a backend that is known to fail is not tried in its turn, while another is better."""
        kit = self.balancer("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.balancer.setVerdict("a", Verdict.RESTING, "refused")
        for _ in range(4):
            kit.connect()
        self.assertEqual((served(kit), kit.backends["a"].attempts), ("bbbb", 0))

    def test_resetEndsTheDial(self) -> None:
        """Row 5: for a client that reset during its dial no connection is made, and nothing it sent is delivered."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = kit.connect()
        client.send(b"forget it")
        client.reset()
        kit.advance()
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        self.assertEqual(kit.backends["a"].connections, [])

    def test_finIsNoReset(self) -> None:
        """Row 5: a client that half-closed during its dial has its data delivered, and gets its reply."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = kit.connect()
        client.send(b"request")
        client.finish()
        kit.advance()
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        kit.advance()
        server = kit.server("a")
        server.send(b"reply to " + server.received)
        kit.advance()
        self.assertEqual(client.received, b"reply to request")

    def test_stoppingEndsDials(self) -> None:
        """Row 6: a stop waits for no dial."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        stopped = kit.balancer.drain(60)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(kit.backends["a"].pending, 0)

    def test_neverToWhatWasRemovedMeanwhile(self) -> None:
        """Row 7: a backend removed during its dial is not connected to, though it answers in the end."""
        kit = self.balancer("b")
        slow = HandBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": slow, "b": kit.backends["b"]}))
        kit.connect()
        kit.connect()
        kit.publish("b")
        self.assertIsNone(slow.make())
        kit.advance()
        self.assertEqual(served(kit), "bb")

    def test_targetIsReadOnce(self) -> None:
        """Row 11: connections are filed under the target that the backend had when the set was made."""
        kit = self.balancer("b")
        fickle = MemoryBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"fickle": fickle}))
        fickle.target = "b"
        client = kit.connect()
        self.assertEqual([event.target for event in told(kit.events, PairOpened)], ["a"])
        kit.publish("b")
        kit.advance()
        self.assertEqual(client.ending, "reset")

    def test_localErrorsBlameNobody(self) -> None:
        """Row 17: out of descriptors, no backend is blamed or rests; once there are some again, clients are served."""

        class Starved(MemoryBackend):
            isStarved = True

            def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
                if self.isStarved:
                    raise ConnectBindError(errno.EMFILE, "Too many open files")
                return super().connect(factory)

        kit = self.balancer()
        backend = Starved(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        kit.connect()
        (known,) = kit.balancer.describe()["backends"]
        self.assertEqual((known["failed"], known["state"]), (0, "ready"))
        backend.isStarved = False
        kit.connect()
        self.assertEqual(served(kit), "a")
