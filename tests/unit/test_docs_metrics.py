"""The table of metrics is what a scrape tells."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.documents import document, quoted
from tests.unit.metricscase import MetricsTestCase
from tinylb import DialFailure
from tinylb.metrics import Metrics

METRICS = document("docs/metrics.md")


@dataclass
class Lines:
    """Stands for an access log, of which there is something to count."""

    written: int = 0
    dropped: int = 0


class DocumentedMetricsTests(MetricsTestCase):
    """Tests of docs/metrics.md."""

    def test_metrics(self) -> None:
        """Each metric has a row, with its type and its labels."""
        self.end(self.service, self.metrics)
        self.begin(maxConnections=10)
        self.publish("a")
        self.connect()
        metrics = Metrics(self.service, accessLog=Lines())
        metrics.start()
        self.addCleanup(metrics.stop)
        told = {}
        for family in text_string_to_metric_families(b"".join(metrics.expose()).decode()):
            name = family.name + ("_total" if family.type == "counter" else "")
            told[name] = family.type, {label for sample in family.samples for label in sample.labels} - {"le"}
        rows = METRICS.rows("metric", "type", "labels", "meaning", "what to do")
        self.assertEqual({quoted(name)[0]: (kind, set(quoted(labels))) for name, kind, labels, *_ in rows}, told)

    def test_kinds(self) -> None:
        """Each kind of failure has a row."""
        rows = METRICS.rows("kind", "why the attempt failed")
        self.assertEqual([quoted(row[0])[0] for row in rows], [kind.value for kind in DialFailure])
