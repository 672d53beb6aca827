"""Layers: who is in the set, in which tier, before the source has answered and afterwards."""

from __future__ import annotations

from twisted.internet.protocol import Factory
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.layeredcase import LayeredCase
from tests.unit.rigs import HandBackend
from tinylb import BackendSet
from tinylb.interfaces import IDescribed, INamed, IProvider, IStandby
from tinylb.providers.layered import LayeredProvider
from tinylb.testing import MemoryBackend


@implementer(INamed)
class NamedBackend(HandBackend):
    """A backend whose address has to be looked up."""

    isLookingUp = False


class BeforeTests(LayeredCase):
    """The source has not answered."""

    def test_bootstrap(self) -> None:
        """Until then those who stand by serve, in the first tier, and the log says so once."""
        self.follow({"f": "x", "g": "y"})
        self.assertEqual(self.shapes, [{"f": ("*x", 0), "g": ("*y", 0)}])
        [line] = self.lines
        self.assertTrue(line.endswith(" answers, clients go to 2 fixed backends"), line)

    def test_nobody(self) -> None:
        """With nobody to begin with nothing is published: no set yet is another thing than an empty one."""
        self.follow({})
        self.assertEqual((self.published, self.lines), ([], []))

    def test_ownTiers(self) -> None:
        """Among themselves those who stand by keep their tiers and weights."""
        self.follow({"f": self.backend("x", 1, weight=3), "g": self.backend("y", 4)})
        self.assertEqual(self.shape, {"f": ("*x", 1), "g": ("*y", 4)})
        self.assertEqual([member.weight for member in self.published[-1].members], [3, 1])

    def test_atHand(self) -> None:
        """A source that has its set at once is in force at once, and is told of as anything but a beginning."""
        self.say({"a": "x"})
        self.follow({"f": "y"})
        self.assertEqual(self.shapes, [{"a": ("x", 0), "f": ("*y", 1)}])
        self.assertEqual(self.lines, [])


class AfterTests(LayeredCase):
    """The source has answered."""

    def test_lastTier(self) -> None:
        """Then they are one tier behind the last of the source's."""
        self.follow({"f": "x"})
        self.say({"a": "y"})
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1)})
        self.say({"a": "y", "b": self.backend("z", 7)})
        self.assertEqual(self.shape, {"a": ("y", 0), "b": ("z", 7), "f": ("*x", 8)})

    def test_behindInOrder(self) -> None:
        """Behind the source's they keep their order among themselves."""
        self.follow({"f": "x", "g": self.backend("y", 2)})
        self.say({"a": self.backend("z", 3)})
        self.assertEqual(self.shape, {"a": ("z", 3), "f": ("*x", 4), "g": ("*y", 6)})

    def test_empty(self) -> None:
        """A source that says that there is nobody leaves those who stand by, in the first tier."""
        self.follow({"f": "x"})
        self.say({"a": "y"})
        self.say({})
        self.assertEqual(self.shape, {"f": ("*x", 0)})

    def test_emptyAtFirst(self) -> None:
        """That is an answer, too: it is published, though nothing looks different."""
        self.follow({"f": "x"})
        self.say({})
        self.assertEqual(self.shapes, [{"f": ("*x", 0)}] * 2)

    def test_sameTarget(self) -> None:
        """A target that the source has is the source's alone, whatever the id and the tier there."""
        self.follow({"f": "x", "g": "y"})
        self.say({"a": self.backend("x", 2), "b": "z"})
        self.assertEqual(self.shape, {"a": ("x", 2), "b": ("z", 0), "g": ("*y", 3)})
        self.say({"b": "z"})
        self.assertEqual(self.shape, {"b": ("z", 0), "f": ("*x", 1), "g": ("*y", 1)})

    def test_draining(self) -> None:
        """One that the source has draining gets no new connections by standing by."""
        self.follow({"f": "x"})
        self.say({"a": self.backend("x", draining=True)})
        self.assertEqual(self.shape, {"a": ("x", 0)})

    def test_sameId(self) -> None:
        """An id that the source has given to somebody else is told apart; the source keeps its ids."""
        self.follow({"a": "x"})
        self.say({"a": "y"})
        self.assertEqual(self.shape, {"a": ("y", 0), "a (standby)": ("*x", 1)})
        self.say({"a": "y", "a (standby)": "z"})
        self.assertEqual(self.shape, {"a": ("y", 0), "a (standby)": ("z", 0), "a (standby) (standby)": ("*x", 1)})

    def test_twoAtOneTarget(self) -> None:
        """Two that stand by at one target both do, as two of any set may."""
        self.follow({"f": "x", "g": "x"})
        self.say({"a": "y"})
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1), "g": ("*x", 1)})

    def test_nobodyBehind(self) -> None:
        """With nobody behind it, what the source says is what is published."""
        self.follow({})
        self.say({"a": "x", "b": self.backend("y", 2)})
        self.say({})
        self.assertEqual(self.shapes, [{"a": ("x", 0), "b": ("y", 2)}, {}])

    def test_sourcesObjects(self) -> None:
        """The source's backends are handed on as they are."""
        a = self.backend("x")
        self.follow({"f": "y"})
        self.say({"a": a})
        self.assertIs(self.published[-1]["a"], a)

    def test_layersOfLayers(self) -> None:
        """A source may have layers itself: who stands by there stands by here, before those who do here."""
        self.layers({"f": "x"})
        self.provider = LayeredProvider(self.clock, self.provider, self.backends({"g": "y"}))
        self.watch()
        self.assertEqual(self.shape, {"f": ("*x", 0), "g": ("*y", 1)})
        self.say({"a": "z"})
        self.assertEqual(self.shape, {"a": ("z", 0), "f": ("*x", 1), "g": ("*y", 2)})

    def test_behindTheSame(self) -> None:
        """Who stands by in the source's layers does not stand by once more behind them."""
        self.layers({"f": "x"})
        self.provider = LayeredProvider(self.clock, self.provider, self.backends({"g": "x"}))
        self.watch()
        self.say({"a": "z"})
        self.assertEqual(self.shape, {"a": ("z", 0), "f": ("*x", 1)})


class StandbyTests(LayeredCase):
    """A backend that stands by."""

    def test_marked(self) -> None:
        """It says that it stands by, and is else as it was."""
        self.follow({"f": self.backend("x", weight=5, draining=True)})
        standby = self.published[-1]["f"]
        verifyObject(IStandby, standby)
        self.assertEqual((standby.target, standby.weight, standby.draining), ("x", 5, True))

    def test_proxyProtocol(self) -> None:
        """It wants the header that it wanted before, or none."""
        announced = MemoryBackend(self.clock, "x", proxyProtocol="v2")
        self.follow({"f": announced, "g": self.backend("y")})
        self.assertEqual([member.proxyProtocol for member in self.published[-1].members], ["v2", None])

    def test_connects(self) -> None:
        """A connection to it is a connection to what it was made of, and can be cancelled as one."""
        hand = HandBackend(self.clock, "x")
        self.layers({})
        self.provider = LayeredProvider(self.clock, self.source, BackendSet({"f": hand}))
        self.watch()
        factory = Factory()
        connecting = self.published[-1]["f"].connect(factory)
        self.assertIs(hand.dials[0][0], factory)
        connecting.cancel()
        self.assertEqual(hand.cancelled, 1)
        self.failureResultOf(connecting)

    def test_named(self) -> None:
        """One with a name says whether that is being looked up; others know of no names."""
        named = NamedBackend(self.clock, "cp.example:6443")
        self.provider = LayeredProvider(self.clock, self.source, BackendSet({"f": named, "g": self.backend("x")}))
        self.watch()
        standby = self.published[-1]["f"]
        assert INamed.providedBy(standby)
        self.assertIs(standby.isLookingUp, False)
        named.isLookingUp = True
        self.assertIs(standby.isLookingUp, True)
        self.assertTrue(IStandby.providedBy(standby))
        self.assertFalse(INamed.providedBy(self.published[-1]["g"]))


class InterfaceTests(LayeredCase):
    """What it provides."""

    def test_interfaces(self) -> None:
        """It is a provider that can describe itself."""
        verifyObject(IProvider, self.layers({}))
        verifyObject(IDescribed, self.provider)
