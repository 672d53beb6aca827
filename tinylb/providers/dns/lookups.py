"""Asks a resolver, not too much at a time, and says in words why there is no answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IResolver
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSFormatError,
    DNSNameError,
    DNSNotImplementedError,
    DNSQueryRefusedError,
    DNSServerError,
    ResolverError,
)

from tinylb.addresses import quote
from tinylb.providers.dns.answers import Answer, Kind, readAnswer
from tinylb.providers.dns.failures import LookupFailed

T = TypeVar("T")

AT_A_TIME = 16
"""Lookups. Each may have a socket open."""

LONGEST = 30.0
"""Seconds that a resolver may take, whatever it does."""

_WORDS: dict[type[Exception], str] = {
    DNSFormatError: "the resolver does not understand the question (FORMERR)",
    DNSServerError: "the resolver has failed (SERVFAIL)",
    DNSNotImplementedError: "the resolver knows no such questions (NOTIMP)",
    DNSQueryRefusedError: "the resolver refuses to answer (REFUSED)",
}


class Lookups:
    """
    The questions that are under way, and those that wait for their turn.

    @param resolver: makes the one that is asked.
    """

    def __init__(self, clock: IReactorTime, resolver: Callable[[], IResolver]) -> None:
        self._clock = clock
        self._resolver = resolver
        self._free = AT_A_TIME
        self._waiting: deque[Deferred[None]] = deque()
        self._granting: IDelayedCall | None = None

    def ask(self, name: str, kind: Kind[T]) -> Deferred[Answer[T]]:
        """
        @return: fires with the answer, also where that is that there is nothing, or fails with L{LookupFailed}. When it
            is cancelled, the resolver's is.
        """
        return Deferred.fromCoroutine(self._ask(name, kind))

    def close(self) -> None:
        """To be called when nobody waits any more."""
        granting, self._granting = self._granting, None
        if granting is not None:
            granting.cancel()

    async def _ask(self, name: str, kind: Kind[T]) -> Answer[T]:
        await self._turn()
        try:
            lookup = maybeDeferred(kind.lookUp, self._resolver(), name)
            answers, _, _ = await lookup.addTimeout(LONGEST, self._clock)
            return readAnswer(kind, name, answers)
        except LookupFailed:
            raise
        except (DNSNameError, AuthoritativeDomainError):
            return Answer(exists=False)
        except TimeoutError:
            raise LookupFailed("the resolver does not answer") from None
        except ResolverError as error:
            raise LookupFailed(str(error)) from None
        except (DNSFormatError, DNSServerError, DNSNotImplementedError, DNSQueryRefusedError) as error:
            raise LookupFailed(_WORDS[type(error)]) from None
        except Exception as error:  # whatever a resolver, which may be anybody's, fails with, or answers
            raise LookupFailed(f"{type(error).__name__}: {quote(str(error))}") from None
        finally:
            self._done()

    def _turn(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        self._grant()
        return turn

    def _done(self) -> None:
        """Others come later: whoever ends many lookups does not begin with those that wait."""
        self._free += 1
        if self._waiting and self._granting is None:
            self._granting = self._clock.callLater(0, self._grantLater)

    def _grantLater(self) -> None:
        self._granting = None
        self._grant()

    def _grant(self) -> None:
        while self._free and self._waiting:
            self._free -= 1
            self._waiting.popleft().callback(None)
