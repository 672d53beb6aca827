"""What a balancer makes of what is found by checks."""

from __future__ import annotations

from tests.unit.checkrig import ChecksCase, HandCheck, listen
from tests.unit.rigs import served, told
from tinylb import CloseReason, PairClosed, VerdictChanged
from tinylb.events import Verdict
from tinylb.health import Outcome, TCPCheck
from tinylb.testing import Behaviour


class VerdictTests(ChecksCase):
    """What the balancer does with what is found."""

    def test_described(self) -> None:
        """What a check has found is known of the backend, with its reason."""
        kit, check, _ = self.byHand("a", "b")
        check.latest("a").no()
        a, b = kit.balancer.describe()["backends"]
        self.assertEqual((a["state"], a["why"], b["state"]), ("not-ready", "check: no, by hand", "ready"))

    def test_told(self) -> None:
        """Observers are told of each change of a verdict."""
        kit, check, _ = self.byHand("a", "b")
        self.say(kit, check, "a", Outcome.NO, times=2)
        self.say(kit, check, "a", Outcome.YES, times=5)
        changes = [event for event in told(kit.events, VerdictChanged) if event.verdict is not event.former]
        self.assertEqual(
            [(event.target, event.former, event.verdict) for event in changes],
            [("a", Verdict.READY, Verdict.NOT_READY), ("a", Verdict.NOT_READY, Verdict.READY)],
        )

    def test_newClients(self) -> None:
        """New clients go to backends that are ready, while there are such."""
        kit, check, _ = self.byHand("a", "b")
        check.latest("a").no()
        for _ in range(3):
            kit.connect()
        self.assertEqual(served(kit), "bbb")

    def test_allBad(self) -> None:
        """When no backend is ready they are tried all the same."""
        kit, check, _ = self.byHand("a", "b")
        for target in "ab":
            check.latest(target).no()
        for _ in range(4):
            kit.connect()
        self.assertEqual(served(kit), "abab")

    def test_notReadyKeepsItsConnections(self) -> None:
        """A backend that says no keeps the connections it has, however often it says so."""
        kit, check, _ = self.byHand("a", "b")
        client = kit.connect()
        self.say(kit, check, "a", Outcome.NO, times=20)
        self.assertEqual((self.states(kit)["a"], client.ending), ("not-ready", None))

    def test_deadLosesItsConnections(self) -> None:
        """The connections of one that cannot be reached are reset when it is dead, not before; others go on."""
        kit, check, _ = self.byHand("a", "b")
        client, other = kit.connect(), kit.connect()
        self.say(kit, check, "a", Outcome.UNREACHABLE, times=2)
        self.assertEqual(client.ending, None)
        self.say(kit, check, "a", Outcome.UNREACHABLE)
        self.assertEqual((client.ending, kit.server("a").ending, other.ending), ("reset", "reset", None))
        (closed,) = told(kit.events, PairClosed)
        self.assertIs(closed.reason, CloseReason.TARGET_DEAD)

    def test_keep(self) -> None:
        """With C{onDown="keep"} they stay."""
        kit, check, _ = self.byHand("a", "b", onDown="keep")
        client = kit.connect()
        self.say(kit, check, "a", Outcome.UNREACHABLE, times=3)
        self.assertEqual((self.states(kit)["a"], client.ending), ("dead", None))

    def test_nothingElse(self) -> None:
        """They stay when there is nobody else, and go when somebody else has answered while this one did not."""
        kit, check, _ = self.byHand("a")
        client = kit.connect()
        self.say(kit, check, "a", Outcome.UNREACHABLE, times=4)
        kit.publish("a", "b")
        kit.advance()
        self.assertEqual((self.states(kit)["a"], client.ending), ("dead", None))
        self.say(kit, check, "a", Outcome.UNREACHABLE, times=4)
        self.assertEqual(client.ending, "reset")

    def test_nobodyIsReached(self) -> None:
        """
        When nobody can be reached it may be this machine's trouble: all connections stay, also when it is over and one
        of them answers before the others.
        """
        kit, check, _ = self.byHand("a", "b", "c")
        clients = [kit.connect() for _ in range(3)]
        for _ in range(6):
            for target in check.underWay:
                check.latest(target).say(Outcome.UNREACHABLE)
            listen(kit.clock, 2)
        self.assertEqual(set(self.states(kit).values()), {"dead"})
        for outcomes in ({"a": Outcome.YES}, {"a": Outcome.YES, "b": Outcome.YES}, dict.fromkeys("abc", Outcome.YES)):
            for target in check.underWay:
                check.latest(target).say(outcomes.get(target, Outcome.UNREACHABLE))
            listen(kit.clock, 2)
        self.assertEqual([client.ending for client in clients], [None] * 3)

    def test_restingIsTriedAgain(self) -> None:
        """A backend that rests since an attempt failed gets its turn again as soon as a check has reached it."""
        kit, check, _ = self.byHand("a", "b")
        a = kit.backends["a"]
        a.behaviour = Behaviour.REFUSES
        for _ in range(3):
            kit.connect()
            kit.advance()
        self.assertEqual((served(kit), self.states(kit)["a"], a.attempts), ("bbb", "resting", 1))
        a.behaviour = Behaviour.CONNECTS
        check.latest("a").yes()
        for _ in range(2):
            kit.connect()
            kit.advance()
        self.assertEqual((sorted(served(kit)[3:]), self.states(kit)["a"]), (["a", "b"], "ready"))

    def test_badCheckEndsNoRest(self) -> None:
        """A check that got a bad answer is no reason to try it again."""
        kit, check, _ = self.byHand("a", "b")
        kit.backends["a"].behaviour = Behaviour.REFUSES
        kit.connect()
        kit.advance()
        check.latest("a").no()
        for _ in range(4):
            kit.connect()
            kit.advance()
        self.assertEqual(kit.backends["a"].attempts, 1)

    def test_triedByOne(self) -> None:
        """What a check has reached is tried by one client at a time, as long as none has got through."""
        kit, check, _ = self.byHand("a", "b")
        a = kit.backends["a"]
        a.behaviour = Behaviour.REFUSES
        kit.connect()
        kit.advance()
        check.latest("a").yes()
        a.behaviour = Behaviour.HANGS
        for _ in range(6):
            kit.connect()
        self.assertEqual((a.pending, served(kit)), (1, "b" * 6))

    def test_twoKinds(self) -> None:
        """What checks of different kinds find stands side by side under their names, and the worst of it counts."""
        kit, first, _ = self.byHand("a", "b")
        second = HandCheck(kit.clock)
        self.checks(kit, second, name="other checks")
        for _ in range(10):
            for target in second.underWay:
                second.latest(target).yes()
            self.say(kit, first, "a", Outcome.NO)
        changes = [event for event in told(kit.events, VerdictChanged) if event.verdict is not event.former]
        self.assertEqual([(event.target, event.verdict) for event in changes], [("a", Verdict.NOT_READY)])


class TCPTests(ChecksCase):
    """Checks that connect."""

    def test_accepts(self) -> None:
        """A backend that accepts connections is ready, and none is left open."""
        kit = self.overTCP("a")
        listen(kit.clock, 20)
        self.assertEqual(kit.balancer.describe()["backends"][0]["why"], "check: it accepts connections")
        connections = kit.backends["a"].connections
        self.assertEqual([peer.hasFinished or peer.ending is not None for peer in connections], [True] * 11)

    def test_leavesInPeace(self) -> None:
        """It says goodbye with a FIN, not with a reset, and sends nothing."""
        kit = self.overTCP("a")
        server = kit.server("a")
        server.close()
        kit.advance()
        self.assertEqual((server.received, server.hasFinished, server.ending), (b"", True, "closed"))

    def test_refuses(self) -> None:
        """One that refuses is dead after the third check, and ready again two checks after it is back."""
        kit = self.overTCP("a", "b")
        client = kit.connect()
        a = kit.backends["a"]
        a.behaviour = Behaviour.REFUSES
        listen(kit.clock, 4)
        self.assertEqual(self.states(kit)["a"], "ready")
        listen(kit.clock, 2)
        self.assertEqual((self.states(kit)["a"], client.ending), ("dead", "reset"))
        a.behaviour = Behaviour.CONNECTS
        listen(kit.clock, 2)
        self.assertEqual(self.states(kit)["a"], "dead")
        listen(kit.clock, 2)
        self.assertEqual(self.states(kit)["a"], "ready")

    def test_oneIsEnough(self) -> None:
        """Where one bad check is enough, connections are reset once another has been heard since then."""
        kit = self.balancer("a", "b")
        self.checks(kit, TCPCheck(), fall=1)
        listen(kit.clock, 1)
        client = kit.connect()
        kit.backends["a"].behaviour = Behaviour.REFUSES
        listen(kit.clock, 2)
        self.assertEqual((self.states(kit)["a"], client.ending), ("dead", None))
        listen(kit.clock, 2)
        self.assertEqual(client.ending, "reset")

    def test_hangs(self) -> None:
        """So is one that does not answer; nothing is left of the attempts."""
        kit = self.overTCP("a", "b")
        kit.backends["a"].behaviour = Behaviour.HANGS
        listen(kit.clock, 8.5)
        self.assertEqual((self.states(kit)["a"], kit.backends["a"].pending), ("dead", 0))
