"""The dialer: turns "this client needs a backend" into one connection, or one clear failure."""

from __future__ import annotations

from collections.abc import Callable, Container

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime

from tinylb.dial import Connected, Dial
from tinylb.events import Event
from tinylb.registry import Registry
from tinylb.selection import Candidate, Selection

# A black hole holds each attempt for the whole attempt delay. Beyond the bound clients go elsewhere.
ATTEMPTS_PER_TARGET = 256


class Dialer:
    """
    Tries the backends of the current set, each target once, until one connects or the time is over.
    An attempt that fails starts the next at once. One that has not succeeded after the attempt delay
    has the next started beside it, as RFC 8305 (Happy Eyeballs) does for the addresses of one host;
    the first to connect wins, and the others are cancelled before they see a byte.

    @param clock: monotonic.
    @param timeout: seconds that one client may wait in all.
    @param attemptDelay: seconds to wait for one backend before trying the next beside it.
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
        self.clock = clock
        self.selection = selection
        self.registry = registry
        self.timeout = timeout
        self.attemptDelay = attemptDelay
        self.tell = tell
        self._queue: dict[Dial, None] = {}

    def dial(self, factory: IProtocolFactory, client: IAddress | None = None) -> Deferred[Connected]:
        """
        Find a backend.

        @param factory: builds one protocol, for the connection that won.
        @param client: for whom; passed on to observers.

        @return: a L{Deferred} that fires with L{Connected} or fails with a
            L{DialError <tinylb.dial.DialError>}. Cancelling it cancels every attempt.
        """
        return Dial(self, factory, client).start()

    def pick(self, tried: Container[str]) -> Candidate | None:
        """The next candidate for a client that has tried these targets."""
        return self.selection.pick(tried, _hasRoom)

    def waitForRoom(self, dial: Dial) -> None:
        """Every target this dial has not tried is at its bound: it goes on when one of them has room."""
        self._queue[dial] = None

    def leaveQueue(self, dial: Dial) -> None:
        """The dial waits no longer."""
        self._queue.pop(dial, None)

    def madeRoom(self, target: str) -> None:
        """An attempt is over: who has waited longest, and can use the room, gets it."""
        for dial in self._queue:
            if target not in dial.tried:
                self.leaveQueue(dial)
                dial.advance()
                return


def _hasRoom(candidate: Candidate) -> bool:
    return len(candidate.record.attempts) < ATTEMPTS_PER_TARGET
