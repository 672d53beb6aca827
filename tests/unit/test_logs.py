"""What stands in the log: a short line for each event that an operator cares about, and no line for each connection."""

from __future__ import annotations

import errno

from twisted.internet.error import ConnectBindError

from tests.unit.loglines import logLines
from tests.unit.rigs import BalancerTestCase, HandBackend
from tinylb import BackendSet, Verdict
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer


class LogTestCase(BalancerTestCase):
    """Tests of the lines that a balancer writes."""

    def setUp(self) -> None:
        self.lines = logLines(self)

    def quietly(self, *ids: str, **options: object) -> MemoryBalancer:
        """A balancer, whose beginning has been logged and is of no interest."""
        kit = self.balancer(*ids, **options)
        del self.lines[:]
        return kit


class SetLineTests(LogTestCase):
    """Lines about sets."""

    def publish(self, kit: MemoryBalancer, **targets: str) -> None:
        backends = {id: MemoryBackend(kit.clock, target) for id, target in targets.items()}
        kit.balancer.replaceBackends(BackendSet(backends))

    def test_firstSet(self) -> None:
        """The first set is named in full: how many, and each id with its target."""
        kit = self.quietly()
        self.publish(kit, **{"cp-1": "192.0.2.11:6443", "cp-2": "192.0.2.12:6443"})
        self.assertEqual(
            self.lines, ["info: Backend set 2: 2 backends; added cp-1=192.0.2.11:6443, cp-2=192.0.2.12:6443"]
        )

    def test_changes(self) -> None:
        """Of a later one, what changed is named: who joined, who left, who moved."""
        kit = self.quietly()
        self.publish(kit, a="one:1", b="two:2", c="three:3")
        self.publish(kit, b="four:4", c="three:3", d="five:5")
        self.assertEqual(
            self.lines[1:],
            ["info: Backend set 3: 3 backends; added d=five:5; removed a=one:1; moved b from two:2 to four:4"],
        )

    def test_oneBackend(self) -> None:
        """One is one backend."""
        self.balancer("a")
        self.assertEqual(self.lines, ["info: Backend set 1: 1 backend; added a"])

    def test_nobody(self) -> None:
        """An empty set, and one in which all are draining, is a warning, from the beginning."""
        kit = self.balancer()
        kit.balancer.replaceBackends(BackendSet({"a": MemoryBackend(kit.clock, "a", draining=True)}))
        kit.publish("a")
        self.assertEqual(
            self.lines,
            [
                "warn: Backend set 1: 0 backends; no client can be served",
                "warn: Backend set 2: 1 backend, 1 draining; added a; no client can be served",
                "info: Backend set 3: 1 backend; changed a (not draining)",
            ],
        )

    def test_removed(self) -> None:
        """An ended target is named with how many connections ended for it and how many dials went elsewhere."""
        kit = self.quietly("a", "b")
        kit.connect()
        kit.backends["b"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect()
        kit.publish("b")
        self.assertEqual(
            self.lines,
            [
                "info: Backend set 2: 1 backend; removed a",
                "info: Target a removed: 1 connection ended, 1 dial cancelled",
            ],
        )

    def test_removedWithoutConnections(self) -> None:
        """A target with no connections goes without a line of its own."""
        kit = self.quietly("a", "b")
        kit.publish("b")
        self.assertEqual(self.lines, ["info: Backend set 2: 1 backend; removed a"])

    def test_sameAgain(self) -> None:
        """The same set again is no news."""
        kit = self.quietly("a")
        kit.publish("a")
        self.assertEqual(self.lines, [])

    def test_usedOtherwise(self) -> None:
        """Where a target stays and is used otherwise, the log and the decisions say how."""
        kit = self.quietly("a", "b")
        b = MemoryBackend(kit.clock, "b")
        for revision, difference, said in (
            (2, {"weight": 2, "tier": 1}, "tier 1, weight 2"),
            (3, {"weight": 2, "proxyProtocol": "v2"}, "tier 0, PROXY protocol v2"),
            (4, {}, "weight 1, PROXY protocol off"),
        ):
            kit.balancer.replaceBackends(BackendSet({"a": MemoryBackend(kit.clock, "a", **difference), "b": b}))
            self.assertEqual(self.lines, [f"info: Backend set {revision}: 2 backends; changed a ({said})"])
            latest = next(each for each in kit.balancer.explain() if each["what"] == "changed")
            self.assertEqual((latest["backend"], latest["why"]), ("a", f"{said} since set {revision}"))
            self.lines.clear()

    def test_verdict(self) -> None:
        """A verdict is logged with its cause and what it ended."""
        kit = self.quietly("a", "b")
        kit.connect()
        kit.balancer.setVerdict("a", Verdict.DEAD, "no answer")
        self.assertEqual(self.lines, ["warn: Backend a is dead: no answer; 1 ready; 1 connection ended"])


class ConnectionLineTests(LogTestCase):
    """Lines about clients."""

    def test_servedOnesAreNotLogged(self) -> None:
        """Connections that come and go, however they end, are not logged one by one."""
        kit = self.quietly("a")
        for number in range(50):
            client = kit.connect()
            client.send(b"x")
            kit.advance()
            if number % 2:
                client.reset()
            else:
                client.close()
                kit.server("a").close()
            kit.advance()
        self.assertEqual(self.lines, [])

    def test_unservedIsLoggedAtOnce(self) -> None:
        """The first client that cannot be served is logged without delay, with the cause."""
        kit = self.quietly()
        kit.connect()
        self.assertEqual(self.lines, ["warn: 1 client could not be served: 1 x no-backends (no backend to try)"])

    def test_unservedAreSummedUp(self) -> None:
        """Those who follow are summed up by cause, in one line a second at the most."""
        kit = self.quietly(maxConnections=1)
        kit.publish("a")
        kit.connect()
        self.lines.clear()
        for _ in range(3):
            for _ in range(100):
                kit.connect()
                kit.advance(0.0009765625)
            kit.advance(1 - 100 * 0.0009765625)
        self.assertEqual(
            self.lines,
            ["warn: 1 client could not be served: 1 x client-limit (more than 1 client at once)"]
            + ["warn: 99 clients could not be served: 99 x client-limit (more than 1 client at once)"]
            + ["warn: 100 clients could not be served: 100 x client-limit (more than 1 client at once)"] * 2,
        )

    def test_silenceAfterwards(self) -> None:
        """When everybody is served again, nothing more is logged, and the next trouble is logged at once again."""
        kit = self.quietly()
        kit.connect()
        kit.advance(1)
        kit.advance(60)
        self.assertEqual(len(self.lines), 1)
        self.assertEqual(kit.clock.getDelayedCalls(), [])
        kit.connect()
        self.assertEqual(len(self.lines), 2)

    def test_causes(self) -> None:
        """The causes name each backend and what was wrong with it; the order of the attempts makes no other cause."""
        kit = self.quietly("a", "b")
        for backend in kit.backends.values():
            backend.behaviour = Behaviour.REFUSES
        for _ in range(3):
            kit.connect()
        kit.advance(1)
        unserved = [line for line in self.lines if "served" in line]
        self.assertEqual(len(unserved), 2)
        self.assertEqual(unserved[1].count("dial-failed (a (a): "), 1)
        self.assertTrue(unserved[1].startswith("warn: 2 clients could not be served: 2 x dial-failed (a (a): "))
        self.assertIn("; b (b): ", unserved[1])

    def test_manyCauses(self) -> None:
        """A line stays a line: of many causes the most frequent are named, and the rest are counted."""
        kit = self.quietly()
        for number in range(8):
            backend = HandBackend(kit.clock, f"10.0.0.{number}:1")
            kit.balancer.replaceBackends(BackendSet({f"b{number}": backend}))
            kit.connect()
            backend.fail(RuntimeError(f"trouble {number}"))
        kit.advance(1)
        last = [line for line in self.lines if "served" in line][-1]
        self.assertTrue(last.startswith("warn: 7 clients could not be served: "))
        self.assertTrue(last.endswith(", and 2 more"))

    def test_whoWentAway(self) -> None:
        """A client that reset during its dial, or met a stop, is nobody's trouble."""
        kit = self.quietly("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        kit.connect().reset()
        kit.advance()
        kit.connect()
        kit.balancer.drain(0)
        kit.connect()
        kit.advance(10)
        self.assertEqual(self.lines, [])


class DialLineTests(LogTestCase):
    """Lines about backends that do not connect, though their clients are served."""

    def test_failingBackend(self) -> None:
        """A backend that refuses is a line when it begins and a line when it is over, however long it lasts."""
        kit = self.quietly("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        for _ in range(200):
            kit.connect()
            kit.advance(1)
        self.assertGreater(kit.backends["a"].attempts, 5)
        self.assertEqual(len(self.lines), 1)
        self.assertRegex(
            self.lines[0],
            r"^warn: Backend a is resting: Connection was refused .*; it rests for 1\.\d s; 1 ready$",
        )
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        for _ in range(60):
            kit.connect()
            kit.advance(1)
        self.assertEqual(self.lines[1:], ["info: Backend a is ready: it accepts connections again; 2 ready"])

    def test_ownTrouble(self) -> None:
        """A local error is no line about the backend; that a client was not served for it is one."""
        kit = self.quietly()
        backend = HandBackend(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        del self.lines[:]
        kit.connect()
        backend.fail(ConnectBindError(errno.EMFILE))
        self.assertEqual(
            self.lines, ["warn: 1 client could not be served: 1 x dial-failed (a (a): too many open files)"]
        )

    def test_lastWords(self) -> None:
        """What is still to be said is said at the end, and nothing is left to say later."""
        kit = self.quietly()
        for _ in range(3):
            kit.connect()
        kit.balancer.drain(0)
        kit.advance()
        self.assertEqual(self.lines[1:], ["warn: 2 clients could not be served: 2 x no-backends (no backend to try)"])
        self.assertEqual(kit.clock.getDelayedCalls(), [])
