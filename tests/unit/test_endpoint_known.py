"""What a balanced endpoint knows of its backends, and tells of itself."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from tests.unit.checkrig import HandCheck, listen
from tests.unit.endpointcase import EndpointCase
from tests.unit.rigs import told
from tinylb import (
    BackendPicked,
    BackendSet,
    DialFailed,
    HealthChecks,
    TargetRemoved,
    TCPCheck,
    Verdict,
)
from tinylb.testing import Behaviour, MemoryBackend


class VerdictTests(EndpointCase):
    """What is known of the health of backends."""

    def test_rest(self) -> None:
        """A rest ends as it does with a balancer, and one client at a time tries the backend again."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.assertEqual(self.served(endpoint, 3), "bbb")
        self.clock.advance(1)
        self.behave(Behaviour.CONNECTS)
        self.assertEqual(sorted(self.served(endpoint, 2)), ["a", "b"])
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["ready", "ready"])

    def test_setVerdict(self) -> None:
        """Whoever knows better says so."""
        endpoint = self.endpoint("a", "b")
        self.served(endpoint, 1)
        endpoint.setVerdict("a", Verdict.NOT_READY, "it said so")
        self.assertEqual(self.served(endpoint, 3), "bbb")
        endpoint.setVerdict("a", Verdict.READY, "it said so")
        self.assertIn("a", self.served(endpoint, 2))

    def test_severalSay(self) -> None:
        """What several say of a target stands side by side, and the worst counts."""
        endpoint = self.endpoint("a", "b")
        self.served(endpoint, 1)
        endpoint.setVerdict("a", Verdict.NOT_READY, "it said so", by="me")
        endpoint.setVerdict("a", Verdict.READY, "it is well", by="you")
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["not-ready", "ready"])
        endpoint.setVerdict("a", Verdict.READY, "it said so", by="me")
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["ready", "ready"])

    def test_answered(self) -> None:
        """A backend that refused, and that somebody else has reached since, rests no longer."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.assertEqual(self.served(endpoint, 2), "bb")
        self.behave(Behaviour.CONNECTS)
        endpoint.answered("a")
        self.assertIn("a", self.served(endpoint, 2))

    def test_dead(self) -> None:
        """The connections of a dead target end, now, where there is another one."""
        endpoint = self.endpoint("a", "b")
        dead, well = self.connected(endpoint), self.connected(endpoint)
        endpoint.setVerdict("a", Verdict.DEAD, "it is gone")
        self.clock.advance(0)
        self.assertEqual((dead.ending, well.ending), ("reset", None))
        self.assertTrue([line for line in self.lines if "1 connection ended" in line], self.lines)

    def test_keep(self) -> None:
        """With onDown="keep" they stay."""
        endpoint = self.endpoint("a", "b", onDown="keep")
        dead = self.connected(endpoint)
        endpoint.setVerdict("a", Verdict.DEAD, "it is gone")
        self.clock.advance(0)
        self.assertIsNone(dead.ending)
        self.assertEqual(self.served(endpoint, 2), "bb")

    def test_wrongOnDown(self) -> None:
        """There is nothing else that can be done with them."""
        with self.assertRaisesRegex(ValueError, "'abort' or 'keep'"):
            self.endpoint(onDown="drop")

    def test_checks(self) -> None:
        """Health checks work beside an endpoint as beside a balancer."""
        endpoint = self.endpoint("a", "b")
        peer = self.connected(endpoint)
        checks = HealthChecks(endpoint, TCPCheck(), interval=1.0, random=lambda: 0.5)
        checks.startService()
        listen(self.clock, 2)
        self.backends["a"].behaviour = Behaviour.REFUSES
        listen(self.clock, 4)
        self.assertEqual(peer.ending, "reset")
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["dead", "ready"])
        self.backends["a"].behaviour = Behaviour.CONNECTS
        listen(self.clock, 4)
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["ready", "ready"])
        checks.stopService()

    def test_checksFollowTheSet(self) -> None:
        """Whoever is in the set is checked, from the moment it is."""
        endpoint = self.endpoint()
        check = HandCheck(self.clock)
        checks = HealthChecks(endpoint, check)
        checks.startService()
        self.assertEqual(check.underWay, [])
        self.connect(endpoint)
        self.publish("a")
        self.assertEqual(check.underWay, ["a"])
        self.publish("b")
        self.assertEqual(check.underWay, ["b"])
        self.clock.advance(0)
        checks.stopService()


class KnownTests(EndpointCase):
    """What an endpoint tells of itself."""

    def test_describe(self) -> None:
        """The description is a service's, without the bytes, which nobody sees."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.connected(endpoint)
        self.behave(Behaviour.HANGS, "b")
        connecting = self.connect(endpoint)
        known = endpoint.describe()
        self.assertEqual(
            {name: known[name] for name in ("ready", "revision", "connections", "dialing")},
            {"ready": True, "revision": 1, "connections": 1, "dialing": 1},
        )
        backends = [
            {name: each[name] for name in ("id", "state", "connections", "opened", "failed")}
            for each in known["backends"]
        ]
        self.assertEqual(
            backends,
            [
                {"id": "a", "state": "resting", "connections": 0, "opened": 0, "failed": 1},
                {"id": "b", "state": "ready", "connections": 1, "opened": 1, "failed": 0},
            ],
        )
        self.assertFalse({"bytesIn", "bytesOut"} & known["backends"][0].keys())
        self.assertEqual(known["provider"]["source"], "WatchedProvider")
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)

    def test_describeBefore(self) -> None:
        """Before anything was wanted nothing is known."""
        known = self.endpoint("a").describe()
        self.assertEqual((known["ready"], known["revision"], known["backends"]), (False, 0, []))

    def test_repr(self) -> None:
        """Who reads of it in a log knows which one is meant."""
        self.assertIn("WatchedProvider", repr(self.endpoint()))

    def test_explain(self) -> None:
        """Why a backend is passed over is explained."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.served(endpoint, 2)
        decisions = [(each["backend"], each["what"]) for each in endpoint.explain()]
        self.assertIn(("a", "passed over"), decisions)
        self.assertIn(("a", "resting"), decisions)

    def test_observers(self) -> None:
        """Observers hear of picks, failures and removals, as a balancer's do."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.connected(endpoint)
        self.publish("a")
        self.assertEqual(
            [(event.backend, event.client) for event in told(self.events, BackendPicked)], [("a", None), ("b", None)]
        )
        self.assertEqual([event.backend for event in told(self.events, DialFailed)], ["a"])
        self.assertEqual([(event.target, event.pairs) for event in told(self.events, TargetRemoved)], [("b", 1)])
        self.assertEqual(endpoint.backends.targets, {"a"})

    def test_log(self) -> None:
        """Sets and removals are logged; a connection is not."""
        endpoint = self.endpoint("a")
        self.served(endpoint, 3)
        self.publish("b")
        self.assertEqual(
            self.lines,
            [
                "info: Backend set 1: 1 backend; added a",
                "info: Backend set 2: 1 backend; added b; removed a",
                "info: Target a removed: 3 connections ended, 0 dials cancelled",
            ],
        )

    def test_mapping(self) -> None:
        """A provider of one's own may publish a plain mapping."""
        endpoint = self.endpoint()
        connecting = self.connect(endpoint)
        self.backends["a"] = MemoryBackend(self.clock, "a")
        self.provider.set({"a": self.backends["a"]})  # type: ignore[arg-type]
        self.clock.advance(0)
        self.successResultOf(connecting)
        self.assertIsInstance(endpoint.backends, BackendSet)
