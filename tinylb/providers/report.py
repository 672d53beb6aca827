"""How a provider is doing: its source, the present trouble, and when its set last changed."""

from __future__ import annotations

from twisted.logger import Logger

from tinylb.wording import timestamp


class Report:
    """
    What a provider tells in C{describe()}. Trouble is logged once, and once more when it is over.

    @param log: the provider's.
    @param source: what is followed, as it stands in log lines.
    """

    def __init__(self, log: Logger, source: str) -> None:
        self.source = source
        self._log = log
        self._error: str | None = None
        self._changed: str | None = None

    @property
    def error(self) -> str | None:
        """The present trouble, if there is any."""
        return self._error

    def failed(self, error: str, follows: str = "") -> None:
        """
        Something is wrong. The same error again is not logged.

        @param follows: what follows from it; by default that the last good set stays.
        """
        if error != self._error:
            self._error = error
            known = "nothing is known from it yet" if self._changed is None else "the last good set stays in force"
            self._log.error("{source}: {error}; {follows}", source=self.source, error=error, follows=follows or known)

    def worked(self) -> None:
        """The source has answered as it should."""
        if self._error is not None:
            self._error = None
            self._log.info("{source} works again", source=self.source)

    def changed(self) -> None:
        """The set has changed."""
        self._changed = timestamp()

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe <tinylb.interfaces.IDescribed.describe>}."""
        return {"source": self.source, "error": self._error, "changed": self._changed}
