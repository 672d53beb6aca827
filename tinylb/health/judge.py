"""Turns outcomes into a verdict: how many in a row it takes to change the verdict."""

from __future__ import annotations

from tinylb.events import Verdict
from tinylb.health.answer import Outcome

# A server that is only slow must not lose its connections: silence has to last so many times longer.
SILENT_TO_DEATH = 3


class Judge:
    """
    Judges one target by its outcomes, in order.

    The target is ready after C{rise} good outcomes in a row, and not ready after C{fall} bad ones of any kind. It is
    dead after C{fall} in which it could not even be reached, or three times as many in which nothing was heard of it. A
    dead target is no longer dead, though it may not be ready yet, when it has answered C{rise} times in a row, whatever
    the answers are.

    The first outcome alone decides between ready and not ready; C{dead} takes as many as ever.

    @ivar verdict: L{None} before the first outcome.
    """

    def __init__(self, rise: int, fall: int) -> None:
        self.verdict: Verdict | None = None
        self._rise = rise
        self._fall = fall
        self._inARow = dict.fromkeys(("good", "bad", "answered", "unheard", "unreached"), 0)

    def hear(self, outcome: Outcome) -> Verdict:
        """Take the next outcome, which is not C{UNKNOWN}, and return the verdict after it."""
        self._count(outcome)
        self.verdict = self._judge()
        return self.verdict

    def _count(self, outcome: Outcome) -> None:
        isSo = {
            "good": outcome is Outcome.YES,
            "bad": outcome is not Outcome.YES,
            "answered": outcome in (Outcome.YES, Outcome.NO),
            "unheard": outcome in (Outcome.SILENCE, Outcome.UNREACHABLE),
            "unreached": outcome is Outcome.UNREACHABLE,
        }
        self._inARow = {what: self._inARow[what] + 1 if isSo[what] else 0 for what in isSo}

    def _judge(self) -> Verdict:
        count, isFirst = self._inARow, self.verdict is None
        if count["good"] >= self._rise:
            return Verdict.READY
        if count["unreached"] >= self._fall or count["unheard"] >= SILENT_TO_DEATH * self._fall:
            return Verdict.DEAD
        if self.verdict is Verdict.DEAD:
            return Verdict.NOT_READY if count["answered"] >= self._rise else Verdict.DEAD
        if count["bad"] >= (1 if isFirst else self._fall):
            return Verdict.NOT_READY
        return self.verdict or Verdict.READY
