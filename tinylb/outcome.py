"""Something that happens once, and any number of Deferreds that wait for it."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure


class Outcome:
    """
    Gets one result, and keeps it.

    @ivar isKnown: whether there is a result.
    """

    def __init__(self) -> None:
        self._result: Failure | None = None
        self.isKnown = False
        self._waiting: list[Deferred[None]] = []

    def when(self) -> Deferred[None]:
        """
        @return: a L{Deferred} of the caller's own that fires, or fails, with the result; at once if it
            is known. It may be cancelled.
        """
        if not self.isKnown:
            waiting: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(waiting)
            return waiting
        return succeed(None) if self._result is None else fail(self._result)

    def succeed(self) -> None:
        """The result is a success."""
        self._come(None)

    def fail(self, failure: Failure) -> None:
        """The result is a failure. If nobody waits for it, it is not reported as an unhandled error."""
        self._come(failure)

    def _come(self, result: Failure | None) -> None:
        if self.isKnown:
            return
        self.isKnown, self._result = True, result
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if result is None:
                deferred.callback(None)
            else:
                deferred.errback(result)
