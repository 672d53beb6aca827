"""The dialer: turns "this client needs a backend" into one connection, or one clear failure."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime

from tinylb.dial import Connected, Dial, DialRules
from tinylb.events import Event
from tinylb.registry import Registry
from tinylb.room import Room
from tinylb.selection import Selection


class Dialer:
    """
    Tries the backends of the current set, each target once, until one connects or the time is over.
    An attempt that fails starts the next at once. One that has not succeeded after the attempt delay
    has the next started beside it, as RFC 8305 (Happy Eyeballs) does for the addresses of one host;
    the first to connect wins, and the others are cancelled before they see a byte.

    @param clock: monotonic.
    @param timeout: seconds that one client may wait in all.
    @param attemptDelay: seconds to wait for one backend before trying the next beside it; a
        millisecond at least.
    @param tell: is told of picks and failed attempts.
    """

    def __init__(
        self,
        clock: IReactorTime,
        selection: Selection,
        registry: Registry,
        *,
        timeout: float,
        attemptDelay: float,
        tell: Callable[[Event], None],
    ) -> None:
        self._rules = DialRules(clock, selection, registry, Room(clock), timeout, max(attemptDelay, 0.001), tell)

    def dial(self, factory: IProtocolFactory, client: IAddress | None = None) -> Deferred[Connected]:
        """
        Find a backend.

        @param factory: builds one protocol, for the connection that won.
        @param client: for whom; passed on to observers.

        @return: a L{Deferred} that fires with L{Connected} or fails with a
            L{DialError <tinylb.failures.DialError>}. Cancelling it cancels every attempt.
        """
        return Dial(self._rules, factory, client).start()
