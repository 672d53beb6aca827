"""
Sums up what Twisted's listening ports log when they are out of descriptors. They would write three lines for
each client, and a flood of clients must not fill the disk as well.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Port
from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from tinylb.logs import Summary
from tinylb.wording import counted


@implementer(ILogObserver)
class QuietAccepts:
    """Receives what every listening port of this process logs about accepting clients, and sums it up."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._summary = Summary(clock, 1.0, self._report)
        self._former: Logger | None = getattr(Port, "_logger", None)

    def start(self) -> None:
        """Replace the ports' logger. It is not public, but there is no other way."""
        if self._former is not None:
            Port._logger = Logger(namespace=self._former.namespace, observer=self)

    def stop(self) -> None:
        """Put the ports' own logger back."""
        if self._former is not None:
            Port._logger = self._former
        self._summary.flush()
        self._summary.cancel()

    def __call__(self, event: LogEvent) -> None:
        """See L{ILogObserver}."""
        template = event.get("log_format") or ""
        if template.startswith("EMFILE recovery"):
            self._summary.add("too many open files")
        elif template.startswith("Could not accept"):
            self._summary.add(str(event.get("acceptError")))
        elif "EMFILE" not in template:
            globalLogPublisher(event)

    def _report(self, counts: Counter[str]) -> None:
        self._log.warn(
            "{clients} could not be accepted: {causes}",
            count=counts.total(),
            clients=counted(counts.total(), "client"),
            causes=", ".join(sorted(counts)),
        )
