"""How a provider is doing, as it tells and logs it."""

from __future__ import annotations

from datetime import datetime, timezone

from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb.providers.report import Report


class ReportTests(SynchronousTestCase):
    """See L{Report}."""

    def setUp(self) -> None:
        """Nothing has happened."""
        self.lines = logLines(self)
        self.report = Report(Logger(namespace="tinylb.test"), "dns x:1")

    def test_atFirst(self) -> None:
        """There is a source, and nothing else to tell."""
        self.assertEqual(self.report.describe(), {"source": "dns x:1", "error": None, "changed": None})
        self.assertEqual(self.lines, [])

    def test_trouble(self) -> None:
        """Trouble is shown and logged, once; another trouble once more."""
        for error in ("no answer", "no answer", "refused", "refused", "no answer"):
            self.report.failed(error)
            self.assertEqual((self.report.error, self.report.describe()["error"]), (error, error))
        self.assertEqual(
            self.lines,
            [
                f"error: dns x:1: {error}; nothing is known from it yet"
                for error in ("no answer", "refused", "no answer")
            ],
        )

    def test_over(self) -> None:
        """When it works again that is logged, once, and the same trouble is news afterwards."""
        self.report.worked()
        self.report.failed("no answer")
        for _ in range(2):
            self.report.worked()
            self.assertIsNone(self.report.error)
        self.report.failed("no answer")
        self.assertEqual([line.split(":")[0] for line in self.lines], ["error", "info", "error"])
        self.assertEqual(self.lines[1], "info: dns x:1 works again")

    def test_lastGood(self) -> None:
        """Once there was a set, the log says that it stays in force."""
        self.report.changed()
        self.report.failed("no answer")
        self.assertEqual(self.lines, ["error: dns x:1: no answer; the last good set stays in force"])

    def test_changed(self) -> None:
        """The moment of the last change is told in ISO 8601, UTC; trouble leaves it as it is."""
        before = datetime.now(timezone.utc)
        self.report.changed()
        told = self.report.describe()["changed"]
        moment = datetime.fromisoformat(str(told))
        self.assertEqual(moment.utcoffset(), timezone.utc.utcoffset(None))
        self.assertLess(abs((moment - before).total_seconds()), 60)
        self.report.failed("no answer")
        self.report.worked()
        self.assertEqual(self.report.describe()["changed"], told)
