"""Who can be picked: the set, its groups, and what a new set changes."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet, CloseReason, RoundRobin, Verdict
from tinylb.findings import Finding
from tinylb.registry import Registry
from tinylb.selection import Change, Selection
from tinylb.testing import MemoryBackend


class Pair:
    """A pair as far as the registry knows one."""

    bytesIn = bytesOut = 0

    def __init__(self, target: str) -> None:
        self.target = target

    def abort(self, reason: CloseReason) -> bool:
        """It has been ended by this."""
        return True


class SelectionCase(SynchronousTestCase):
    """A selection by round robin that begins with the first id."""

    def setUp(self) -> None:
        """Nothing is known yet."""
        self.registry = Registry()
        self.selection = Selection(RoundRobin(), lambda: 0.0, self.registry)

    def backend(self, target: str, tier: int = 0, weight: int = 1, draining: bool = False) -> MemoryBackend:
        """A backend."""
        return MemoryBackend(Clock(), target, tier=tier, weight=weight, draining=draining)

    def publish(self, **backends: MemoryBackend | str) -> Change:
        """Make these the set; a backend given by its target alone is of tier 0."""
        return self.selection.replace(
            BackendSet(
                {id: self.backend(each) if isinstance(each, str) else each for id, each in backends.items()},
            )
        )

    def pick(self, *without: str) -> str | None:
        """Pick one whose target is not among these."""
        choice = self.selection.pick(without, lambda _: True)
        return None if choice is None else choice.id

    def picks(self, count: int) -> list[str | None]:
        """Pick several times."""
        return [self.pick() for _ in range(count)]


class PickTests(SelectionCase):
    """Picks from the current set."""

    def test_nothingYet(self) -> None:
        """Before the first set, and from an empty one, nobody is picked."""
        self.assertIsNone(self.pick())
        self.publish()
        self.assertIsNone(self.pick())

    def test_inTurn(self) -> None:
        """The policy decides, over the order of the ids, however the set was written."""
        self.publish(b="y", c="z", a="x")
        self.assertEqual(self.picks(4), ["a", "b", "c", "a"])

    def test_acrossSets(self) -> None:
        """A new set goes on with the same round."""
        self.publish(a="x", b="y")
        self.assertEqual(self.picks(1), ["a"])
        self.publish(a="x", b="y", c="z")
        self.assertEqual(self.picks(3), ["b", "c", "a"])

    def test_without(self) -> None:
        """Targets that were tried are left out, by target and not by id."""
        self.publish(a="x", b="x", c="z")
        self.assertEqual([self.pick("x") for _ in range(2)], ["c", "c"])
        self.assertIsNone(self.pick("x", "z"))

    def test_unusable(self) -> None:
        """Whoever the caller finds unusable is passed over, and its turn is not lost on it."""
        self.publish(a="x", b="y", c="z")
        choice = self.selection.pick((), lambda candidate: candidate.id != "a")
        assert choice is not None
        self.assertEqual(choice.id, "b")
        self.assertEqual(self.pick(), "c")

    def test_candidate(self) -> None:
        """What is picked tells its id, target, weight, backend and open connections."""
        backend = self.backend("x", weight=3)
        self.publish(a=backend)
        choice = self.selection.pick((), lambda _: True)
        assert choice is not None
        self.assertEqual((choice.id, choice.target, choice.weight, choice.connections), ("a", "x", 3, 0))
        self.assertIs(choice.backend, backend)
        self.registry.addPair(Pair("x"))
        self.assertEqual(choice.connections, 1)

    def test_sharedTarget(self) -> None:
        """Two ids with one target show the connections of both."""
        self.publish(a="x", b="x")
        self.registry.addPair(Pair("x"))
        choices = [self.selection.pick((), lambda _: True) for _ in range(2)]
        self.assertEqual([choice and (choice.id, choice.connections) for choice in choices], [("a", 1), ("b", 1)])

    def test_remain(self) -> None:
        """It tells whether anybody is left to try."""
        self.publish(a="x", b="y")
        self.assertTrue(self.selection.remain(()))
        self.assertTrue(self.selection.remain({"x"}))
        self.assertFalse(self.selection.remain({"x", "y"}))
        self.publish()
        self.assertFalse(self.selection.remain(()))


class GroupTests(SelectionCase):
    """Tiers and verdicts."""

    def test_lowestTierFirst(self) -> None:
        """A higher tier serves only while no lower one can."""
        self.publish(a=self.backend("x", tier=1), b="y", c="z")
        self.assertEqual(self.picks(3), ["b", "c", "b"])
        self.assertEqual(self.pick("y", "z"), "a")
        self.assertEqual(self.picks(1), ["b"])

    def test_verdictsInOrder(self) -> None:
        """Ready before resting before not-ready before dead."""
        self.publish(a="w", b="x", c="y", d="z")
        for target, verdict in (("w", Verdict.DEAD), ("x", Verdict.NOT_READY), ("y", Verdict.RESTING)):
            self.selection.setFinding(target, Finding(verdict, "seen"))
        self.assertEqual([self.pick(), self.pick("z"), self.pick("z", "y")], ["d", "c", "b"])
        self.assertEqual(self.pick("z", "y", "x"), "a")

    def test_verdictBeforeTier(self) -> None:
        """A ready backend of a high tier is preferred to a resting one of a low tier."""
        self.publish(a="x", b=self.backend("y", tier=7))
        self.selection.setFinding("x", Finding(Verdict.RESTING, "it refused"))
        self.assertEqual(self.picks(2), ["b", "b"])

    def test_drainingGetsNobody(self) -> None:
        """Who is draining is never picked, whether the provider or a finding says so."""
        self.publish(a=self.backend("x", draining=True), b="y")
        self.selection.setFinding("y", Finding(Verdict.DRAINING, "asked to"))
        self.assertIsNone(self.pick())
        self.assertFalse(self.selection.remain(()))

    def test_backToReady(self) -> None:
        """A target that is ready again takes part again."""
        self.publish(a="x", b="y")
        self.selection.setFinding("x", Finding(Verdict.DEAD, "no answer"))
        self.assertEqual(self.picks(2), ["b", "b"])
        self.selection.setFinding("x", Finding(Verdict.READY, ""))
        self.assertEqual(self.picks(2), ["a", "b"])

    def test_usable(self) -> None:
        """Ready and resting targets can be expected to serve; the others cannot."""
        self.publish(a="v", b="w", c="x", d="y", e=self.backend("z", draining=True))
        self.selection.setFinding("w", Finding(Verdict.RESTING, ""))
        self.selection.setFinding("x", Finding(Verdict.NOT_READY, ""))
        self.selection.setFinding("y", Finding(Verdict.DEAD, ""))
        self.assertTrue(self.selection.isUsable())
        self.assertEqual(self.selection.dead(), {"y"})
        self.selection.setFinding("v", Finding(Verdict.NOT_READY, ""))
        self.assertTrue(self.selection.isUsable())
        self.selection.setFinding("w", Finding(Verdict.DEAD, ""))
        self.assertFalse(self.selection.isUsable())

    def test_usableShared(self) -> None:
        """A target that one id drains and another does not can serve."""
        self.publish(a=self.backend("x", draining=True), b="x")
        self.assertTrue(self.selection.isUsable())
        self.assertEqual(self.picks(2), ["b", "b"])


class FindingTests(SelectionCase):
    """What is known of targets."""

    def test_news(self) -> None:
        """A finding is news when it says something else than what was known."""
        self.publish(a="x")
        dead = Finding(Verdict.DEAD, "no answer")
        self.assertTrue(self.selection.setFinding("x", dead))
        self.assertFalse(self.selection.setFinding("x", dead))
        self.assertTrue(self.selection.setFinding("x", Finding(Verdict.DEAD, "refused")))
        self.assertEqual(self.selection.finding("x"), Finding(Verdict.DEAD, "refused"))

    def test_readyIsNoNews(self) -> None:
        """A target is ready until something else is known."""
        self.publish(a="x")
        self.assertFalse(self.selection.setFinding("x", Finding(Verdict.READY, "")))

    def test_notInTheSet(self) -> None:
        """A target that is not in the set is nobody's concern."""
        self.publish(a="x")
        self.assertFalse(self.selection.setFinding("y", Finding(Verdict.DEAD, "no answer")))
        self.publish(a="x", b="y")
        self.assertEqual(self.selection.finding("y"), Finding())

    def test_keptAcrossSets(self) -> None:
        """What is known of a target stays with it, under whatever id."""
        self.publish(a="x", b="y")
        self.selection.setFinding("x", Finding(Verdict.DEAD, "no answer"))
        self.publish(b="y", c="x")
        self.assertEqual(self.picks(2), ["b", "b"])

    def test_forgottenWithTheTarget(self) -> None:
        """A target that comes back after it was gone begins anew."""
        self.publish(a="x")
        self.selection.setFinding("x", Finding(Verdict.DEAD, "no answer"))
        self.publish()
        self.publish(a="x")
        self.assertEqual(self.selection.finding("x"), Finding())


class ReplaceTests(SelectionCase):
    """What a new set changes."""

    def test_first(self) -> None:
        """The first set adds all its members."""
        change = self.publish(a="x", b="y")
        self.assertEqual(change, Change((("a", "x"), ("b", "y")), (), (), frozenset(), True))
        self.assertEqual(self.selection.revision, 1)

    def test_firstIsEmpty(self) -> None:
        """The first set is a distinct one, also when it is empty."""
        self.assertTrue(self.publish().distinct)
        self.assertFalse(self.publish().distinct)
        self.assertEqual(self.selection.revision, 1)

    def test_sameAgain(self) -> None:
        """The same set published again, by other objects even, changes nothing."""
        self.publish(a="x", b="y")
        change = self.publish(b="y", a="x")
        self.assertEqual(change, Change((), (), (), frozenset(), False))
        self.assertEqual(self.selection.revision, 1)

    def test_sameAgainIsCurrent(self) -> None:
        """Of equal sets the one published last is dialled."""
        self.publish(a="x")
        newer = self.backend("x")
        self.publish(a=newer)
        choice = self.selection.pick((), lambda _: True)
        assert choice is not None
        self.assertIs(choice.backend, newer)

    def test_removed(self) -> None:
        """A removed id is reported with its target, and the target is gone."""
        self.publish(a="x", b="y")
        self.assertEqual(self.publish(b="y"), Change((), (("a", "x"),), (), frozenset("x"), True))

    def test_moved(self) -> None:
        """An id with a new target has moved; the old target is gone."""
        self.publish(a="x", b="y")
        self.assertEqual(self.publish(a="z", b="y"), Change((), (), (("a", "x", "z"),), frozenset("x"), True))

    def test_targetShared(self) -> None:
        """Of two ids with one target one is removed: no target is gone."""
        self.publish(a="x", b="x")
        self.assertEqual(self.publish(b="x"), Change((), (("a", "x"),), (), frozenset(), True))

    def test_targetChangesHands(self) -> None:
        """A target that moves to another id is not gone."""
        self.publish(a="x")
        self.assertEqual(self.publish(b="x"), Change((("b", "x"),), (("a", "x"),), (), frozenset(), True))

    def test_targetsSwap(self) -> None:
        """Two ids that exchange their targets: both have moved, nothing is gone."""
        self.publish(a="x", b="y")
        change = self.publish(a="y", b="x")
        self.assertEqual(change, Change((), (), (("a", "x", "y"), ("b", "y", "x")), frozenset(), True))

    def test_onlyWeight(self) -> None:
        """Another weight, tier or draining makes another set, with nobody added, removed or gone; it is said which."""
        self.publish(a="x")
        for backend, said in (
            (self.backend("x", weight=2), "weight 2"),
            (self.backend("x", tier=1), "tier 1, weight 1"),
            (self.backend("x", draining=True), "tier 0, draining"),
        ):
            self.assertEqual(self.publish(a=backend), Change((), (), (), frozenset(), True, (("a", said),)))
        self.assertEqual(self.selection.revision, 4)

    def test_current(self) -> None:
        """The new set is the current one."""
        self.publish(a="x")
        self.publish(b="y")
        self.assertEqual(self.selection.backends.targets, {"y"})
        self.assertEqual(self.picks(2), ["b", "b"])
