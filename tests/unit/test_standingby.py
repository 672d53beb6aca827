"""
Who stands by for those of a source: a target that was the source's and now only stands by has left, as far as its
connections are concerned; new ones may go there.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.rigs import BalancerTestCase, HandBackend, served, told
from tinylb import BackendSet, CloseReason, PairClosed, PairOpened, TargetRemoved, Verdict
from tinylb.backends import Member
from tinylb.interfaces import IBackend, IStandby
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer, MemoryPeer


@implementer(IStandby)
class Standby:
    """A backend that stands by, in a tier of its own."""

    def __init__(self, backend: IBackend, tier: int = 1) -> None:
        self.target = backend.target
        self.tier = tier
        self.weight = 1
        self.draining = False
        self._backend = backend

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        return self._backend.connect(factory)


class StandbyCase(BalancerTestCase):
    """Tests over the backends C{x}, C{y} and C{z}, which a source may have, or somebody else has standing by."""

    def setUp(self) -> None:
        """All of them serve; nobody is in the set."""
        self.kit: MemoryBalancer = self.balancer()
        self.all = {target: MemoryBackend(self.kit.clock, target) for target in "xyz"}

    def publish(self, source: str, standby: str = "") -> None:
        """The set is made of these, each with its target as the id, and what follows from it at once has followed."""
        self.kit.balancer.replaceBackends(
            BackendSet(
                {
                    **{target: self.all[target] for target in source},
                    **{f"{target}-by": Standby(self.all[target]) for target in standby},
                }
            )
        )
        self.kit.advance()

    def connect(self, target: str) -> MemoryPeer:
        """A client, that is served by this one."""
        client = self.kit.connect()
        self.kit.advance()
        self.assertEqual(told(self.kit.events, PairOpened)[-1].target, target)
        return client

    @property
    def revision(self) -> int:
        """How many distinct sets there have been."""
        revision: int = self.kit.balancer.describe()["revision"]
        return revision

    def reasons(self) -> list[CloseReason]:
        """Why connections ended so far."""
        return [event.reason for event in told(self.kit.events, PairClosed)]


class SetTests(StandbyCase):
    """What a set knows of them."""

    def test_standing(self) -> None:
        """A set tells the targets at which somebody does more than stand by; one of two is enough."""
        x, y = self.all["x"], self.all["y"]
        backends = BackendSet({"a": x, "b": Standby(x), "c": Standby(y)})
        self.assertEqual((backends.targets, backends.standing), ({"x", "y"}, {"x"}))
        verifyObject(IStandby, backends["c"])

    def test_member(self) -> None:
        """To stand by makes another member of a backend, so that the set is another one."""
        x = self.all["x"]
        self.assertEqual([Member.of("a", each).isStandby for each in (x, Standby(x))], [False, True])
        self.publish("x")
        revision = self.revision
        self.kit.balancer.replaceBackends(BackendSet({"x": Standby(x, tier=0)}))
        self.assertEqual(self.revision, revision + 1)


class LeaveTests(StandbyCase):
    """A target leaves the source."""

    def test_standsByNow(self) -> None:
        """Its connections end, on both sides and in the same turn, though it stands by now."""
        self.publish("x", "y")
        client = self.connect("x")
        server = self.all["x"].connections[-1]
        self.publish("z", "xy")
        self.assertEqual((client.ending, server.ending), ("reset", "reset"))
        self.assertEqual(self.reasons(), [CloseReason.TARGET_REMOVED])
        [removed] = told(self.kit.events, TargetRemoved)
        self.assertEqual((removed.target, removed.pairs), ("x", 1))

    def test_servesAgain(self) -> None:
        """New clients may go there at once; those connections stay while it stands by, whatever the source says."""
        self.publish("x")
        self.connect("x")
        self.publish("", "x")
        client = self.connect("x")
        for source in ("y", "yz", "", "z"):
            self.publish(source, "x")
            self.assertIsNone(client.ending)

    def test_leavesAltogether(self) -> None:
        """Who stands by and leaves the set has left, as anybody."""
        self.publish("y", "x")
        self.kit.balancer.setVerdict("y", Verdict.DEAD, "seen")
        client = self.connect("x")
        self.publish("y", "")
        self.assertEqual((client.ending, self.reasons()), ("reset", [CloseReason.TARGET_REMOVED]))

    def test_joinsTheSource(self) -> None:
        """Who stood by and is the source's now has not left; its connections are the source's from then on."""
        self.publish("", "x")
        client = self.connect("x")
        self.publish("x")
        self.assertIsNone(client.ending)
        self.assertEqual(told(self.kit.events, TargetRemoved), [])
        self.publish("y", "x")
        self.assertEqual(client.ending, "reset")

    def test_both(self) -> None:
        """Who is the source's and stands by, too, has not left while it is the source's."""
        self.publish("x", "x")
        client = self.connect("x")
        self.publish("x")
        self.publish("x", "x")
        self.assertIsNone(client.ending)
        self.publish("", "x")
        self.assertEqual(client.ending, "reset")

    def test_sameAgain(self) -> None:
        """The same set once more ends nothing, and is no other set."""
        self.publish("y", "x")
        self.kit.balancer.setVerdict("y", Verdict.DEAD, "seen")
        client = self.connect("x")
        revision = self.revision
        self.publish("y", "x")
        self.assertEqual((client.ending, self.revision), (None, revision))

    def test_othersStay(self) -> None:
        """Nobody else's connections are touched."""
        self.publish("xy")
        clients = {target: self.connect(target) for target in "xy"}
        self.publish("y", "x")
        self.assertEqual({target: client.ending for target, client in clients.items()}, {"x": "reset", "y": None})


class DialTests(StandbyCase):
    """A client is being dialled for while its target leaves the source."""

    def test_goesOn(self) -> None:
        """The attempt ends, and the client goes to another backend."""
        self.all["x"].behaviour = Behaviour.HANGS
        self.publish("x")
        client = self.kit.connect()
        self.publish("y", "x")
        self.assertEqual(self.all["x"].pending, 0)
        self.kit.advance()
        self.assertEqual((served(self.kit), client.ending), ("y", None))

    def test_sameStandsBy(self) -> None:
        """Where there is only the same target, standing by, the client goes there by a new attempt."""
        self.all["x"].behaviour = Behaviour.HANGS
        self.publish("x")
        client = self.kit.connect()
        self.all["x"].behaviour = Behaviour.CONNECTS
        self.publish("", "x")
        self.kit.advance()
        self.assertEqual((served(self.kit), client.hasFinished, client.ending), ("x-by", False, None))
        self.assertEqual(self.all["x"].attempts, 2)

    def test_neverTheFormer(self) -> None:
        """The connection that was being made then is never used, even if it cannot be cancelled."""
        hand = HandBackend(self.kit.clock, "h")
        self.kit.balancer.replaceBackends(BackendSet({"h": hand}))
        client = self.kit.connect()
        self.kit.balancer.replaceBackends(BackendSet({"h": Standby(hand)}))
        self.assertEqual((len(hand.dials), hand.cancelled), (2, 1))
        self.assertIsNone(hand.make(0))
        hand.succeed(1)
        self.kit.advance()
        self.assertEqual((served(self.kit), client.ending), ("h", None))


class ServeTests(StandbyCase):
    """Who stands by serves while nobody of the source can."""

    def serves(self) -> str:
        """Who serves the next three clients."""
        before = len(served(self.kit))
        for _ in range(3):
            self.kit.connect()
            self.kit.advance()
        return served(self.kit)[before:].replace("-by", "")

    def test_onlyThen(self) -> None:
        """Whatever keeps the source's from serving, and for no longer."""
        self.publish("xy", "z")
        self.assertEqual(set(self.serves()), {"x", "y"})
        for verdict in (Verdict.DEAD, Verdict.NOT_READY, Verdict.DRAINING):
            self.kit.balancer.setVerdict("x", verdict, "seen")
            self.assertEqual(self.serves(), "yyy")
            self.kit.balancer.setVerdict("y", verdict, "seen")
            self.assertEqual(self.serves(), "zzz")
            self.kit.balancer.setVerdict("x", Verdict.READY, "seen")
            self.assertEqual(self.serves(), "xxx")
            self.kit.balancer.setVerdict("y", Verdict.READY, "seen")

    def test_refused(self) -> None:
        """Without checks a client finds out itself, and is served all the same."""
        self.publish("xy", "z")
        for target in "xy":
            self.all[target].behaviour = Behaviour.REFUSES
        self.assertEqual(self.serves(), "zzz")
        for target in "xy":
            self.all[target].behaviour = Behaviour.CONNECTS
        self.kit.clock.pump([0.125] * 16)
        self.assertEqual(set(self.serves()), {"x", "y"})

    def test_findingsStay(self) -> None:
        """What checks found out about a target holds when it changes from the source's to standing by."""
        self.publish("x", "z")
        self.kit.balancer.setVerdict("x", Verdict.DEAD, "seen", by="checks")
        self.publish("", "xz")
        self.assertEqual(self.serves(), "zzz")
