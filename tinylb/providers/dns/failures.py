"""The errors of DNS lookups."""

from __future__ import annotations


class LookupFailed(Exception):
    """The records of a name could not be found out; the message says why."""


class NoAnswer(Exception):
    """
    A server has not answered. The message says why, without its name.

    @ivar isSilence: whether it has said nothing at all, so that it may be worth asking again.
    """

    def __init__(self, why: str, isSilence: bool = False) -> None:
        super().__init__(why)
        self.isSilence = isSilence


class Unusable(Exception):
    """A record that leads nowhere; the message says why."""
