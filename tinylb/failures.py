"""What an attempt's failure means: its kind, and a few words for people."""

from __future__ import annotations

import errno
import os

from twisted.internet.error import (
    ConnectBindError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.python.failure import Failure

from tinylb.events import DialFailure

# Out of descriptors, memory, buffers or ports: whatever the backend does, no attempt would succeed.
_LOCAL = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL))
_UNREACHABLE = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN))


def explain(failure: Failure) -> tuple[DialFailure, str]:
    """The kind of an attempt's failure and its wording, such as C{"connection refused"}."""
    number = _errno(failure.value)
    if number in _LOCAL or failure.check(ConnectBindError):
        kind = DialFailure.LOCAL
    elif failure.check(ConnectionRefusedError):
        kind = DialFailure.REFUSED
    elif failure.check(NoRouteError) or number in _UNREACHABLE:
        kind = DialFailure.UNREACHABLE
    elif failure.check(TCPTimedOutError, TimeoutError):
        kind = DialFailure.TIMEOUT
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
