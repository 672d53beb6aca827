"""How many descriptors this process may have, and how many clients that carries."""

from __future__ import annotations

import resource

# Descriptors for listeners, logs, timers, watches and second attempts: an eighth of the limit, within these bounds.
LEAST_RESERVE = 32
MOST_RESERVE = 1024


def raiseDescriptorLimit() -> int:
    """
    Raise the soft limit of open descriptors to the hard one.

    @return: the limit that is in force then.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft  # macOS refuses a limit that its kernel does not support
    return hard


def clientsFor(descriptors: int, others: int = 0) -> int:
    """
    How many clients a limit carries: two descriptors a pair, and a reserve.

    @param others: how many descriptors are kept for other uses, beside the reserve.
    """
    reserve = min(MOST_RESERVE, max(LEAST_RESERVE, descriptors // 8)) + others
    return max(1, (descriptors - reserve) // 2)
