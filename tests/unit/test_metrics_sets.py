"""What becomes of a backend's counts when the set changes."""

from __future__ import annotations

from tests.unit.metricscase import COUNTERS, MetricsTestCase
from tinylb import CloseReason, PairClosed
from tinylb.metrics import tallies
from tinylb.metrics.tallies import LINGER, MOST_DEPARTED
from tinylb.testing import Behaviour

OPENED = "backend_connections_opened_total"
CLOSED = "backend_connections_closed_total"


class DepartureTests(MetricsTestCase):
    """A backend that has left the set."""

    def test_lastEnds(self) -> None:
        """What its removal ended is told under its id, though it is not in the set any more; so is all it had."""
        self.publish("ab")
        for client in self.connect(4):
            client.send(b"x")
        self.clock.advance(0)
        self.publish("b")
        self.clock.advance(0)
        scrape = self.scrape()
        self.assertEqual(scrape(CLOSED, backend="a", reason="target-removed"), 2)
        self.assertEqual((scrape(OPENED, backend="a"), scrape("backend_picked_total", backend="a")), (2, 2))
        self.assertEqual(scrape("backend_relayed_bytes_total", backend="a", direction="in"), 2)
        self.assertEqual(scrape("backend_dial_seconds_count", backend="a"), 2)

    def test_onlyCounts(self) -> None:
        """It has no state, no weight and no open connections."""
        self.publish("ab")
        self.publish("b")
        scrape = self.scrape()
        for name in ("state", "info", "tier", "weight", "connections"):
            self.assertEqual(scrape.backends(f"backend_{name}"), {"b"})
        self.assertEqual(scrape.backends(OPENED), {"a", "b"})

    def test_forgotten(self) -> None:
        """After ten minutes it is told of no more."""
        self.publish("ab")
        self.publish("b")
        self.clock.advance(LINGER - 1)
        self.assertIn("a", self.scrape().backends(OPENED))
        self.clock.advance(1)
        self.assertEqual(self.scrape().backends(OPENED), {"b"})

    def test_comesBack(self) -> None:
        """If it comes back before that, its counts go on."""
        self.publish("a")
        self.connect(2)
        self.publish("")
        self.clock.advance(LINGER - 1)
        self.publish("a")
        self.clock.advance(LINGER)
        self.connect()
        scrape = self.scrape()
        self.assertEqual((scrape(OPENED, backend="a"), scrape("backend_connections", backend="a")), (3, 1))
        self.assertEqual(scrape(CLOSED, backend="a", reason="target-removed"), 2)

    def test_bounded(self) -> None:
        """However many ids come and go, so many are told of at the most; those that left last are."""
        for number in range(MOST_DEPARTED + 50):
            self.publish({f"id-{number:04}": "t"})
        departed = self.scrape().backends(OPENED) - {f"id-{MOST_DEPARTED + 49:04}"}
        self.assertEqual(departed, {f"id-{number:04}" for number in range(49, MOST_DEPARTED + 49)})

    def test_bigSet(self) -> None:
        """A set is told of as a whole, however big; of one that leaves at once, the bound holds."""
        self.publish({f"id-{number:04}": f"t-{number}" for number in range(2 * MOST_DEPARTED)})
        self.assertEqual(len(self.scrape().backends(OPENED)), 2 * MOST_DEPARTED)
        self.publish("a")
        self.assertEqual(len(self.scrape().backends(OPENED)), MOST_DEPARTED + 1)

    def test_replacedAsAWhole(self) -> None:
        """When more leave at once than are told of, those that are have lost nothing; what was ended is theirs."""
        self.patch(tallies, "MOST_DEPARTED", 3)
        self.publish(dict.fromkeys("abcde", "t"))
        for client in self.connect(10)[:5]:
            client.reset()
        self.clock.advance(0)
        before = self.scrape()
        self.publish("x")
        self.clock.advance(0)
        after = self.scrape()
        counted = [each for each in before.values.keys() & after.values.keys() if each[0].endswith(COUNTERS)]
        self.assertEqual([each for each in counted if after.values[each] < before.values[each]], [])
        ends = after.of(CLOSED, reason="target-removed")
        self.assertEqual(ends, {"c": 1, "d": 1, "e": 1, "x": 0})

    def test_comeBackAsAWhole(self) -> None:
        """If more than are told of come back with the next change, their counts go on."""
        self.patch(tallies, "MOST_DEPARTED", 3)
        for ids in ("abcde", "x", "abcde"):
            self.publish(ids)
            self.connect(len(ids))
        self.assertEqual(self.scrape().of(OPENED), {**dict.fromkeys("abcde", 2), "x": 1})

    def test_unknown(self) -> None:
        """The end of a connection whose backend was forgotten is counted where there is room, and drives nobody out."""
        for number in range(MOST_DEPARTED + 50):
            end = PairClosed(None, f"id-{number:04}", "t", 1, 0.0, 0, 0, 1.0, CloseReason.CLIENT_CLOSED)
            self.metrics.observe(end)
        ends = self.scrape().of(CLOSED, reason="client-closed")
        self.assertEqual(ends, {f"id-{number:04}": 1 for number in range(MOST_DEPARTED)})


class TargetTests(MetricsTestCase):
    """What is counted at targets belongs to the ids that lead there."""

    def test_moved(self) -> None:
        """An id that is led to another target keeps its counts, and goes on from them."""
        self.publish({"cp": "one"})
        (client,) = self.connect()
        client.send(b"seven b")
        self.clock.advance(0)
        self.publish({"cp": "two"})
        self.clock.advance(0)
        scrape = self.scrape()
        self.assertEqual(scrape(OPENED, backend="cp"), 1)
        self.assertEqual(scrape(CLOSED, backend="cp", reason="target-removed"), 1)
        self.assertEqual(scrape("backend_relayed_bytes_total", backend="cp", direction="in"), 7)
        self.connect(2)
        scrape = self.scrape()
        self.assertEqual((scrape(OPENED, backend="cp"), scrape("backend_connections", backend="cp")), (3, 2))

    def test_handedOver(self) -> None:
        """A target that is another id's now: what came about before stays with the former, the rest is the other's."""
        self.publish({"old": "t"})
        (client,) = self.connect()
        client.send(b"xyz")
        self.clock.advance(0)
        self.publish({"new": "t"})
        client.send(b"1234")
        self.connect(4)
        scrape = self.scrape()
        self.assertEqual(scrape.of(OPENED), {"old": 1, "new": 4})
        self.assertEqual(scrape.of("backend_relayed_bytes_total", direction="in"), {"old": 3, "new": 4})
        self.assertEqual(scrape.of("backend_connections"), {"new": 5})
        self.assertEqual(scrape.of("backend_dial_seconds_count"), {"old": 1, "new": 4})

    def test_swapped(self) -> None:
        """Two ids that swap their targets keep what they had."""
        self.publish({"a": "one", "b": "two"})
        self.connect(3)
        self.publish({"a": "two", "b": "one"})
        self.assertEqual(self.scrape().of(OPENED), {"a": 2, "b": 1})
        self.connect(2)
        self.assertEqual(self.scrape().of(OPENED), {"a": 3, "b": 2})

    def test_shared(self) -> None:
        """Two ids at one target both have what comes about there, as in C{describe()}; ends are told apart."""
        self.publish({"a": "t", "b": "t"})
        clients = self.connect(2)
        scrape = self.scrape()
        described = {each["id"]: each["opened"] for each in self.service.describe()["backends"]}
        self.assertEqual(scrape.of(OPENED), described)
        self.assertEqual(scrape.of(OPENED), {"a": 2, "b": 2})
        for client in clients:
            client.reset()
        self.clock.advance(0)
        ends = self.scrape().of(CLOSED, reason="client-reset")
        self.assertEqual(sum(ends.values()), 2)

    def test_joinedLater(self) -> None:
        """An id that comes to lead to a target beside another has what comes about from then on."""
        self.publish({"a": "t"})
        self.connect(2)
        self.publish({"a": "t", "b": "t"})
        self.connect(1)
        self.assertEqual(self.scrape().of(OPENED), {"a": 3, "b": 1})

    def test_comesBackToAnother(self) -> None:
        """What came about at a target that nobody had for a moment is not counted once more for who has it next."""
        self.publish({"a": "t", "b": "u"})
        self.connect(2)
        self.publish({"b": "t"})
        self.connect(3)
        self.publish({"b": "u"})
        self.publish({"c": "t", "b": "u"})
        self.assertEqual(self.scrape().of(OPENED), {"a": 1, "b": 4, "c": 0})

    def test_redialled(self) -> None:
        """A client whose dial was cancelled by a removal, and went to a newcomer at once, is the newcomer's."""
        self.publish({"gone": "one"})
        self.connect()
        self.publish({"gone": "one", "new": "two"})
        scrape = self.scrape()
        self.assertEqual(scrape.of("backend_picked_total"), {"gone": 1, "new": 0})
        self.backends["one"].behaviour = Behaviour.HANGS
        self.connect(2)
        self.publish({"newer": "three"})
        self.clock.advance(0)
        scrape = self.scrape()
        self.assertEqual(scrape("backend_picked_total", backend="newer"), scrape(OPENED, backend="newer"))
        self.assertGreater(scrape(OPENED, backend="newer"), 0)
