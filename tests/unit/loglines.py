"""What was logged, as an operator reads it."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer


@implementer(ILogObserver)
class LogLines(list[str]):
    """Keeps C{level: text} of each event of tinylb's."""

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        if event.get("log_namespace", "").startswith("tinylb"):
            self.append(f"{event['log_level'].name}: {formatEvent(event)}")


def logLines(test: SynchronousTestCase) -> list[str]:
    """
    @return: what tinylb logs from now to the end of the test, as it comes.
    """
    lines = LogLines()
    globalLogPublisher.addObserver(lines)
    test.addCleanup(globalLogPublisher.removeObserver, lines)
    return lines
