"""The checks of all targets of a balancer: who is checked, and when they are not."""

from __future__ import annotations

from itertools import pairwise

from zope.interface import implementer

from tests.unit.checkrig import ChecksCase, HandCheck, listen
from tinylb import BackendSet, VerdictChanged
from tinylb.events import Event
from tinylb.health import HealthChecks, Outcome, TCPCheck
from tinylb.interfaces import IObserver
from tinylb.testing import MemoryBackend, MemoryBalancer


class FollowingTests(ChecksCase):
    """Who is checked."""

    def test_everyTargetAtOnce(self) -> None:
        """Each target of the set is checked at once, side by side."""
        _, check, _ = self.byHand("a", "b", "c")
        self.assertEqual([(asked.target, asked.at) for asked in check.asked], [("a", 0), ("b", 0), ("c", 0)])

    def test_joins(self) -> None:
        """Who joins the set is checked at once; nothing changes for those who were there."""
        kit, check, _ = self.byHand()
        self.assertEqual(check.asked, [])
        kit.publish("a")
        listen(kit.clock, 0.5)
        kit.publish("a", "b")
        self.assertEqual((check.times("a"), check.times("b")), ([0], [0.5]))

    def test_leaves(self) -> None:
        """The check of a target that leaves is given up, and it is checked no more."""
        kit, check, _ = self.byHand("a", "b")
        kit.publish("b")
        self.assertTrue(check.latest("a").isCancelled)
        self.assertEqual(check.underWay, ["b"])
        listen(kit.clock, 10)
        self.assertEqual(len(check.times("a")), 1)

    def test_many(self) -> None:
        """Many that come at once are checked at once, yet in portions, so that others have their turns between them."""
        ids = [f"{number:03}" for number in range(100)]
        kit, check, _ = self.byHand(*ids)
        seen = [0, len(check.asked)]

        def haveATurn() -> None:
            seen.append(len(check.asked))
            if len(check.asked) < len(ids):
                kit.clock.callLater(0, haveATurn)

        kit.clock.callLater(0, haveATurn)
        kit.advance()
        self.assertLessEqual(max(later - former for former, later in pairwise(seen)), 20)
        self.assertEqual((check.underWay, {asked.at for asked in check.asked}), (ids, {0}))

    def test_manyThatLeave(self) -> None:
        """If they leave meanwhile, or all is stopped, nobody checks the rest of them."""
        for isStopped in (False, True):
            kit, check, service = self.byHand(*map(str, range(100)))
            count = len(check.asked)
            if isStopped:
                service.stopService()
                self.assertEqual(kit.clock.getDelayedCalls(), [])
            else:
                kit.publish()
            kit.advance(60)
            self.assertEqual((len(check.asked), check.underWay, kit.clock.getDelayedCalls()), (count, [], []))

    def test_comesBack(self) -> None:
        """If it comes back it is checked as one that was never there: the first answer counts."""
        kit, check, _ = self.byHand("a", "b")
        self.say(kit, check, "a", Outcome.UNREACHABLE, times=3)
        self.assertEqual(self.states(kit), {"a": "dead", "b": "ready"})
        kit.publish("b")
        kit.publish("a", "b")
        self.assertEqual(self.states(kit), {"a": "ready", "b": "ready"})
        check.latest("a").no()
        self.assertEqual(self.states(kit), {"a": "not-ready", "b": "ready"})

    def test_twoIdsOneTarget(self) -> None:
        """Two ids that lead to one target have one check, and the same verdict."""
        kit, check, _ = self.byHand()
        backend = MemoryBackend(kit.clock, "shared")
        kit.balancer.replaceBackends(BackendSet({"a": backend, "b": backend}))
        (asked,) = check.asked
        asked.no()
        self.assertEqual(self.states(kit), {"a": "not-ready", "b": "not-ready"})
        kit.balancer.replaceBackends(BackendSet({"b": backend}))
        listen(kit.clock, 2)
        self.assertEqual(len(check.asked), 2)

    def test_otherObjects(self) -> None:
        """A set of new objects for the same targets begins nothing anew, and the next check goes by them."""
        kit, check, _ = self.byHand("a")
        check.latest("a").yes()
        renewed = MemoryBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": renewed}))
        listen(kit.clock, 1.9375)
        self.assertEqual(check.times("a"), [0])
        listen(kit.clock, 0.0625)
        check.latest("a").connect()
        self.assertEqual((check.times("a"), renewed.attempts, kit.backends["a"].attempts), ([0, 2], 1, 0))

    def test_draining(self) -> None:
        """A backend that takes no new clients is checked as any other."""
        kit, check, _ = self.byHand()
        kit.balancer.replaceBackends(BackendSet({"a": MemoryBackend(kit.clock, "a", draining=True)}))
        self.assertEqual(check.underWay, ["a"])

    def test_setThatChangesByAnAnswer(self) -> None:
        """An answer that comes at once, and upon which somebody changes the set, holds up nothing."""
        kit = self.balancer("a", "b", "c")
        kit.balancer.observers.append(_Without(kit, "b"))
        check = HandCheck(kit.clock)
        check.onAsk = lambda asked: asked.no()
        self.checks(kit, check)
        self.assertEqual((check.times("b"), check.times("c")), ([], [0]))
        listen(kit.clock, 2)
        self.assertEqual((check.times("a"), check.times("b")), ([0, 2], []))


@implementer(IObserver)
class _Without:
    """Takes a backend out of the set as soon as anything is known of another."""

    def __init__(self, kit: MemoryBalancer, id: str) -> None:
        self._kit = kit
        self._left = [each for each in "abc" if each != id]

    def observe(self, event: Event) -> None:
        if isinstance(event, VerdictChanged):
            self._kit.publish(*self._left)


class ServiceTests(ChecksCase):
    """Its life as a service."""

    def test_stop(self) -> None:
        """A stop gives up all checks, leaves no timer, and what was found stays with the balancer."""
        kit, check, service = self.byHand("a", "b")
        check.latest("a").no()
        service.stopService()
        self.assertEqual((check.underWay, kit.clock.getDelayedCalls()), ([], []))
        self.assertNotIn(service, kit.balancer.observers)
        listen(kit.clock, 10)
        self.assertEqual(len(check.asked), 2)
        self.assertEqual(self.states(kit), {"a": "not-ready", "b": "ready"})

    def test_doesNotFollowWhenStopped(self) -> None:
        """A set that comes when it is stopped is nobody's concern."""
        kit, check, service = self.byHand("a")
        service.stopService()
        kit.publish("a", "b")
        self.assertEqual(check.times("b"), [])

    def test_startAgain(self) -> None:
        """Started again, it checks the set of then at once, and what is found counts."""
        kit, check, service = self.byHand("a")
        service.stopService()
        kit.publish("b")
        service.startService()
        self.assertEqual(check.underWay, ["b"])
        check.latest("b").no()
        self.assertEqual(self.states(kit), {"b": "not-ready"})
        kit.publish("b", "c")
        self.assertEqual(check.underWay, ["c"])

    def test_stopTwice(self) -> None:
        """It may be stopped when it is, and when it never ran."""
        kit, _, service = self.byHand("a")
        service.stopService()
        service.stopService()
        HealthChecks(kit.balancer, TCPCheck()).stopService()
        self.assertFalse(service.running)

    def test_notBeforeTheStart(self) -> None:
        """Nothing is checked before it is started."""
        kit = self.balancer("a")
        check = HandCheck(kit.clock)
        HealthChecks(kit.balancer, check)
        kit.publish("a", "b")
        self.assertEqual(check.asked, [])
