"""The text of a scrape, as Prometheus and its linter want it; and that it comes in parts."""

from __future__ import annotations

import gc
import re
import tracemalloc
import weakref

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.metricscase import COUNTERS, MetricsTestCase, parsed
from tinylb.metrics.lines import BACKEND, BLANK, NO_VALUE, Labels, Shape
from tinylb.metrics.page import FILLED_A_PART
from tinylb.metrics.tallies import LINGER
from tinylb.registry import PAIRS_A_TURN, Record

HARD = (
    *("a b", 'quo"te', "back\\slash", "two\nlines", "cr\r", "line\u2028", "100%s %d %", "ü 背"),
    *("\\", '"', "{}", "\0", "\1"),
)
"""Ids that a text could break at."""


class LintTests(MetricsTestCase):
    """What C{promtool check metrics} and Prometheus' parser look at."""

    def families(self) -> list[tuple[str, str, list[str]]]:
        """Name, type and lines of each family; each has one HELP, one TYPE, and then nothing but its own lines."""
        text = self.scrape().text
        self.assertTrue(text.endswith("\n"))
        found: list[tuple[str, str, list[str]]] = []
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("#"):
                name, help = re.fullmatch(r"# HELP (\S+) (\S.*)", line).groups()  # type: ignore[union-attr]
                self.assertRegex(help, r"\.$")
                kind = next(lines).removeprefix(f"# TYPE {name} ")
                found.append((name, kind, []))
            else:
                name, kind, own = found[-1]
                suffix = "(_bucket|_sum|_count)" if kind == "histogram" else ""
                self.assertRegex(line, rf"^{name}{suffix}(\{{[^ ].*\}})? [0-9.e+-]+$")
                own.append(line)
        return found

    def test_families(self) -> None:
        """Each family comes once, in one piece; only counters, and all of them, end in C{_total}."""
        self.publish("ab")
        self.connect(3)
        families = self.families()
        names = [name for name, _, _ in families]
        self.assertEqual(len(names), len(set(names)))
        for name, kind, lines in families:
            self.assertRegex(name, r"^(tinylb|process)(_[a-z]+)+$")
            self.assertIn(kind, ("counter", "gauge", "histogram"))
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertFalse(re.search(r"_(ms|milliseconds|minutes|kilobytes|percent|count|sum|bucket)$", name), name)
            self.assertTrue(lines, name)

    def test_wholeText(self) -> None:
        """Prometheus-client's parser takes the text as a whole, and finds each type."""
        self.publish("ab")
        self.connect(3)
        types = {family.name: family.type for family in text_string_to_metric_families(self.scrape().text)}
        self.assertEqual(types, {name.removesuffix("_total"): kind for name, kind, _ in self.families()})

    def test_histograms(self) -> None:
        """Buckets rise, the last is for all, and its value is the count."""
        self.publish("ab")
        self.connect(5)
        histograms = [name for name, kind, _ in self.families() if kind == "histogram"]
        self.assertEqual(len(histograms), 3)
        for name in histograms:
            labels = {} if "loop" in name else {"backend": "a"}
            buckets = self.scrape().of(name.removeprefix("tinylb_") + "_bucket", **labels)
            bounds = [float(bound) for bound in buckets]
            self.assertEqual(bounds, sorted(set(bounds)))
            self.assertEqual(list(buckets.values()), sorted(buckets.values()))
            self.assertEqual(buckets["+Inf"], self.scrape()(name.removeprefix("tinylb_") + "_count", **labels))

    def test_empty(self) -> None:
        """A set of nobody is told, too: the families are there, and have no lines."""
        scrape = self.scrape()
        self.assertEqual(scrape.backends("backend_picked_total"), set())
        self.assertIn("# TYPE tinylb_backend_picked_total counter\n", scrape.text)

    def test_hardIds(self) -> None:
        """An id that the text could break at is one label all the same, and no two of them become one."""
        self.publish({id: f"t{number}" for number, id in enumerate(HARD)})
        self.connect(len(HARD))
        ids = self.scrape().backends("backend_picked_total")
        readable = {id for id in HARD if not set(id) & {BACKEND, BLANK}}
        self.assertEqual(ids - readable, {"\\0", "\\1"})
        self.assertEqual(ids & readable, readable)
        self.assertEqual(set(self.scrape().of("backend_picked_total").values()), {1})

    def test_hardTargets(self) -> None:
        """So is such a target."""
        self.publish({str(number): target for number, target in enumerate(HARD)})
        self.assertEqual(len(self.scrape().backends("backend_info")), len(HARD))


class PartsTests(MetricsTestCase):
    """A scrape holds nobody up."""

    def test_manyBackends(self) -> None:
        """With many backends no part has more than some of their lines, and together they are the whole text."""
        many = 4 * FILLED_A_PART
        self.publish({f"id-{number}": f"t-{number}" for number in range(many)})
        scrape = self.scrape()
        self.assertEqual(len(scrape.backends("backend_picked_total")), many)
        ofBackends = [part for part in scrape.parts if b"backend=" in part]
        self.assertGreaterEqual(len(ofBackends), 12 * many // FILLED_A_PART)
        widest = 14
        self.assertLessEqual(max(part.count(b"backend=") for part in ofBackends), widest * FILLED_A_PART)

    def test_fewBackends(self) -> None:
        """With few the parts are few: each costs a turn of the reactor."""
        self.publish("abc")
        self.assertLessEqual(len(self.scrape().parts), 3)

    def test_manyConnections(self) -> None:
        """Where many connections are to be added up, there is an empty part for each so many."""
        self.publish("ab")
        self.addPairs("a", 5 * PAIRS_A_TURN)
        scrape = self.scrape()
        self.assertGreaterEqual(scrape.parts.count(b""), 4)
        self.assertEqual(scrape("backend_relayed_bytes_total", backend="a", direction="in"), 5 * PAIRS_A_TURN)

    def test_sideBySide(self) -> None:
        """Two scrapes at once are each complete, and one that is given up is nobody's loss."""
        self.publish("ab")
        whole = self.scrape().values
        first, second, third = (self.metrics.expose() for _ in range(3))
        next(third)
        parts: tuple[list[bytes], list[bytes]] = [], []
        for one, other in zip(first, second, strict=True):
            parts[0].append(one)
            parts[1].append(other)
        for each in parts:
            self.assertEqual(parsed(b"".join(each).decode()).keys(), whole.keys())

    def test_changeWithin(self) -> None:
        """A backend that leaves between two parts keeps its counters in that scrape; one that comes is in the next."""
        self.publish("ab")
        former = self.scrape()
        scraping = self.metrics.expose()
        parts = [next(scraping)]
        self.publish("bc")
        values = parsed(b"".join((*parts, *scraping)).decode())
        told = {series for series in values if ("backend", "a") in series[1]}
        counted = {series for series in former.values if ("backend", "a") in series[1] and series[0].endswith(COUNTERS)}
        self.assertEqual(told, counted)
        self.assertFalse(any(("backend", "c") in labels for _, labels in values))
        self.assertEqual(self.scrape().backends("backend_connections"), {"b", "c"})

    def test_forgottenWithin(self) -> None:
        """One that is forgotten between two parts has no more lines."""
        self.publish("ab")
        self.publish("b")
        scraping = self.metrics.expose()
        parts = [next(scraping)]
        self.clock.advance(LINGER)
        self.publish("bc")
        values = parsed(b"".join((*parts, *scraping)).decode())
        self.assertEqual({dict(labels)["backend"] for _, labels in values if "backend" in dict(labels)}, {"b"})

    def test_endsWithin(self) -> None:
        """The bytes of connections that end while they are added up are counted, and counted once."""
        self.publish("a")
        record = self.addPairs("a", 2 * PAIRS_A_TURN)
        scraping = self.metrics.expose()
        text = b""
        while b"tinylb_backend_relayed_bytes_total" not in text:
            text += next(scraping)
        record.bytesIn += len(record.pairs)
        record.pairs.clear()
        values = parsed((text + b"".join(scraping)).decode())
        labels = frozenset({("backend", "a"), ("direction", "in")})
        self.assertEqual(values["tinylb_backend_relayed_bytes_total", labels], 2 * PAIRS_A_TURN)

    def test_unreadSum(self) -> None:
        """One that is left unread keeps no connections alive: a sum is finished before the next text comes."""
        self.publish("ab")
        record = self.addPairs("a", 2 * PAIRS_A_TURN)
        pairs = [weakref.ref(pair) for pair in record.pairs]
        scraping = self.metrics.expose()
        while b"tinylb_backend_relayed_bytes_total" not in next(scraping):
            pass
        record.pairs.clear()
        gc.collect()
        self.assertEqual([ref() for ref in pairs if ref() is not None], [])

    def test_unread(self) -> None:
        """Scrapes that are not read to their end hold next to nothing, however many backends they have to tell of."""
        many = 20 * FILLED_A_PART
        self.publish({f"id-{number}": f"t-{number}" for number in range(many)})
        self.scrape()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        scrapes = [self.metrics.expose() for _ in range(20)]
        for scraping in scrapes:
            while b"tinylb_backend_info{" not in next(scraping):
                pass
        held, _ = tracemalloc.get_traced_memory()
        self.assertLess(held / len(scrapes) / many, 50)

    def addPairs(self, target: str, many: int) -> Record:
        """So many connections are open, as far as the registry knows; one byte came over each."""
        record = self.service.balancer.pool.registry.record(target)
        pairs = [StillPair(target) for _ in range(many)]
        record.pairs.update(dict.fromkeys(pairs))
        self.addCleanup(record.pairs.clear)
        return record


class StillPair:
    """A connection over which a byte came."""

    bytesIn = 1
    bytesOut = 0

    def __init__(self, target: str) -> None:
        self.target = target

    def abort(self, reason: object) -> bool:
        """It is ended by the test."""
        return False


class Collected(Collector):
    """What prometheus-client writes as a whole."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> tuple[Metric, ...]:
        """See L{Collector}."""
        return self._families


ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=BACKEND + BLANK), min_size=1)
counts = st.integers(0, 2**53)
floats = st.floats(0, 1e15)


class ShapeProperties(SynchronousTestCase):
    """See L{Shape}: filling in says what the library would have said."""

    @REPEATABLE
    @given(st.lists(st.tuples(ids, counts, counts), unique_by=lambda each: each[0]))
    def test_counter(self, backends: list[tuple[str, int, int]]) -> None:
        """Of counters with a second label."""
        blank = CounterMetricFamily("x", "Help.", labels=("backend", "kind"))
        whole = CounterMetricFamily("x", "Help.", labels=("backend", "kind"))
        for kind in ("one", "100%s"):
            blank.add_metric((BACKEND, kind), NO_VALUE)
        for id, *values in backends:
            for kind, value in zip(("one", "100%s"), values, strict=True):
                whole.add_metric((id, kind), value)
        self.assertSame(blank, whole, [(id, tuple(values)) for id, *values in backends])

    @REPEATABLE
    @given(st.dictionaries(ids, ids))
    def test_labels(self, targets: dict[str, str]) -> None:
        """Of labels that are filled in."""
        blank, whole = (GaugeMetricFamily("x", "Help.", labels=("backend", "target")) for _ in range(2))
        blank.add_metric((BACKEND, BLANK), NO_VALUE)
        for id, target in targets.items():
            whole.add_metric((id, target), 1)
        labels = Labels()
        self.assertSame(blank, whole, [(id, (labels.of(target), 1)) for id, target in targets.items()])

    @REPEATABLE
    @given(st.dictionaries(ids, st.tuples(counts, counts, floats)))
    def test_histogram(self, backends: dict[str, tuple[int, int, float]]) -> None:
        """Of histograms."""
        blank, whole = (HistogramMetricFamily("x", "Help.", labels=("backend",)) for _ in range(2))
        blank.add_metric((BACKEND,), [("0.5", NO_VALUE), ("+Inf", NO_VALUE)], NO_VALUE)
        for id, (few, all, total) in backends.items():
            whole.add_metric((id,), [("0.5", few), ("+Inf", all)], total)
        self.assertSame(blank, whole, [(id, (few, all, all, total)) for id, (few, all, total) in backends.items()])

    def assertSame(self, blank: Metric, whole: Metric, filled: list[tuple[str, tuple[object, ...]]]) -> None:
        """Both texts are read alike, and begin alike."""
        shape, labels = Shape(blank), Labels()
        ours = shape.header + "".join(shape.fill(labels.of(id), values) for id, values in filled)
        theirs = generate_latest(Collected(whole)).decode()
        self.assertEqual(parsed(ours), parsed(theirs))
        self.assertEqual(ours.split("\n")[:2], theirs.split("\n")[:2])


class LabelsTests(SynchronousTestCase):
    """See L{Labels}."""

    def test_halfCharacter(self) -> None:
        """Half a character, which JSON can say and nobody can encode, is spelled out."""
        self.assertEqual(Labels().of("half \ud800"), "half \\\\ud800")

    def test_forgotten(self) -> None:
        """What was not asked for in a round is forgotten after it, so that ids which come and go leave nothing."""
        labels = Labels()
        for number in range(1000):
            labels.begin()
            labels.of(f"id-{number}")
        self.assertEqual(len(labels._known) + len(labels._former), 2)
