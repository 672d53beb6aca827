"""How a balancer comes to its end, and begins again."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from tests.unit.loglines import logLines
from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import ClientUnserved, CloseReason, PairClosed
from tinylb.testing import Behaviour


class DrainTests(BalancerTestCase):
    """See L{LoadBalancer.drain <tinylb.LoadBalancer.drain>}."""

    def test_nothingToDo(self) -> None:
        """Where nothing is open, it is over at once."""
        self.assertIsNone(self.successResultOf(self.balancer("a").balancer.drain(60)))

    def test_lastOneEnds(self) -> None:
        """It is over when the last connection has ended, long before the deadline."""
        kit = self.balancer("a")
        clients = [kit.connect(), kit.connect()]
        drained = kit.balancer.drain(60)
        for client in clients:
            self.assertNoResult(drained)
            client.reset()
            kit.advance()
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    def test_connectionsGoOn(self) -> None:
        """Until the deadline, what is open works as ever."""
        kit = self.balancer("a")
        client = kit.connect()
        kit.balancer.drain(60)
        client.send(b"one more thing")
        kit.advance(59)
        self.assertEqual(kit.server("a").received, b"one more thing")

    def test_whatWasCut(self) -> None:
        """Connections that had not finished by the deadline are told of; nobody meant any to, where there was none."""
        lines = logLines(self)
        for seconds, expected in ((60, ["info: 2 connections ended: not finished within 60 s"]), (0, [])):
            kit = self.balancer("a")
            kit.connect()
            kit.connect()
            del lines[:]
            kit.balancer.drain(seconds)
            kit.advance(seconds)
            kit.advance()
            self.assertEqual((lines, kit.balancer.connections), (expected, 0))

    def test_removalGoesOn(self) -> None:
        """A target that goes meanwhile takes its connections with it, under its own reason."""
        kit = self.balancer("a")
        kit.connect()
        drained = kit.balancer.drain(60)
        kit.publish()
        kit.advance()
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.TARGET_REMOVED)

    def test_observersHearEverythingFirst(self) -> None:
        """When it is said to be over, the end of the last connection has been told."""
        kit = self.balancer("a")
        kit.connect()
        heard: list[int] = []
        kit.balancer.drain(0).addCallback(lambda _: heard.append(len(told(kit.events, PairClosed))))
        kit.advance()
        self.assertEqual(heard, [1])

    def test_again(self) -> None:
        """A second call, with another deadline, takes the place of the first; both are told."""
        kit = self.balancer("a")
        client = kit.connect()
        drained = [kit.balancer.drain(1), kit.balancer.drain(10)]
        kit.advance(9)
        self.assertIsNone(client.ending)
        kit.advance(1)
        self.assertEqual(client.ending, "reset")
        for each in drained:
            self.assertIsNone(self.successResultOf(each))

    def test_impatient(self) -> None:
        """Who waits no longer is told so, and changes nothing: it goes on to its end, which schedules nothing."""
        kit = self.balancer("a", "b")
        kit.backends["b"].behaviour = Behaviour.REFUSES
        client = kit.connect()
        kit.connect().reset()  # a rest is scheduled
        impatient = kit.balancer.drain(60)
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        kit.advance()
        self.assertIsNone(client.ending)
        client.reset()
        kit.advance()
        self.assertEqual(kit.clock.getDelayedCalls(), [])


class ResumeTests(BalancerTestCase):
    """See L{LoadBalancer.resume <tinylb.LoadBalancer.resume>}."""

    def test_afterTheEnd(self) -> None:
        """A balancer that came to its end serves again."""
        kit = self.balancer("a", "b")
        kit.connect()
        kit.balancer.drain(0)
        kit.advance()
        kit.balancer.resume()
        kit.connect()
        self.assertEqual(served(kit), "ab")

    def test_insteadOfTheEnd(self) -> None:
        """Before the deadline it takes the stop back: old and new connections stay."""
        kit = self.balancer("a")
        old = kit.connect()
        kit.balancer.drain(5)
        kit.balancer.resume()
        new = kit.connect()
        kit.advance(5)
        self.assertEqual((old.ending, new.ending), (None, None))
        self.assertEqual(told(kit.events, ClientUnserved), [])

    def test_drainsAgain(self) -> None:
        """A balancer that serves again can be drained again."""
        kit = self.balancer("a")
        kit.balancer.drain(5)
        kit.balancer.resume()
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        self.assertIsNone(self.successResultOf(kit.balancer.drain(5)))
