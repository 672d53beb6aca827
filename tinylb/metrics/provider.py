"""Counts a provider's troubles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime


class ProviderWatch:
    """
    Counts how often trouble of a provider begins, or changes. A provider tells only how it is doing now, so trouble
    that comes and goes between two looks is not counted.

    @param describe: see L{IDescribed.describe <tinylb.interfaces.IDescribed.describe>}.
    @ivar errors: how often.
    """

    def __init__(self, describe: Callable[[], Mapping[str, str | None]]) -> None:
        self.errors = 0
        self._describe = describe
        self._error: str | None = None
        self._changed: str | None = None

    @property
    def isFailing(self) -> bool:
        """Whether there was trouble at the last look."""
        return self._error is not None

    @property
    def changed(self) -> float | None:
        """When its set last changed, in Unix time; L{None} if that is not known."""
        try:
            return None if self._changed is None else datetime.fromisoformat(self._changed).timestamp()
        except ValueError:
            return None  # from a provider that is not tinylb's

    def look(self) -> None:
        """Ask the provider how it is doing."""
        told = self._describe()
        error, self._changed = told["error"], told["changed"]
        if error is not None and error != self._error:
            self.errors += 1
        self._error = error
