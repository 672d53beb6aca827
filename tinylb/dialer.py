"""The dialer: turns "this client needs a backend" into one connection, or one clear failure."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime

from tinylb.dial import Dial
from tinylb.late import Late
from tinylb.manners import Manners
from tinylb.observers import Tell
from tinylb.registry import Registry
from tinylb.room import Room
from tinylb.search import Connected, DialRules, Seeker
from tinylb.selection import Selection
from tinylb.settings import checkAtLeast


class Dialer:
    """
    Tries the backends of the current set, each target once, until one connects or the time is over.
    When an attempt fails, the next one starts at once. When it has not succeeded after the attempt delay,
    the next one starts beside it, as in RFC 8305 (Happy Eyeballs) for the addresses of one host; the
    first to connect wins, and the others are cancelled before they see a byte.

    @param clock: monotonic.
    @param timeout: seconds that one client may wait in all.
    @param attemptDelay: seconds to wait for one backend before trying the next beside it; a
        millisecond at least.
    @param tell: is told of picks and failed attempts.
    @raise ValueError: when one of these times is negative.
    """

    def __init__(
        self,
        clock: IReactorTime,
        selection: Selection,
        registry: Registry,
        *,
        timeout: float,
        attemptDelay: float,
        tell: Tell,
    ) -> None:
        checkAtLeast(0, dialTimeout=timeout, attemptDelay=attemptDelay)
        attemptDelay = max(attemptDelay, 0.001)
        room = Room(clock)
        self._rules = DialRules(
            clock,
            selection,
            registry,
            room,
            Manners(clock, selection, room, attemptDelay=attemptDelay, longest=timeout / 2),
            timeout,
            attemptDelay,
            tell,
            Late(clock, min(timeout, attemptDelay) / 2),
        )

    def prepare(self, factory: IProtocolFactory, client: IAddress | None, seeker: Seeker, waited: float = 0.0) -> Dial:
        """
        A dial, which the caller has to start.

        @param factory: builds one protocol, for the connection that won.
        @param client: the client's address, passed on to observers.
        @param seeker: is told how it ended.
        @param waited: seconds that the client has waited before.
        """
        return Dial(self._rules, factory, client, seeker, waited)

    def dial(self, factory: IProtocolFactory, client: IAddress | None = None) -> Deferred[Connected]:
        """
        Find a backend; for the parameters see L{prepare}.

        @return: a L{Deferred} that fires with L{Connected} or fails with a
            L{DialError <tinylb.failures.DialError>}. Cancelling it cancels every attempt.
        """
        result: Deferred[Connected] = Deferred(lambda _: dial.cancel())
        dial = self.prepare(factory, client, _Firing(result))
        dial.start()
        return result


class _Firing:
    """Fires a Deferred when a dial has ended."""

    def __init__(self, result: Deferred[Connected]) -> None:
        self._result = result

    def found(self, connected: Connected) -> None:
        self._result.callback(connected)

    def notFound(self, error: Exception) -> None:
        if not self._result.called:  # an observer that was told of a failure may have cancelled it
            self._result.errback(error)
