"""Asks a resolver, with a limit on lookups at a time, and says in words why there is no answer."""

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
"""The most lookups under way at a time. Each may have a socket open."""

LONGEST = 30.0
"""Seconds that a resolver may take for a lookup, whatever it does."""

_WORDS: dict[type[Exception], str] = {
    DNSFormatError: "the resolver does not understand the question (FORMERR)",
    DNSServerError: "the resolver has failed (SERVFAIL)",
    DNSNotImplementedError: "the resolver does not know such questions (NOTIMP)",
    DNSQueryRefusedError: "the resolver refuses to answer (REFUSED)",
}


class Lookups:
    """
    The questions that are under way, and those that wait for their turn.

    @param resolver: gives the resolver that is asked.
    """

    def __init__(self, clock: IReactorTime, resolver: Callable[[], IResolver]) -> None:
        self._clock = clock
        self._resolver = resolver
        self._free = AT_A_TIME
        self._waiting: deque[Deferred[None]] = deque()
        self._granting: IDelayedCall | None = None

    def ask(self, name: str, kind: Kind[T]) -> Deferred[Answer[T]]:
        """
        @return: fires with the answer, even if that has no records, or fails with L{LookupFailed}. Cancelling it
            cancels the resolver's lookup.
        """
        return Deferred.fromCoroutine(self._ask(name, kind))

    def close(self) -> None:
        """Call this when no answer is waited for any more."""
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
        except Exception as error:  # a third party's resolver may raise or answer anything
            raise LookupFailed(f"{type(error).__name__}: {quote(str(error))}") from None
        finally:
            self._done()

    def _turn(self) -> Deferred[None]:
        turn: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(turn)
        self._grant()
        return turn

    def _done(self) -> None:
        """Waiting lookups begin in a later turn: a caller that cancels many lookups must not start others meanwhile."""
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
