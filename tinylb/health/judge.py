"""From outcomes to a verdict: how many in a row it takes to change one's mind."""

from __future__ import annotations

from tinylb.events import Verdict
from tinylb.health.answer import Outcome

# A server that is only slow must not lose its connections: silence has to last so many times longer.
SILENT_TO_DEATH = 3


class Judge:
    """
    Judges one target by its outcomes, in order.

    Ready: as many good ones in a row as C{rise}. Not ready: as many bad ones as C{fall}, of any kind. Dead: as many as
    C{fall} in which it could not even be reached, or three times as many in which nothing was heard of it. The dead are
    back among the living, though not ready yet, when they have answered C{rise} times, whatever they say.

    With the first outcome there is no mind to change: it counts at once, unless it would be death.

    @ivar verdict: L{None} before the first outcome.
    """

    def __init__(self, rise: int, fall: int) -> None:
        self.verdict: Verdict | None = None
        self._rise = rise
        self._fall = fall
        self._inARow = dict.fromkeys(("good", "bad", "answered", "unheard", "unreached"), 0)

    def hear(self, outcome: Outcome) -> Verdict:
        """The next outcome, which is known. The verdict after it."""
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
