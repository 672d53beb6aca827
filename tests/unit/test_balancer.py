"""The balancer as a whole: what is kept exactly of the original, verdicts, what it tells of itself, its end."""

from __future__ import annotations

from tests.unit.rigs import BalancerTestCase, served, told
from tinylb import (
    BackendSet,
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    PairOpened,
    TargetRemoved,
    Verdict,
    VerdictChanged,
)
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer, MemoryPeer


class KeptExactlyTests(BalancerTestCase):
    """What ids and targets mean, as in the original."""

    def connected(self, **targets: str) -> tuple[MemoryBalancer, dict[str, MemoryPeer]]:
        """A balancer over these ids and targets, and one client on each id."""
        kit = self.balancer()
        self.publish(kit, **targets)
        return kit, {id: kit.connect() for id in sorted(targets)}

    def publish(self, kit: MemoryBalancer, **targets: str) -> None:
        for target in targets.values():
            kit.backends.setdefault(target, MemoryBackend(kit.clock, target))
        backends = {id: kit.backends[target] for id, target in targets.items()}
        kit.balancer.replaceBackends(BackendSet(backends))
        kit.advance()

    def test_sameIdNewTarget(self) -> None:
        """An id that gets another target: the old connections end, new ones go to the new target."""
        kit, clients = self.connected(a="one:1")
        self.publish(kit, a="two:2")
        self.assertEqual(clients["a"].ending, "reset")
        kit.connect()
        self.assertEqual([event.target for event in told(kit.events, PairOpened)], ["one:1", "two:2"])

    def test_twoIdsOneTarget(self) -> None:
        """Of two ids with one target, removing one ends nothing; removing both ends all."""
        kit, clients = self.connected(a="one:1", b="one:1")
        self.publish(kit, b="one:1")
        self.assertEqual([client.ending for client in clients.values()], [None, None])
        self.publish(kit)
        self.assertEqual([client.ending for client in clients.values()], ["reset", "reset"])

    def test_targetMovesToAnotherId(self) -> None:
        """A target that moves to another id: nothing ends."""
        kit, clients = self.connected(a="one:1")
        self.publish(kit, b="one:1")
        self.assertIsNone(clients["a"].ending)
        self.assertEqual(told(kit.events, TargetRemoved), [])

    def test_targetsChangePlaces(self) -> None:
        """Ids that exchange their targets: nothing ends."""
        kit, clients = self.connected(a="one:1", b="two:2")
        self.publish(kit, a="two:2", b="one:1")
        self.assertEqual([client.ending for client in clients.values()], [None, None])

    def test_sameSetAgain(self) -> None:
        """The same set published again: nothing ends, and it is no new set."""
        kit, clients = self.connected(a="one:1", b="two:2")
        before = len(kit.events)
        self.publish(kit, a="one:1", b="two:2")
        self.assertEqual([client.ending for client in clients.values()], [None, None])
        self.assertEqual(len(kit.events), before)
        self.assertEqual(kit.balancer.describe()["revision"], 2)  # the first one was empty

    def test_othersAreNotTouched(self) -> None:
        """What stays in the set keeps its connections, in use as before."""
        kit, clients = self.connected(a="one:1", b="two:2")
        self.publish(kit, b="two:2")
        clients["b"].send(b"still here")
        kit.advance()
        self.assertEqual((clients["a"].ending, kit.server("two:2").received), ("reset", b"still here"))

    def test_emptySet(self) -> None:
        """With an empty set, and before the first one, a client is accepted and closed at once."""
        kit = self.balancer()
        self.assertTrue(kit.connect().hasFinished)
        kit.publish("a")
        self.assertFalse(kit.connect().hasFinished)
        kit.publish()
        self.assertTrue(kit.connect().hasFinished)

    def test_orderOfIds(self) -> None:
        """The set is ordered by id, in whatever order it was made; selection goes round in that order."""
        kit = self.balancer("c", "a", "b")
        for _ in range(4):
            kit.connect()
        self.assertEqual(served(kit), "abca")

    def test_setsAreCopies(self) -> None:
        """Changing what a set was made of changes no set."""
        kit = self.balancer()
        backends = {"a": MemoryBackend(kit.clock, "a")}
        kit.balancer.replaceBackends(BackendSet(backends))
        backends.clear()
        self.assertEqual(list(kit.balancer.backends), ["a"])
        self.assertFalse(kit.connect().hasFinished)


class SetEventTests(BalancerTestCase):
    """What observers hear of sets."""

    def test_changes(self) -> None:
        """A set is told of with what it adds, removes and moves."""
        kit = self.balancer("a", "b")
        backends = {id: MemoryBackend(kit.clock, target) for id, target in (("b", "elsewhere"), ("c", "c"))}
        kit.balancer.replaceBackends(BackendSet(backends))
        event = told(kit.events, BackendsReplaced)[-1]
        self.assertEqual(event.revision, 2)
        self.assertEqual(event.backends, (("b", "elsewhere"), ("c", "c")))
        self.assertEqual((event.added, event.removed), ((("c", "c"),), (("a", "a"),)))
        self.assertEqual(event.moved, (("b", "b", "elsewhere"),))

    def test_order(self) -> None:
        """First the new set, then what it ended, each target with its counts."""
        kit = self.balancer("a", "b", "c")
        kit.backends["b"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.connect()
        del kit.events[:]
        kit.publish("c")
        removals = told(kit.events, TargetRemoved)
        self.assertIsInstance(kit.events[0], BackendsReplaced)
        self.assertEqual(removals, [TargetRemoved("a", pairs=1, dials=0), TargetRemoved("b", pairs=0, dials=1)])

    def test_weightsAreNews(self) -> None:
        """A set that differs in weights alone is another set, and ends nothing."""
        kit = self.balancer("a")
        client = kit.connect()
        kit.balancer.replaceBackends(BackendSet({"a": MemoryBackend(kit.clock, "a", weight=2)}))
        kit.advance()
        self.assertEqual(told(kit.events, BackendsReplaced)[-1].revision, 2)
        self.assertIsNone(client.ending)


class VerdictTests(BalancerTestCase):
    """What somebody has found out about a target."""

    def test_preference(self) -> None:
        """New connections go to the best verdict there is."""
        kit = self.balancer("a", "b", "c")
        for target, verdict in (("a", Verdict.RESTING), ("b", Verdict.NOT_READY)):
            kit.balancer.setVerdict(target, verdict, "")
        kit.connect()
        kit.publish("a", "b")
        kit.connect()
        kit.publish("b")
        kit.connect()
        self.assertEqual(served(kit), "cab")

    def test_sparedUntilSomethingIsUsable(self) -> None:
        """What a dead target kept for want of anything better ends as soon as there is."""
        kit = self.balancer("a", "b")
        clients = kit.connect(), kit.connect()
        for target in ("a", "b"):
            kit.balancer.setVerdict(target, Verdict.DEAD, "no answer")
        kit.advance()
        ended = [client.ending for client in clients]
        kit.balancer.setVerdict("a", Verdict.READY, "it answers")
        kit.advance()
        self.assertEqual((ended, [client.ending for client in clients]), (["reset", None], ["reset", "reset"]))

    def test_deadEnds(self) -> None:
        """The connections of a dead target are aborted, and counted; no new ones go there."""
        kit = self.balancer("a", "b")
        client = kit.connect()
        kit.balancer.setVerdict("a", Verdict.DEAD, "no answer")
        kit.advance()
        self.assertEqual(client.ending, "reset")
        self.assertEqual(
            told(kit.events, VerdictChanged),
            [VerdictChanged("a", Verdict.DEAD, "no answer", 1, former=Verdict.READY, backends=("a",), ready=1, kept=0)],
        )
        kit.connect()
        kit.connect()
        self.assertEqual(served(kit), "abb")

    def test_lastOneIsKept(self) -> None:
        """While nothing else is usable, a dead target keeps its connections and gets new ones: better than none."""
        kit = self.balancer("a", "b")
        kit.balancer.setVerdict("b", Verdict.NOT_READY, "503")
        client = kit.connect()
        kit.balancer.setVerdict("a", Verdict.DEAD, "no answer")
        kit.balancer.setVerdict("b", Verdict.DEAD, "no answer")
        kit.advance()
        self.assertIsNone(client.ending)
        self.assertFalse(kit.connect().hasFinished)
        self.assertFalse(kit.balancer.describe()["ready"])

    def test_notReadyKeepsItsConnections(self) -> None:
        """A target that is not ready, rests or drains keeps its connections."""
        for verdict in (Verdict.RESTING, Verdict.NOT_READY, Verdict.DRAINING):
            kit = self.balancer("a", "b")
            client = kit.connect()
            kit.balancer.setVerdict("a", verdict, "")
            kit.advance()
            self.assertIsNone(client.ending, verdict)

    def test_drainingGetsNobody(self) -> None:
        """A target that drains gets no new connection, not even the last one."""
        kit = self.balancer("a")
        kit.balancer.setVerdict("a", Verdict.DRAINING, "maintenance")
        kit.connect()
        self.assertEqual(told(kit.events, ClientUnserved)[0].reason, CloseReason.NO_BACKENDS)

    def test_oldNews(self) -> None:
        """The same verdict for the same reason is told once."""
        kit = self.balancer("a")
        for _ in range(3):
            kit.balancer.setVerdict("a", Verdict.RESTING, "refused")
        kit.balancer.setVerdict("a", Verdict.READY, "connects again")
        verdicts = [event.verdict for event in told(kit.events, VerdictChanged)]
        self.assertEqual(verdicts, [Verdict.RESTING, Verdict.READY])

    def test_strangers(self) -> None:
        """A verdict on a target that is not in the set is nobody's concern, also if it joins later."""
        kit = self.balancer("a")
        kit.balancer.setVerdict("b", Verdict.DEAD, "no answer")
        kit.publish("a", "b")
        self.assertEqual(told(kit.events, VerdictChanged), [])
        self.assertEqual([known["state"] for known in kit.balancer.describe()["backends"]], ["ready", "ready"])

    def test_forgotten(self) -> None:
        """A target that left and comes back is judged afresh."""
        kit = self.balancer("a")
        kit.balancer.setVerdict("a", Verdict.DEAD, "no answer")
        kit.publish("b")
        kit.publish("a")
        self.assertEqual(kit.balancer.describe()["backends"][0]["state"], "ready")


class DescribeTests(BalancerTestCase):
    """What the balancer tells of itself."""

    def test_everything(self) -> None:
        """Plain data: the counts of the whole, and each backend in order of id."""
        kit = self.balancer("a", "b", "c")
        kit.backends["b"].behaviour, kit.backends["c"].behaviour = Behaviour.HANGS, Behaviour.REFUSES
        kit.balancer.setVerdict("c", Verdict.RESTING, "refused")
        client = kit.connect()
        client.send(b"four")
        kit.server("a").send(b"seven b")
        kit.connect()
        settings = {"tier": 0, "weight": 1, "standby": False, "proxyProtocol": None}
        nobody = {**settings, "connections": 0, "opened": 0, "failed": 0, "bytesIn": 0, "bytesOut": 0}
        busy = {"connections": 1, "opened": 1, "bytesIn": 4, "bytesOut": 7}
        described = kit.balancer.describe()
        since = [known.pop("since") for known in described["backends"]]
        self.assertEqual([bool(moment) for moment in since], [False, False, True])
        self.assertEqual(
            described,
            {
                "ready": True,
                "revision": 1,
                "connections": 1,
                "maxConnections": None,
                "dialing": 1,
                "unserved": {},
                "backends": [
                    {**nobody, **busy, "id": "a", "target": "a", "state": "ready", "why": ""},
                    {**nobody, "id": "b", "target": "b", "state": "ready", "why": ""},
                    {**nobody, "id": "c", "target": "c", "state": "resting", "why": "refused"},
                ],
            },
        )

    def test_sumsUp(self) -> None:
        """Opened and failed, and bytes, are counted over all connections there have been."""
        kit = self.balancer("a")
        for _ in range(3):
            client = kit.connect()
            client.send(b"x")
            kit.advance()
            client.reset()
            kit.advance()
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.connect()
        (known,) = kit.balancer.describe()["backends"]
        self.assertEqual((known["opened"], known["failed"], known["bytesIn"], known["connections"]), (3, 1, 3, 0))
        self.assertEqual(kit.balancer.describe()["unserved"], {"dial-failed": 1})

    def test_notReady(self) -> None:
        """It is ready while a backend can be expected to serve."""
        kit = self.balancer()
        self.assertFalse(kit.balancer.describe()["ready"])
        kit.publish("a")
        self.assertTrue(kit.balancer.describe()["ready"])
        kit.balancer.setVerdict("a", Verdict.NOT_READY, "503")
        self.assertFalse(kit.balancer.describe()["ready"])
