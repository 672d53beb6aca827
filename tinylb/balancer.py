"""The balancer: accepts clients, joins each to a backend in a pair, and follows changes of the backend set."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime

from tinylb.backends import BackendSet
from tinylb.clock import monotonicClock, release
from tinylb.dialer import Dialer
from tinylb.drain import Drain
from tinylb.entrance import Entrance
from tinylb.events import ClientUnserved, CloseReason, Verdict
from tinylb.failures import ClientLimit, DialError, Stopping
from tinylb.findings import Finding
from tinylb.interfaces import IBackend, IPolicy
from tinylb.outcome import Outcome
from tinylb.pair import PairRules
from tinylb.policy import RoundRobin
from tinylb.pool import Pool
from tinylb.reception import Reception, Waiting
from tinylb.relay.engines import Engines
from tinylb.settings import checkAtLeast
from tinylb.wording import counted

_STOPPING = Stopping((), 0)


class BalancerOptions(TypedDict, total=False):
    """The keyword options of a L{LoadBalancer}, for callers that pass them on."""

    policy: IPolicy
    dialTimeout: float
    attemptDelay: float
    halfCloseTimeout: float
    idleTimeout: float
    keepalive: float
    maxConnections: int | None
    onDown: str
    relay: str
    random: Callable[[], float]
    clock: IReactorTime | None


class LoadBalancer(Entrance):
    """
    Joins each client that connects to a backend of the current set, and ends every connection to
    a target the moment that target leaves the set.

    Times are seconds.

    @param reactor: the one that clients' and backends' connections use.
    @param policy: picks the next backend, an L{IPolicy}.
    @param dialTimeout: how long one client may wait in all.
    @param attemptDelay: how long to wait for one backend before trying the next beside it.
    @param halfCloseTimeout: the idle limit of a half-closed pair; 0 for none.
    @param idleTimeout: the idle limit of a pair; 0 for none.
    @param keepalive: silence before an idle peer is probed; 0 for never.
    @param maxConnections: clients beyond it are closed at once; L{None} for no limit.
    @param onDown: what becomes of the open connections of a dead target: C{"abort"}, or C{"keep"}.
    @param relay: the engine of the relay: C{"auto"}, C{"kernel"} or C{"stream"}; see
        L{Engines <tinylb.relay.engines.Engines>}.
    @param random: gives numbers in [0, 1); it decides where the policy begins.
    @param clock: monotonic; by default the one that goes with the reactor.
    @raise TypeError: when the policy is none.
    @raise ValueError: when a number is too small, or C{onDown} or C{relay} is no such word.
    @ivar observers: a list of L{IObserver <tinylb.interfaces.IObserver>}; the log is one of them.
    @ivar backends: the current set; empty until L{replaceBackends}.
    @ivar unserved: how many clients got no backend, by close reason.
    @ivar clock: the clock.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        policy: IPolicy | None = None,
        dialTimeout: float = 10.0,
        attemptDelay: float = 0.25,
        halfCloseTimeout: float = 300.0,
        idleTimeout: float = 0.0,
        keepalive: float = 30.0,
        maxConnections: int | None = None,
        onDown: str = "abort",
        relay: str = "auto",
        random: Callable[[], float] = systemRandom.random,
        clock: IReactorTime | None = None,
    ) -> None:
        if maxConnections is not None:
            checkAtLeast(1, maxConnections=maxConnections)
        self.clock = clock = clock or monotonicClock(reactor)
        self._pool = Pool(clock, RoundRobin() if policy is None else policy, random, onDown)
        self._registry = self._pool.registry
        self.observers = self._pool.observers
        self.unserved = dict.fromkeys(CloseReason, 0)
        self._maxConnections = maxConnections
        self._full = ClientLimit((f"more than {counted(maxConnections or 0, 'client')} at once",), 0)
        self._drain: Drain | None = None
        self._waiting: dict[Waiting, None] = {}
        self._engines = Engines(reactor, relay)
        reception = Reception(
            dialer=Dialer(
                clock,
                self._pool.selection,
                self._registry,
                timeout=dialTimeout,
                attemptDelay=attemptDelay,
                tell=self.observers.tell,
            ),
            rules=PairRules(
                clock,
                self._registry,
                self._engines,
                self.observers.tell,
                idleTimeout=idleTimeout,
                halfCloseTimeout=halfCloseTimeout,
                keepalive=keepalive,
            ),
            waiting=self._waiting,
            refusal=self._refusal,
            unserved=self._countUnserved,
            patience=dialTimeout,
        )
        super().__init__(reception)

    @property
    def backends(self) -> BackendSet:
        """The current set."""
        return self._pool.selection.backends

    @property
    def isReady(self) -> bool:
        """Whether a backend is usable."""
        return self._pool.selection.isUsable()

    @property
    def connections(self) -> int:
        """How many pairs there are."""
        return self._registry.connections

    @property
    def maxConnections(self) -> int | None:
        """How many clients there may be at once; L{None} for no limit."""
        return self._maxConnections

    def entrance(self, *, proxyProtocol: bool = False) -> Entrance:
        """
        A further factory for this balancer, for the clients of one listener, whose events name that listener.

        @param proxyProtocol: whether each client begins with a header of the PROXY protocol, which says who it is.
        """
        return Entrance(self._reception, proxyProtocol=proxyProtocol)

    @property
    def pool(self) -> Pool:
        """The live set behind this balancer, for attachments for which L{describe} would cost too much."""
        return self._pool

    @property
    def waiting(self) -> int:
        """How many clients wait for a backend."""
        return len(self._waiting)

    def replaceBackends(self, backends: Mapping[str, IBackend]) -> None:
        """
        Make another set the current one. In the same turn of the reactor every pair of a target that
        is gone is aborted on both sides, and every dial to it is cancelled and its client dialled
        elsewhere.

        @param backends: a L{BackendSet}, or what one is made from.
        """
        self._pool.replace(backends if isinstance(backends, BackendSet) else BackendSet(backends))

    def setVerdict(self, target: str, verdict: Verdict, why: str, *, by: str = "application") -> None:
        """
        Take a verdict on a target's health. It decides how the target is preferred for new connections;
        the open connections of a dead target are aborted, unless no backend is ready. A target that is
        not in the set is ignored.

        @param by: the source of the verdict. What several sources say is kept side by side, and the worst counts;
            dialling is one of the sources.
        @raise ValueError: when there is no such verdict.
        """
        self.judge(target, Finding(Verdict(verdict), str(why)), by=by)

    def judge(self, target: str, finding: Finding, *, by: str) -> None:
        """The same as L{setVerdict}, for a source that knows more than a verdict and its reason."""
        self._pool.judge(target, finding, by=by)

    def answered(self, target: str) -> None:
        """A target was reached by other means than a dial. If it rests because it refused clients, its rest ends."""
        self._pool.rests.answered(target)

    def turnedAway(self, client: IAddress | None, listener: str | None, why: str) -> None:
        """Count a client that was closed before it came here, as by a listening port that is out of descriptors."""
        self._countUnserved(client, CloseReason.CLIENT_LIMIT, ClientLimit((why,), 0), 0.0, listener)

    def describe(self, *, addsUp: bool = True) -> dict[str, Any]:
        """
        What the balancer knows, as plain data: C{ready} (a backend is usable), C{revision} (counts the
        distinct sets), C{connections}, C{maxConnections} (how many there may be), C{dialing} (clients that
        wait for a backend), C{unserved} (clients that got no backend, by close reason) and C{backends}, a
        list in order of id. Counts are kept by target, so two ids that share one show the same numbers;
        C{bytesIn} is client to backend.

        @param addsUp: whether the bytes of open connections are included, which takes a moment for each of them.
        """
        return {
            **self._pool.describe(addsUp=addsUp),
            "maxConnections": self._maxConnections,
            "dialing": len(self._waiting),
            "unserved": {reason.value: count for reason, count in self.unserved.items() if count},
        }

    def explain(self) -> list[dict[str, str | None]]:
        """
        The latest decisions, the newest first: C{time} (ISO 8601, UTC), C{backend}, C{target}, C{what} (a verdict, or
        C{added}, C{removed}, C{moved}, C{changed}, C{target removed}) and C{why}. Backends that are C{picked} or
        C{passed over} at present are among them, with the time since when, and how many picks that was. The list is
        bounded.
        """
        return self._pool.explain()

    def drain(self, seconds: float, grace: float = 0.0) -> Deferred[None]:
        """
        Come to an end: refuse clients, cancel dials, let pairs finish.

        @param seconds: how long pairs may take to finish; those that are left then are aborted.
        @param grace: how long dials that are under way may take before they are cancelled, within C{seconds}. Most are
            over in no time, and their clients came before the drain began.

        @return: a L{Deferred} that fires when nothing is left. To cancel it is only to wait no more.
        """
        self._endDrain()
        ended = Outcome()
        drain = self._drain = Drain(self.clock, self._registry, self._waiting, seconds=seconds, grace=grace)
        drain.start().addCallback(lambda _: self._drained(drain)).addCallback(lambda _: ended.succeed())
        return ended.when()

    def resume(self) -> None:
        """Serve clients again after L{drain}. Pairs that it has not aborted yet go on."""
        self._endDrain()
        self._pool.resume()

    def _endDrain(self) -> None:
        drain, self._drain = self._drain, None
        if drain is not None:
            drain.cancel()

    def _drained(self, drain: Drain) -> None:
        if self._drain is not drain:
            return  # another drain has taken its place, or L{resume} has ended it
        drain.cancel()
        self._pool.suspend()
        release(self.clock)
        self._engines.release()

    def _refusal(self) -> DialError | None:
        if self._drain is not None:
            return _STOPPING
        clients = self._registry.connections + len(self._waiting)
        isFull = self._maxConnections is not None and clients >= self._maxConnections
        return self._full if isFull else None

    def _countUnserved(
        self, client: IAddress | None, reason: CloseReason, error: DialError, seconds: float, listener: str | None
    ) -> None:
        self.unserved[reason] += 1
        self.observers.tell(ClientUnserved, client, reason, error.causes, error.attempts, seconds, listener)
