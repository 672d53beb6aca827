"""
Hears what Twisted's listening ports log when they are out of descriptors. They would write three lines for each
client, and a flood of clients must not fill the disk as well.
"""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Port
from twisted.logger import LogEvent, Logger, globalLogPublisher

from tinylb.logs import Summary
from tinylb.wording import counted

TOO_MANY_OPEN_FILES = os.strerror(errno.EMFILE).lower()

_PORTS_LOGGER: Any = getattr(Port, "_logger", None)


class QuietAccepts:
    """
    Receives what every listening port of this process logs about accepting clients, and sums it up. It takes the place
    of the ports' logger.

    @param closed: called for each client that a port has closed, as it was out of descriptors, with the port and the
        client's address as the socket module names it. It returns whether the client is counted elsewhere.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, closed: Callable[[Any, Any], bool]) -> None:
        self._isCounted = closed
        self._summary = Summary(clock, 1.0, self._report)

    def start(self) -> None:
        """Replace the ports' logger. It is not public, but there is no other way."""
        if _PORTS_LOGGER is not None:
            Port._logger = self  # type: ignore[assignment]  # a descriptor, as Logger is

    def stop(self) -> None:
        """Put the ports' own logger back."""
        if _PORTS_LOGGER is not None:
            Port._logger = _PORTS_LOGGER
        self._summary.flush()
        self._summary.cancel()

    def __get__(self, port: Any, owner: type) -> Logger:
        """The logger of a port. Twisted's events do not say which port they are about."""
        return Logger(_PORTS_LOGGER.namespace, port, lambda event: self._heard(port, event))  # type: ignore[arg-type]

    def _heard(self, port: Any, event: LogEvent) -> None:
        template = event.get("log_format") or ""
        if template.startswith("EMFILE recovery"):
            if not self._isCounted(port, event["address"]):
                self._summary.add(TOO_MANY_OPEN_FILES)
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
