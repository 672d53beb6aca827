"""What is told of a provider's trouble."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.metricscase import MetricsTestCase
from tinylb.interfaces import IDescribed
from tinylb.metrics.provider import ProviderWatch
from tinylb.testing import ManualProvider


@implementer(IDescribed)
class Troubled(ManualProvider):
    """Says what the test wants it to say."""

    error: str | None = None
    changed: str | None = None

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}."""
        return {"source": "a test", "error": self.error, "changed": self.changed}


class ScrapeTests(MetricsTestCase):
    """What a scrape tells."""

    def setUp(self) -> None:
        super().setUp()
        self.end(self.service, self.metrics)
        self.troubled = self.provider = Troubled()
        self.begin()

    def trouble(self) -> tuple[float, float]:
        """How often there was trouble, and whether there is now."""
        scrape = self.scrape()
        return scrape("provider_errors_total"), scrape("provider_failing")

    def test_trouble(self) -> None:
        """Trouble shows at once, is counted once, and is over when it is."""
        self.assertEqual(self.trouble(), (0, 0))
        self.troubled.error = "no answer"
        self.assertEqual([self.trouble() for _ in range(3)], [(1, 1)] * 3)
        self.troubled.error = None
        self.assertEqual(self.trouble(), (1, 0))

    def test_betweenScrapes(self) -> None:
        """It is counted though nobody scrapes while it lasts, if that is a second; another trouble is counted, too."""
        for error in ("no answer", "refused", None, "no answer", None):
            self.troubled.error = error
            self.clock.advance(1)
        self.assertEqual(self.trouble(), (3, 0))

    def test_failed(self) -> None:
        """A provider that fails, and whose describe() says nothing of it, has trouble."""
        self.provider.fail(OSError("gone"))
        self.assertEqual(self.trouble(), (1, 1))
        self.clock.advance(1)
        self.publish("a")
        self.assertEqual(self.trouble(), (1, 0))

    def test_changed(self) -> None:
        """When the set changed last is told as soon as that is known."""
        series = "provider_changed_timestamp_seconds"
        self.assertNotIn(series, self.scrape().text)
        self.troubled.changed = "2026-11-23T00:00:00.500+00:00"
        self.assertEqual(self.scrape()(series), 1795392000.5)


class WatchTests(SynchronousTestCase):
    """See L{ProviderWatch}."""

    def test_strange(self) -> None:
        """A time that is none is not told."""
        watch = ProviderWatch(lambda: {"error": None, "changed": "yesterday"})
        watch.look()
        self.assertEqual((watch.errors, watch.isFailing, watch.changed), (0, False, None))
