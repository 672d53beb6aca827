"""Which engines may be asked for."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.rigs import BalancerTestCase, served
from tinylb import LoadBalancer
from tinylb.testing import MemoryBalancer


class EnginesTests(SynchronousTestCase):
    """See L{Engines <tinylb.relay.engines.Engines>}."""

    def test_wrongName(self) -> None:
        """A name that no engine has is refused, and the message says which there are."""
        for name in ("", "Kernel", "fast"):
            error = self.assertRaises(ValueError, LoadBalancer, Clock(), relay=name)
            self.assertIn(repr(name), str(error))
            for right in ("'auto'", "'kernel'", "'stream'"):
                self.assertIn(right, str(error))

    def test_noRealReactor(self) -> None:
        """The kernel engine is refused where there is no real reactor: it would open real sockets there."""
        for reactor in (Clock(), MemoryReactorClock()):
            error = self.assertRaises(ValueError, LoadBalancer, reactor, relay="kernel")
            self.assertIn("kernel", str(error))


class AutoTests(BalancerTestCase):
    """What is chosen where nothing is asked for."""

    def test_inMemory(self) -> None:
        """Connections in memory are relayed, by the stream engine."""
        for relay in ("auto", "stream"):
            kit: MemoryBalancer = self.balancer("a", relay=relay)
            client = kit.connect()
            client.send(b"hello")
            kit.advance()
            self.assertEqual(served(kit), "a")
            self.assertEqual(kit.server("a").received, b"hello")
