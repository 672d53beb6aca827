"""Who is picked at present, and who is passed over: why, since when, and how often."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.unit.explaincase import NOON, ExplainCase
from tests.unit.rigs import told
from tinylb import BackendPicked, BackendSet, Verdict
from tinylb.findings import Finding
from tinylb.standings import MOST_PASSED_OVER, MOST_PREFERRED
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer

STANDS_BY = "tier 1 stands by while a lower one serves"


class PickedTests(ExplainCase):
    """Whom picks go to: why, since when, and how many of them."""

    def picked(self, kit: MemoryBalancer) -> dict[str | None, str | None]:
        """Who is picked at present, and why."""
        return {backend: why for backend, what, why in self.explained(kit) if what == "picked"}

    def test_allAlike(self) -> None:
        """Those to whom nobody is preferred share the picks."""
        kit = self.balancer("a", "b")
        self.assertEqual(set(self.picked(kit).values()), {"ready, tier 0, one of 2; 0 of 0 picks since"})
        for _ in range(3):
            kit.connect()
        self.assertEqual(
            sorted(map(str, self.picked(kit).values())),
            ["ready, tier 0, one of 2; 1 of 3 picks since", "ready, tier 0, one of 2; 2 of 3 picks since"],
        )

    def test_everything(self) -> None:
        """Where one backend gets everything it is said why: it is the only one of its kind, and since when."""
        kit = self.balancer("a", "b")
        kit.connect()
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        self.assertEqual(list(self.picked(kit)), ["b"])
        for _ in range(5):
            kit.connect()
        self.assertEqual(self.picked(kit), {"b": "ready, tier 0, the only one; 5 of 5 picks since"})
        kit.balancer.setVerdict("a", Verdict.READY, "200")
        kit.balancer.setVerdict("b", Verdict.RESTING, "slow")
        self.assertEqual(self.picked(kit), {"a": "ready, tier 0, the only one; 0 of 0 picks since"})

    def test_tier(self) -> None:
        """Who only stands by is picked when it has to be, and that is told."""
        kit = self.balancer()
        kit.backends = {"a": MemoryBackend(kit.clock, "a"), "b": MemoryBackend(kit.clock, "b", tier=1)}
        kit.publish("a", "b")
        self.assertEqual(list(self.picked(kit)), ["a"])
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        self.assertEqual(self.picked(kit), {"b": "ready, tier 1, the only one; 0 of 0 picks since"})

    def test_moved(self) -> None:
        """At another target it is counted anew."""
        kit = self.balancer("a")
        kit.connect()
        kit.connect()
        kit.balancer.replaceBackends(BackendSet({"a": MemoryBackend(kit.clock, "elsewhere")}))
        self.assertEqual(self.picked(kit), {"a": "ready, tier 0, the only one; 0 of 0 picks since"})

    def test_sharedTarget(self) -> None:
        """Backends that share a target share no picks."""
        kit = self.balancer()
        backend = MemoryBackend(kit.clock, "x")
        kit.balancer.replaceBackends(BackendSet({"a": backend, "b": backend}))
        for _ in range(4):
            kit.connect()
        self.assertEqual(set(self.picked(kit).values()), {"ready, tier 0, one of 2; 2 of 4 picks since"})

    def test_cameBack(self) -> None:
        """A backend that has left and come back has the picks that it had since then, if nobody looked meanwhile."""
        kit = self.balancer("a", "b")
        for _ in range(4):
            kit.connect()
        kit.publish("b")
        kit.publish("a", "b")
        self.assertEqual(set(self.picked(kit).values()), {"ready, tier 0, one of 2; 2 of 4 picks since"})
        kit.publish("b")
        self.assertEqual(self.picked(kit), {"b": "ready, tier 0, the only one; 0 of 0 picks since"})

    def test_many(self) -> None:
        """Of many backends those with the most picks are told."""
        ids = [f"b{number:03d}" for number in range(5 * MOST_PREFERRED)]
        kit = self.balancer(*ids)
        for _ in range(3):
            kit.connect()
        told = self.picked(kit)
        self.assertEqual(len(told), MOST_PREFERRED)
        busy = [why for why in told.values() if why == f"ready, tier 0, one of {len(ids)}; 1 of 3 picks since"]
        self.assertEqual(len(busy), 3)

    def test_since(self) -> None:
        """It is told since when: the change that made it so, though nobody was picked, or asked, before later."""
        kit = self.balancer("a", "b")
        self.picked(kit)
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        changed = self.seconds
        for number in range(5):
            kit.balancer.setVerdict("a", Verdict.DEAD, f"another reason: {number}")
        (picked,) = (each for each in kit.balancer.explain() if each["what"] == "picked")
        self.assertLessEqual(datetime.fromisoformat(str(picked["time"])), NOON + timedelta(seconds=changed))

    def test_restIsOver(self) -> None:
        """One whose rest is over is picked again, since then, though its verdict is the same; so are the others."""
        kit = self.balancer("a", "b")
        kit.balancer.judge("a", Finding(Verdict.RESTING, "refused"), by="dials")
        kit.connect()
        before = self.seconds
        kit.balancer.judge("a", Finding(Verdict.RESTING, "refused", isDue=True), by="dials")
        told = [each for each in kit.balancer.explain() if each["what"] == "picked"]
        self.assertEqual({each["why"] for each in told}, {"ready, tier 0, one of 2; 0 of 0 picks since"})
        for each in told:
            self.assertGreater(datetime.fromisoformat(str(each["time"])), NOON + timedelta(seconds=before))
        kit.connect()
        kit.balancer.judge("a", Finding(Verdict.READY, "it accepts connections again"), by="dials")
        kit.connect()
        again = [each for each in kit.balancer.explain() if each["what"] == "picked"]
        self.assertEqual({each["time"] for each in again}, {each["time"] for each in told})
        self.assertEqual({each["why"] for each in again}, {"ready, tier 0, one of 2; 1 of 2 picks since"})

    def test_nobody(self) -> None:
        """In an empty set nobody is."""
        self.assertEqual(self.picked(self.balancer()), {})


class PassedOverTests(ExplainCase):
    """Who is passed over: why, since when, and how many picks went elsewhere."""

    def test_why(self) -> None:
        """Whoever others are preferred to is named: for its health, for its tier, or for draining."""
        kit = self.balancer()
        for id in ("dead", "drain", "good", "rest", "tier"):
            kit.backends[id] = MemoryBackend(kit.clock, id, tier=int(id == "tier"), draining=id == "drain")
        kit.publish(*kit.backends)
        kit.balancer.setVerdict("dead", Verdict.DEAD, "refused")
        kit.balancer.setVerdict("rest", Verdict.RESTING, "")
        expected = {
            "dead": "dead: refused",
            "drain": "draining: the provider says so",
            "rest": "resting",
            "tier": STANDS_BY,
        }
        self.assertEqual(self.passedOver(kit), {id: f"{why}; 0 picks without it since" for id, why in expected.items()})

    def test_count(self) -> None:
        """Each pick that went elsewhere since then is counted; picks before that are not."""
        kit = self.balancer("a", "b")
        for _ in range(5):
            kit.connect()
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        for count in ("0 picks", "1 pick", "2 picks"):
            self.assertEqual(self.passedOver(kit), {"a": f"not-ready: 503; {count} without it since"})
            kit.connect()

    def test_triedAfterAll(self) -> None:
        """A pick of that very backend, when the better ones failed, is not counted; nor is time that passes."""
        kit = self.balancer("a", "b")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.HANGS
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        kit.connect()
        kit.clock.pump([0.25] * 16)
        self.assertEqual([pick.backend for pick in told(kit.events, BackendPicked)], ["b", "a"])
        self.assertEqual(self.passedOver(kit)["a"], "not-ready: 503; 1 pick without it since")

    def test_since(self) -> None:
        """It is passed over since the first reason, whatever other reasons followed."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        (since,) = (each["time"] for each in kit.balancer.explain() if each["what"] == "passed over")
        kit.connect()
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        kit.publish("a", "b", "c")
        entry = next(each for each in kit.balancer.explain() if each["what"] == "passed over")
        self.assertEqual((entry["time"], entry["why"]), (since, "dead: refused; 1 pick without it since"))

    def test_sinceOthersServe(self) -> None:
        """A higher tier that has served for a while is passed over since the lower one serves again."""
        kit = self.balancer()
        for id in "ab":
            kit.backends[id] = MemoryBackend(kit.clock, id, tier=int(id == "b"))
        kit.publish(*kit.backends)
        kit.balancer.setVerdict("a", Verdict.DEAD, "refused")
        kit.connect()
        before = self.seconds
        kit.balancer.setVerdict("a", Verdict.READY, "200")
        entry = next(each for each in kit.balancer.explain() if each["what"] == "passed over")
        self.assertEqual((entry["backend"], entry["why"]), ("b", f"{STANDS_BY}; 0 picks without it since"))
        self.assertGreater(datetime.fromisoformat(str(entry["time"])), NOON + timedelta(seconds=before))

    def test_tierOfTheDead(self) -> None:
        """Where all are dead, those of the lowest tier are tried first; the others are passed over for their tier."""
        kit = self.balancer()
        for id in "ab":
            kit.backends[id] = MemoryBackend(kit.clock, id, tier=int(id == "b"))
        kit.publish(*kit.backends)
        for id in "ab":
            kit.balancer.setVerdict(id, Verdict.DEAD, "refused")
        self.assertEqual(self.passedOver(kit), {"b": "tier 1 is tried after tier 0; 0 picks without it since"})

    def test_noMore(self) -> None:
        """Who takes part again is passed over no more; the next time it is counted anew."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        kit.connect()
        kit.balancer.setVerdict("a", Verdict.READY, "200")
        self.assertEqual(self.passedOver(kit), {})
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        self.assertEqual(self.passedOver(kit), {"a": "not-ready: 503; 0 picks without it since"})

    def test_bounded(self) -> None:
        """Of thousands those are told that would be picked next."""
        tiers = {f"b{number:04d}": number for number in range(MOST_PASSED_OVER + 50)}
        kit = self.balancer()
        kit.backends = {id: MemoryBackend(kit.clock, id, tier=tier) for id, tier in tiers.items()}
        kit.publish(*tiers)
        self.assertEqual(set(self.passedOver(kit)), set(list(tiers)[1 : MOST_PASSED_OVER + 1]))

    def test_nobodyBetter(self) -> None:
        """While all are as bad nobody is passed over."""
        kit = self.balancer("a", "b")
        for target in "ab":
            kit.balancer.setVerdict(target, Verdict.DEAD, "refused")
        self.assertEqual(self.passedOver(kit), {})
