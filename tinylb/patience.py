"""
Decides when to keep looking for a moment instead of going to sleep. The answer to a lone message often comes so soon
that waking up would take longer than waiting for it.
"""

from __future__ import annotations

# Seconds. A peer on this machine, or in the same rack, answers within them.
MOMENT = 50e-6
# The share of the time that may be spent on waiting in vain: a two-hundredth of one processor.
_SHARE = 0.005
# Seconds that the account holds at most, when nothing was spent for long.
_MOST = 0.005


class Patience:
    """An account of seconds from which moments of waiting in vain are paid. One that was not in vain costs nothing."""

    def __init__(self, now: float) -> None:
        self._account = 0.0
        self._since = now

    def has(self, now: float) -> bool:
        """Whether the account has enough for one more moment."""
        self._account = min(_MOST, self._account + _SHARE * (now - self._since))
        self._since = now
        return self._account >= MOMENT

    def waitedInVain(self) -> None:
        """A moment was waited in vain: pay for it."""
        self._account -= MOMENT
