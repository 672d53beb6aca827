"""The exit statuses of commands, and the error of one that failed."""

from __future__ import annotations

FINE = 0
FAILED = 1
NOT_ALL_WELL = 2
INTERRUPTED = 128 + 2  # as a shell has it for SIGINT
CUT = 128 + 13  # and for SIGPIPE


class CommandFailed(Exception):
    """A command cannot do what it was asked for; the message is the one line that says why."""
