"""The errors of dials that fail, and the words for failed attempts."""

from __future__ import annotations

import errno
import os

from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.python.failure import Failure

from tinylb.events import CloseReason, DialFailure
from tinylb.sockets import shortage


class DialError(ConnectError):
    """
    The dial found no backend. It is one of Twisted's C{ConnectError}s, as callers of an endpoint expect.

    @ivar reason: the close reason of the client.
    @ivar causes: one text for each attempt that failed, or why there was none.
    @ivar attempts: how many attempts there were.
    """

    reason = CloseReason.DIAL_FAILED

    def __init__(self, causes: tuple[str, ...], attempts: int) -> None:
        super().__init__(string="; ".join(causes))  # type: ignore[no-untyped-call]
        self.causes = causes
        self.attempts = attempts

    def __str__(self) -> str:
        return "; ".join(self.causes)


class NoBackends(DialError):
    """The set has no backend that takes new connections."""

    reason = CloseReason.NO_BACKENDS


class AllFailed(DialError):
    """Every target of the set was tried once, and failed."""


class DialTimeout(DialError, TimeoutError):
    """The time that a client may wait is over."""

    reason = CloseReason.DIAL_TIMEOUT


class ClientLimit(DialError):
    """There are as many clients as there may be."""

    reason = CloseReason.CLIENT_LIMIT


class Stopping(DialError):
    """The balancer takes no more clients."""

    reason = CloseReason.STOPPING


class DialCancelled(DialError):
    """The dial was cancelled by its caller."""


# Out of descriptors, memory, buffers or ports: whatever the backend does, no attempt would succeed.
_LOCAL = frozenset((errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
_UNREACHABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN))


def explain(failure: Failure) -> tuple[DialFailure, str]:
    """The kind of an attempt's failure and its wording, such as C{"connection refused"}."""
    number = _errno(failure.value)
    if number is None and failure.check(DNSLookupError, UnknownHostError):
        number = shortage()  # a lookup needs descriptors as well, and does not say that it had none
    if number in _LOCAL or failure.check(ConnectBindError):
        kind = DialFailure.LOCAL
    elif failure.check(ConnectionRefusedError):
        kind = DialFailure.REFUSED
    elif failure.check(NoRouteError) or number in _UNREACHABLE:
        kind = DialFailure.UNREACHABLE
    elif isinstance(getattr(failure.value, "osError", None), Failure):
        # Twisted's reactor saw the connection end before it was there, and did not ask the kernel why: as when an ICMP
        # message says that the host, or a firewall, does not take it.
        return DialFailure.UNREACHABLE, "turned away by the network, or by a firewall"
    elif failure.check(TCPTimedOutError, TimeoutError):
        kind = DialFailure.TIMEOUT
    elif number == errno.ECONNRESET:
        kind = DialFailure.RESET
    elif failure.check(DNSLookupError, UnknownHostError):
        kind = DialFailure.NAME
    else:
        kind = DialFailure.OTHER
    return kind, os.strerror(number).lower() if number else _firstLine(failure)


def _errno(error: BaseException | None) -> int | None:
    """Twisted's connect errors carry the number in C{osError}, Python's in C{errno}."""
    number = getattr(error, "osError", None) or getattr(error, "errno", None)
    return number if isinstance(number, int) and number > 0 else None


def _firstLine(failure: Failure) -> str:
    text = failure.getErrorMessage().strip()
    return text.splitlines()[0] if text else type(failure.value).__name__
