"""What is counted of each backend, and of the balancer as a whole."""

from __future__ import annotations

import sys
from unittest.mock import patch

from tests.unit.metricscase import MetricsTestCase
from tinylb import CloseReason, DialFailure, Verdict
from tinylb.metrics import Metrics, NotInstalled
from tinylb.testing import Behaviour, MemoryEndpoint


class BackendTests(MetricsTestCase):
    """What has the label C{backend}."""

    def test_beforeAnything(self) -> None:
        """A backend of the set has all its series from the beginning, at zero, so that the first event is a rise."""
        self.publish("a")
        scrape = self.scrape()
        zero = {"a": 0.0}
        for name in ("picked_total", "connections", "connections_opened_total", "dial_seconds_count"):
            self.assertEqual(scrape.of(f"backend_{name}"), zero)
        self.assertEqual(scrape.of("backend_connection_duration_seconds_count"), zero)
        self.assertEqual(scrape.of("backend_relayed_bytes_total", backend="a"), {"in": 0, "out": 0})
        failures = scrape.of("backend_dial_failures_total", backend="a")
        self.assertEqual(failures, dict.fromkeys((kind.value for kind in DialFailure), 0))
        ends = {reason.value for reason in CloseReason} - {"no-backends", "dial-failed", "dial-timeout", "client-limit"}
        self.assertEqual(scrape.of("backend_connections_closed_total", backend="a"), dict.fromkeys(ends, 0))

    def test_opened(self) -> None:
        """Each attempt, connection and dial is counted at the backend that it was for; so is what is open."""
        self.publish("ab")
        clients = self.connect(3)
        clients[0].reset()
        self.clock.advance(0)
        scrape = self.scrape()
        self.assertEqual(scrape.of("backend_picked_total"), {"a": 2, "b": 1})
        self.assertEqual(scrape.of("backend_connections_opened_total"), {"a": 2, "b": 1})
        self.assertEqual(scrape.of("backend_dial_seconds_count"), {"a": 2, "b": 1})
        self.assertEqual(scrape.of("backend_connections"), {"a": 1, "b": 1})
        self.assertEqual(scrape("connections"), 2)

    def test_bytes(self) -> None:
        """Bytes are counted both ways, those of connections that are open among them, and stay when they end."""
        self.publish("a")
        (client,) = self.connect()
        client.send(b"question")
        self.clock.advance(0)
        self.backends["a"].connections[0].send(b"answer")
        self.clock.advance(0)
        both = {"in": 8.0, "out": 6.0}
        self.assertEqual(self.scrape().of("backend_relayed_bytes_total", backend="a"), both)
        client.reset()
        self.clock.advance(0)
        self.assertEqual(self.scrape().of("backend_relayed_bytes_total", backend="a"), both)

    def test_ends(self) -> None:
        """An end is counted by its reason, with how long the connection has lasted."""
        self.publish("a")
        clients = self.connect(3)
        self.clock.advance(5)
        clients[0].reset()
        self.clock.pump((0, 45))
        clients[1].reset()
        clients[2].finish()
        self.clock.advance(0)
        self.backends["a"].connections[2].finish()
        self.clock.advance(0)
        scrape = self.scrape()
        closed = scrape.of("backend_connections_closed_total", backend="a")
        ended = {reason: count for reason, count in closed.items() if count}
        self.assertEqual(ended, {"client-reset": 2, "client-closed": 1})
        durations = scrape.of("backend_connection_duration_seconds_bucket", backend="a")
        self.assertEqual((durations["1.0"], durations["10.0"], durations["60.0"], durations["+Inf"]), (0, 1, 3, 3))
        self.assertEqual(scrape("backend_connection_duration_seconds_sum", backend="a"), 105)

    def test_failures(self) -> None:
        """A failed attempt is counted by its kind, and is neither a dial time nor a connection."""
        self.publish("a")
        self.refuse("a")
        self.connect(1)
        scrape = self.scrape()
        failures = scrape.of("backend_dial_failures_total", backend="a")
        self.assertEqual({kind: count for kind, count in failures.items() if count}, {"refused": 1})
        self.assertEqual(scrape("backend_picked_total", backend="a"), 1)
        self.assertEqual(scrape("backend_dial_seconds_count", backend="a"), 0)
        self.assertEqual(scrape("backend_connections_opened_total", backend="a"), 0)

    def test_dialTime(self) -> None:
        """A dial time is that of the attempt which succeeded, not of those that the client had waited for before."""
        self.publish("ab")
        self.backends["a"].behaviour = self.backends["b"].behaviour = Behaviour.HANGS
        self.connect()
        self.clock.advance(0.25)
        self.backends["b"].behaviour = Behaviour.CONNECTS
        self.clock.advance(0.125)
        self.backends["b"].answer()
        self.clock.advance(0)
        scrape = self.scrape()
        self.assertEqual(scrape.of("backend_dial_seconds_sum"), {"a": 0, "b": 0.125})
        times = scrape.of("backend_dial_seconds_bucket", backend="b")
        self.assertEqual((times["0.1"], times["0.25"], times["+Inf"]), (0, 1, 1))
        self.assertEqual(scrape("backend_dial_failures_total", backend="a", kind="overtaken"), 1)

    def test_state(self) -> None:
        """Of a backend's states exactly one is 1, and the set's size is told by state."""
        self.publish("abc")
        self.service.balancer.setVerdict("b", Verdict.DEAD, "so it is")
        scrape = self.scrape()
        for id, state in (("a", "ready"), ("b", "dead")):
            states = scrape.of("backend_state", backend=id)
            self.assertEqual(states, {each.value: float(each.value == state) for each in Verdict})
        sizes = {"ready": 2.0, "resting": 0.0, "not-ready": 0.0, "dead": 1.0, "draining": 0.0}
        self.assertEqual(scrape.of("set_backends"), sizes)

    def test_member(self) -> None:
        """Tier, weight and target are told, and follow the set."""
        self.publish({"cp-1": "one"}, tier=2, weight=7)
        scrape = self.scrape()
        self.assertEqual((scrape.of("backend_tier"), scrape.of("backend_weight")), ({"cp-1": 2}, {"cp-1": 7}))
        self.assertEqual(scrape("backend_info", backend="cp-1", target="one", standby="no"), 1)
        self.publish({"cp-1": "two"})
        scrape = self.scrape()
        self.assertEqual(scrape("backend_info", backend="cp-1", target="two", standby="no"), 1)
        self.assertEqual(scrape.of("backend_weight"), {"cp-1": 1})


class BalancerTests(MetricsTestCase):
    """What there is once."""

    def test_set(self) -> None:
        """The revision is told, and whether a backend is usable."""
        scrape = self.scrape()
        self.assertEqual((scrape("set_revision"), scrape("ready")), (0, 0))
        self.publish("a")
        self.publish("ab")
        scrape = self.scrape()
        self.assertEqual((scrape("set_revision"), scrape("ready")), (2, 1))

    def test_unserved(self) -> None:
        """Clients that got no backend are counted by reason; the reasons are there before it happens."""
        reasons = {"no-backends", "dial-failed", "dial-timeout", "client-limit", "client-reset", "stopping"}
        self.assertEqual(self.scrape().of("unserved_total"), dict.fromkeys(reasons, 0))
        self.connect(2)
        self.assertEqual(self.scrape()("unserved_total", reason="no-backends"), 2)

    def test_refused(self) -> None:
        """So are those that were refused because there were too many."""
        self.end(self.service, self.metrics)
        self.begin(maxConnections=1)
        self.publish("a")
        self.connect(3)
        scrape = self.scrape()
        self.assertEqual((scrape("unserved_total", reason="client-limit"), scrape("max_connections")), (2, 1))

    def test_turnedAway(self) -> None:
        """So are those that were closed by a listening port that is out of descriptors."""
        self.service.balancer.turnedAway(None, "[::1]:6443", "too many open files")
        self.assertEqual(self.scrape()("unserved_total", reason="client-limit"), 1)

    def test_dialing(self) -> None:
        """Who waits for a backend is told, once each, however many attempts there are for him."""
        self.publish("ab", behaviour=Behaviour.HANGS)
        self.connect(2)
        self.clock.advance(0.25)
        scrape = self.scrape()
        self.assertEqual((scrape("dialing"), scrape("connections")), (2, 0))

    def test_listeners(self) -> None:
        """Each listener says whether it accepts."""
        self.assertEqual(self.scrape().of("listener_accepting"), {"127.0.0.1:6443": 1})
        self.service.stopService()
        self.assertEqual(set(self.scrape().of("listener_accepting").values()), {0})

    def test_sameListener(self) -> None:
        """An address that is listened on twice is one series: two would spoil the whole text."""
        self.end(self.service, self.metrics)
        self.begin(MemoryEndpoint(self.clock))
        self.assertEqual(self.scrape().of("listener_accepting"), {"127.0.0.1:6443": 1})

    def test_build(self) -> None:
        """The version is told, and what it runs on."""
        names = {name: dict(labels) for name, labels in self.scrape().values if name == "tinylb_build_info"}
        self.assertEqual(set(names["tinylb_build_info"]), {"version", "python", "twisted"})
        self.assertEqual(names["tinylb_build_info"]["python"].split("."), [str(each) for each in sys.version_info[:3]])

    def test_loopDelay(self) -> None:
        """A loop that was held up shows, in the histogram and as the longest delay of the minute."""
        self.clock.advance(1.75)
        scrape = self.scrape()
        self.assertEqual(scrape("event_loop_delay_longest_seconds"), 0.75)
        buckets = scrape.of("event_loop_delay_seconds_bucket")
        self.assertEqual((buckets["0.5"], buckets["1.0"], buckets["+Inf"]), (0, 1, 1))
        self.assertEqual((scrape("event_loop_delay_seconds_count"), scrape("event_loop_delay_seconds_sum")), (1, 0.75))

    def test_accessLog(self) -> None:
        """Where there is an access log, its lines are told, written and dropped; else nothing of it."""

        class Log:
            written = 12
            dropped = 3

        self.assertNotIn("access_log", self.scrape().text)
        self.metrics.stop()
        self.metrics = Metrics(self.service, accessLog=Log())
        scrape = self.scrape()
        self.assertEqual(scrape("access_log_lines_total"), 12)
        self.assertEqual(scrape("access_log_dropped_lines_total"), 3)


class LifeTests(MetricsTestCase):
    """See L{Metrics.start}, L{Metrics.stop} and L{Metrics.expose}."""

    def test_lateStart(self) -> None:
        """Who starts to count late knows what is counted at targets all the same, as C{describe()} does."""
        self.publish("a")
        self.connect(2)
        late = Metrics(self.service)
        late.start()
        self.addCleanup(late.stop)
        self.metrics = late
        self.assertEqual(self.scrape()("backend_connections_opened_total", backend="a"), 2)

    def test_startTwice(self) -> None:
        """A second start counts nothing twice, and one stop is enough."""
        self.metrics.start()
        self.publish("a")
        self.connect()[0].reset()
        self.clock.advance(0)
        self.assertEqual(self.scrape()("backend_connections_closed_total", backend="a", reason="client-reset"), 1)
        self.metrics.stop()
        self.metrics.stop()
        self.assertNotIn(self.metrics, self.service.balancer.observers)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_missingLibrary(self) -> None:
        """Without prometheus-client counting goes on, and a scrape fails at once with a line that says what to do."""
        needing = ("page", "families", "general", "lines", "process")
        with patch.dict(sys.modules):
            for name in needing:
                sys.modules.pop(f"tinylb.metrics.{name}", None)
            for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
                sys.modules[name] = None  # type: ignore[assignment]
            metrics = Metrics(self.service)
            metrics.start()
            self.addCleanup(metrics.stop)
            error = self.assertRaises(NotInstalled, metrics.expose)
        self.assertIn("pip install 'tinylb[metrics]'", str(error))
        self.assertNotIn("\n", str(error))
