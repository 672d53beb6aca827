"""The balancer: accept, dial, pair, registry; and a set of backends that changes under it."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable
from typing import Any, TypedDict

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.protocol import Factory

from tinylb.acceptor import Acceptor
from tinylb.arrival import Arrival, Reception
from tinylb.backends import BackendSet, Member
from tinylb.clock import monotonicClock, release
from tinylb.dialer import Dialer
from tinylb.ends import End
from tinylb.events import BackendsReplaced, ClientUnserved, CloseReason, TargetRemoved, Verdict, VerdictChanged
from tinylb.failures import DialError
from tinylb.interfaces import IPolicy
from tinylb.logs import LogObserver
from tinylb.observers import Observers
from tinylb.pair import PairRules
from tinylb.policy import RoundRobin
from tinylb.registry import Registry
from tinylb.relay.engines import Engines
from tinylb.selection import Finding, Selection


class BalancerOptions(TypedDict, total=False):
    """The keyword options of a L{LoadBalancer}, for whoever passes them on."""

    policy: IPolicy
    dialTimeout: float
    attemptDelay: float
    halfCloseTimeout: float
    idleTimeout: float
    keepalive: float
    maxConnections: int | None
    relay: str
    random: Callable[[], float]
    clock: IReactorTime | None


class LoadBalancer(Factory):
    """
    Joins each client that connects to a backend of the current set, and ends every connection to
    a target the moment that target leaves the set.

    Times are seconds.

    @param reactor: as clients and backends use it.
    @param policy: picks the next backend, an L{IPolicy}.
    @param dialTimeout: how long one client may wait in all.
    @param attemptDelay: how long to wait for one backend before trying the next beside it.
    @param halfCloseTimeout: the idle limit of a half-closed pair; 0 for none.
    @param idleTimeout: the idle limit of a pair; 0 for none.
    @param keepalive: silence before an idle peer is probed; 0 for never.
    @param maxConnections: clients beyond it are closed at once; L{None} for no limit.
    @param relay: the engine of the relay: C{"auto"}, C{"kernel"} or C{"stream"}; see
        L{Engines <tinylb.relay.engines.Engines>}.
    @param random: gives numbers in [0, 1); where the policy begins.
    @param clock: monotonic; by default the one that goes with the reactor.
    @ivar observers: a list of L{IObserver <tinylb.interfaces.IObserver>}; the log is one of them.
    @ivar backends: the current set; empty until L{replaceBackends}.
    @ivar unserved: how many clients got no backend, by close reason.
    @ivar clock: the clock.
    """

    noisy = False

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
        relay: str = "auto",
        random: Callable[[], float] = systemRandom.random,
        clock: IReactorTime | None = None,
    ) -> None:
        self.clock = clock = clock or monotonicClock(reactor)
        self._logObserver = LogObserver(clock)
        self.observers = Observers([self._logObserver])
        self.unserved = dict.fromkeys(CloseReason, 0)
        self._registry = Registry()
        self._selection = Selection(policy or RoundRobin(), random, self._registry)
        self._maxConnections = maxConnections
        self._stopping = False
        self._deadline: IDelayedCall | None = None
        self._waiting: dict[Arrival, None] = {}
        self._engines = Engines(reactor, relay)
        self._reception = Reception(
            dialer=Dialer(
                clock,
                self._selection,
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
        )

    @property
    def backends(self) -> BackendSet:
        """The current set."""
        return self._selection.backends

    def buildProtocol(self, addr: IAddress | None) -> End:
        """A client connects. See L{Factory.buildProtocol}."""
        return End(Arrival(self._reception, addr))

    def accept(self, port: IListeningPort) -> Acceptor | None:
        """
        Accept for a port that was listened on with this factory, at less cost than the port does. Closing it is still
        the caller's; it stops the acceptor before. Not for a subclass that wraps the protocols which L{buildProtocol}
        gives: theirs are not complete transports.

        @return: L{None} when the port goes on by itself, as one with TLS.
        """
        return self._engines.accept(port, self)

    def replaceBackends(self, backends: BackendSet) -> None:
        """
        Make another set the current one. In the same turn of the reactor every pair of a target that
        is gone is aborted on both sides, and every dial to it is cancelled and its client dialled
        elsewhere.
        """
        with self.observers.held():
            change = self._selection.replace(backends)
            if change.distinct:
                self.observers.tell(
                    BackendsReplaced,
                    revision=self._selection.revision,
                    backends=tuple((member.id, member.target) for member in backends.members),
                    added=change.added,
                    removed=change.removed,
                    moved=change.moved,
                )
            for target in sorted(change.gone):
                pairs = self._registry.abortPairs(target, CloseReason.TARGET_REMOVED)
                dials = self._registry.abortAttempts(target, CloseReason.TARGET_REMOVED)
                self.observers.tell(TargetRemoved, target, pairs, dials)
            self._endTheDead()

    def setVerdict(self, target: str, verdict: Verdict, why: str) -> None:
        """
        Somebody has found out how a target is. It gets new connections as its verdict prefers it;
        those of a dead one are aborted, unless nothing else is usable. A target that is not in
        the set is nobody's concern.
        """
        with self.observers.held():
            if self._selection.setFinding(target, Finding(verdict, why)):
                ended = self._endTheDead()
                self.observers.tell(VerdictChanged, target, verdict, why, ended.get(target, 0))

    def describe(self) -> dict[str, Any]:
        """
        What the balancer knows, as plain data: C{ready} (a backend is usable), C{revision} (counts the
        distinct sets), C{connections}, C{dialing} (clients that wait for a backend), C{unserved}
        (clients that got no backend, by close reason) and C{backends}, a list in order of id. What is
        counted is counted by target, so two ids that share one show the same numbers; C{bytesIn} is
        client to backend.
        """
        return {
            "ready": self._selection.isUsable(),
            "revision": self._selection.revision,
            "connections": self._registry.connections,
            "dialing": len(self._waiting),
            "unserved": {reason.value: count for reason, count in self.unserved.items() if count},
            "backends": [self._describeMember(member) for member in self.backends.members],
        }

    def drain(self, seconds: float) -> Deferred[None]:
        """
        Come to an end: refuse clients, cancel dials, let pairs finish.

        @param seconds: how long they may; the rest is aborted then.

        @return: a L{Deferred} that fires when nothing is left.
        """
        self._stopping = True
        for arrival in tuple(self._waiting):
            arrival.stop()
        self._setDeadline(self.clock.callLater(seconds, self._abortAll))
        return self._registry.whenEmpty().addCallback(self._drained)

    def resume(self) -> None:
        """Serve clients again after L{drain}. What it has not aborted yet goes on."""
        self._stopping = False
        self._setDeadline(None)

    def _setDeadline(self, deadline: IDelayedCall | None) -> None:
        former, self._deadline = self._deadline, deadline
        if former is not None:
            former.cancel()

    def _endTheDead(self) -> dict[str, int]:
        """Those that were spared for want of anything better go as soon as something is usable."""
        dead = self._selection.dead() if self._selection.isUsable() else ()
        return {target: self._registry.abortPairs(target, CloseReason.TARGET_DEAD) for target in dead}

    def _abortAll(self) -> None:
        self._deadline = None
        for record in self._registry:
            self._registry.abortPairs(record.target, CloseReason.STOPPING)

    def _drained(self, _: None) -> None:
        self._setDeadline(None)
        self._logObserver.close()
        release(self.clock)
        self._engines.release()

    def _refusal(self) -> CloseReason | None:
        if self._stopping:
            return CloseReason.STOPPING
        clients = self._registry.connections + len(self._waiting)
        isFull = self._maxConnections is not None and clients >= self._maxConnections
        return CloseReason.CLIENT_LIMIT if isFull else None

    def _countUnserved(self, client: IAddress | None, reason: CloseReason, error: DialError, seconds: float) -> None:
        self.unserved[reason] += 1
        self.observers.tell(ClientUnserved, client, reason, error.causes, error.attempts, seconds)

    def _describeMember(self, member: Member) -> dict[str, Any]:
        record = self._registry.record(member.target)
        finding = self._selection.findingOf(member)
        return {
            "id": member.id,
            "target": member.target,
            "state": finding.verdict.value,
            "why": finding.why,
            "tier": member.tier,
            "weight": member.weight,
            "connections": len(record.pairs),
            "opened": record.opened,
            "failed": record.failed,
            "bytesIn": record.bytesIn + sum(pair.bytesIn for pair in record.pairs),
            "bytesOut": record.bytesOut + sum(pair.bytesOut for pair in record.pairs),
        }
