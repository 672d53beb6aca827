"""
When to look again for a moment instead of going to sleep. The answer to a lone message is often so near that waking up
would take longer than waiting for it.
"""

from __future__ import annotations

# Seconds. A peer on this machine, or in the same rack, answers within them.
MOMENT = 50e-6
# So much of the time may be spent on waiting in vain: a twohundredth of one processor.
_SHARE = 0.005
# What was not spent, when nothing happened for long, is worth no more than so many seconds.
_MOST = 0.005


class Patience:
    """An account of seconds from which moments of waiting in vain are paid. One that was not in vain costs nothing."""

    def __init__(self, now: float) -> None:
        self._account = 0.0
        self._since = now

    def has(self, now: float) -> bool:
        """Whether one more moment may be waited."""
        self._account = min(_MOST, self._account + _SHARE * (now - self._since))
        self._since = now
        return self._account >= MOMENT

    def waitedInVain(self) -> None:
        """A moment was."""
        self._account -= MOMENT
