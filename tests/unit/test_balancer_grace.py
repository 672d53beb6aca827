"""A balancer that comes to its end lets dials that are under way go on for a moment."""

from __future__ import annotations

from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import ClientUnserved, CloseReason, PairClosed, PairOpened
from tinylb.drain import LOOK
from tinylb.testing import Behaviour, MemoryBalancer, MemoryPeer


class GraceTests(BalancerTestCase):
    """See L{LoadBalancer.drain <tinylb.LoadBalancer.drain>}."""

    def dialling(self, *ids: str) -> tuple[MemoryBalancer, MemoryPeer]:
        """A balancer that waits for a backend, with one client."""
        kit = self.balancer(*(ids or "a"))
        for each in kit.backends.values():
            each.behaviour = Behaviour.HANGS
        return kit, kit.connect()

    def answer(self, kit: MemoryBalancer, id: str, behaviour: Behaviour = Behaviour.CONNECTS) -> None:
        """A backend answers at last."""
        kit.backends[id].behaviour = behaviour
        kit.backends[id].answer()
        kit.advance()

    def reasons(self, kit: MemoryBalancer) -> list[CloseReason]:
        """Why clients were not served."""
        return [event.reason for event in told(kit.events, ClientUnserved)]

    def test_served(self) -> None:
        """Who gets a backend in that time is served like those who had one, to the deadline."""
        kit, client = self.dialling()
        drained = kit.balancer.drain(5, 0.25)
        kit.advance(0.2)
        self.answer(kit, "a")
        client.send(b"hello")
        kit.advance(4.7)
        self.assertEqual(kit.server("a").received, b"hello")
        self.assertNoResult(drained)
        kit.advance(0.1)
        self.assertEqual(client.ending, "reset")
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(told(kit.events, PairClosed)[0].reason, CloseReason.STOPPING)

    def test_another(self) -> None:
        """The search goes on as ever: where one refuses, the next one is tried."""
        kit, _ = self.dialling("a", "b")
        kit.balancer.drain(5, 0.25)
        kit.backends["b"].behaviour = Behaviour.CONNECTS
        self.answer(kit, "a", Behaviour.REFUSES)
        kit.advance()
        self.assertEqual([event.backend for event in told(kit.events, PairOpened)], ["b"])

    def test_hangs(self) -> None:
        """Who has none by then is closed, and not before; without open connections that is the end."""
        kit, client = self.dialling()
        drained = kit.balancer.drain(5, 0.25)
        kit.advance(0.24)
        self.assertEqual((client.hasFinished, self.reasons(kit)), (False, []))
        self.assertNoResult(drained)
        kit.advance(0.01)
        self.assertEqual((client.hasFinished, self.reasons(kit)), (True, [CloseReason.STOPPING]))
        self.assertEqual(kit.backends["a"].pending, 0)
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    def test_fails(self) -> None:
        """Who is refused by all is told so then and there; where nobody else waits, that is the end, in a moment."""
        kit, client = self.dialling()
        drained = kit.balancer.drain(5, 0.25)
        self.answer(kit, "a", Behaviour.REFUSES)
        self.assertTrue(client.hasFinished)
        kit.advance(LOOK)
        self.assertIsNone(self.successResultOf(drained))
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    def test_newClients(self) -> None:
        """Who comes after that is refused at once, although others are still being dialled for."""
        kit, _ = self.dialling()
        kit.balancer.drain(5, 0.25)
        late = kit.connect()
        self.assertTrue(late.hasFinished)
        self.assertEqual(self.reasons(kit), [CloseReason.STOPPING])
        self.assertEqual(kit.backends["a"].attempts, 1)

    def test_withinTheDeadline(self) -> None:
        """No dial goes on when the time for connections is over; without any, none goes on at all."""
        for seconds in (0.1, 0.0):
            kit, client = self.dialling()
            drained = kit.balancer.drain(seconds, 0.25)
            kit.advance(seconds)
            self.assertTrue(client.hasFinished)
            self.assertIsNone(self.successResultOf(drained))

    def test_nobodyWaits(self) -> None:
        """Where nobody waits for a backend there is nothing to wait for."""
        kit = self.balancer("a")
        self.assertIsNone(self.successResultOf(kit.balancer.drain(5, 0.25)))
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    def test_again(self) -> None:
        """A second end without such a time cuts the first one short, and both are over."""
        kit, client = self.dialling()
        drained = [kit.balancer.drain(60, 0.25), kit.balancer.drain(0)]
        kit.advance()
        self.assertTrue(client.hasFinished)
        for each in drained:
            self.assertIsNone(self.successResultOf(each))

    def test_resumed(self) -> None:
        """When the end is taken back, the search goes on for as long as it may."""
        kit, client = self.dialling()
        kit.balancer.drain(5, 0.25)
        kit.balancer.resume()
        kit.advance(9)
        self.answer(kit, "a")
        self.assertEqual((client.hasFinished, self.reasons(kit)), (False, []))
        self.assertEqual(len(told(kit.events, PairOpened)), 1)


class TakenBackTests(BalancerTestCase):
    """An end that was taken back."""

    def test_laterEmptiness(self) -> None:
        """It does not come at the next moment at which nothing is open: a backend that rests comes back as ever."""
        kit = self.balancer("a", "b")
        client = kit.connect()
        kit.balancer.drain(60)
        kit.balancer.resume()
        client.reset()
        kit.advance()
        kit.backends["b"].behaviour = Behaviour.REFUSES
        kit.connect()
        kit.advance()
        self.assertEqual([each["state"] for each in kit.balancer.describe()["backends"]], ["ready", "resting"])
        kit.backends["b"].behaviour = Behaviour.CONNECTS
        kit.advance(60)
        for _ in range(2):
            kit.connect()
            kit.advance()
        self.assertIn("b", served(kit)[2:])
