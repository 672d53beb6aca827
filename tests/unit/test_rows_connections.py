"""
What goes through connections, and how they end, as far as it shows without a socket. The rows are those of
behaviour's table of what the original does wrong.
"""

from __future__ import annotations

from tests.unit.loglines import logLines
from tests.unit.rigs import MIB, BalancerTestCase, pattern, sendMuch, served, told
from tinylb import CloseReason, PairClosed, TargetRemoved
from tinylb.testing import Behaviour


class RemovalRowTests(BalancerTestCase):
    """Rows 8 to 10 and 16: the end of connections that have to end."""

    def test_newSetIsCurrentFirst(self) -> None:
        """Row 8: a client that is dialled elsewhere, as its target goes, goes to none of the others that go."""
        kit = self.balancer("a", "b", "c", attemptDelay=5)
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.publish("c")
        kit.advance()
        self.assertEqual((served(kit), kit.backends["b"].attempts), ("c", 0))

    def test_comingBackAtOnce(self) -> None:
        """Row 8: a client that connects again the moment it is reset is on the new set."""
        kit = self.balancer("a")
        client = kit.connect()
        client.connectionLost = lambda reason=None: kit.connect()  # type: ignore[assignment]
        kit.publish("b")
        kit.advance()
        self.assertEqual(served(kit), "ab")

    def test_stalledClientIsReset(self) -> None:
        """Row 9: a client that reads nothing, with data on its way, is reset as any other; so is its backend."""
        kit = self.balancer("a", "b")
        client = kit.connect()
        client.pause()
        sendMuch(kit, kit.server("a"))
        kit.publish("b")
        kit.advance()
        self.assertEqual((client.ending, kit.server("a").ending), ("reset", "reset"))
        self.assertEqual(kit.balancer.describe()["connections"], 0)

    def test_countIsExact(self) -> None:
        """Row 10: what is said to have ended is what has ended; of a target with nothing there is no line."""
        kit = self.balancer("a", "b", "c")
        clients = [kit.connect() for _ in range(5)]
        clients[0].reset()
        kit.advance()
        lines = logLines(self)
        kit.publish("b", "c")
        kit.publish("b")
        kit.advance()
        kit.publish()
        kit.publish("d")
        kit.publish("e")
        counts = [(event.target, event.pairs) for event in told(kit.events, TargetRemoved)]
        self.assertEqual(counts, [("a", 1), ("c", 1), ("b", 2), ("d", 0)])
        self.assertEqual(
            [line.split(":")[1] for line in lines if "Target" in line],
            [" Target a removed", " Target c removed", " Target b removed"],
        )

    def test_goneInTheSameTurn(self) -> None:
        """Row 10: a connection that ends by itself in the turn of the removal is counted there no second time."""
        kit = self.balancer("a", "b")
        kit.connect()
        kit.publish("b")
        kit.publish("a", "b")
        kit.publish("b")
        self.assertEqual([event.pairs for event in told(kit.events, TargetRemoved)], [1, 0])

    def test_stoppingEndsWhatIsLeft(self) -> None:
        """Row 16: connections may finish until the drain deadline; then they are ended, and the stop is over."""
        kit = self.balancer("a")
        finishing, staying = kit.connect(), kit.connect()
        stopped = kit.balancer.drain(5)
        finishing.reset()
        kit.advance(4.9)
        self.assertNoResult(stopped)
        self.assertIsNone(staying.ending)
        kit.advance(0.1)
        self.assertIsNone(self.successResultOf(stopped))
        self.assertEqual(staying.ending, "reset")
        self.assertEqual(told(kit.events, PairClosed)[-1].reason, CloseReason.STOPPING)


class RelayRowTests(BalancerTestCase):
    """Rows 12 to 15: what goes through a pair. More of it in C{test_pair}."""

    def test_replyAfterFin(self) -> None:
        """Row 12: a client that half-closes gets its reply."""
        kit = self.balancer("a")
        client = kit.connect()
        client.finish()
        kit.advance()
        kit.server("a").send(b"reply")
        kit.server("a").close()
        kit.advance()
        self.assertEqual(client.received, b"reply")

    def test_uploadAfterFin(self) -> None:
        """Row 13: a backend that half-closes gets its upload."""
        kit = self.balancer("a")
        client = kit.connect()
        kit.server("a").finish()
        kit.advance()
        client.send(pattern(MIB))
        client.close()
        kit.advance()
        self.assertTrue(kit.server("a").received == pattern(MIB))

    def test_nothingIsTruncated(self) -> None:
        """Row 14: every byte arrives before the FIN, also while the client's own input is not read."""
        kit = self.balancer("a")
        client, server = kit.connect(), kit.server("a")
        server.pause()
        client.send(pattern(MIB))
        client.pause()
        server.send(pattern(2 * MIB, salt=1))
        server.finish()
        kit.advance()
        client.resume()
        kit.advance()
        self.assertTrue(client.received == pattern(2 * MIB, salt=1))
        self.assertEqual((client.hasFinished, client.ending), (True, None))

    def test_everyPairIsAccountedFor(self) -> None:
        """Row 15: of each pair there is one record: who, where, how long, how much, and why it ended."""
        kit = self.balancer("a", "b")
        clients = [kit.connect() for _ in range(4)]
        for number, client in enumerate(clients):
            client.send(b"x" * number)
        kit.advance(2)
        clients[0].reset()
        kit.advance()
        kit.publish("b")
        kit.advance()
        kit.balancer.drain(0)
        kit.advance()
        records = {
            (event.backend, event.bytesIn, event.duration, event.reason) for event in told(kit.events, PairClosed)
        }
        self.assertEqual(
            records,
            {
                ("a", 0, 2, CloseReason.CLIENT_RESET),
                ("b", 1, 2, CloseReason.STOPPING),
                ("a", 2, 2, CloseReason.TARGET_REMOVED),
                ("b", 3, 2, CloseReason.STOPPING),
            },
        )
