"""The balancer as a client endpoint, for Twisted programs that connect to the backends with no proxy between."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from zope.interface import implementer

from tinylb.backends import BackendSet
from tinylb.clock import monotonicClock, release
from tinylb.dialer import Dialer
from tinylb.events import Verdict
from tinylb.failures import DialTimeout
from tinylb.findings import Finding
from tinylb.follower import Follower
from tinylb.interfaces import IPolicy, IProvider
from tinylb.outgoing import Connecting
from tinylb.policy import RoundRobin
from tinylb.pool import Pool


@implementer(IStreamClientEndpoint)
class BalancedEndpoint:
    """
    Connects to a backend of the current set, picked, tried and judged as L{LoadBalancer <tinylb.LoadBalancer>} does it.
    The moment a target leaves the set its connections are reset. The provider is watched only while a connection is
    wanted or open.

    Times are seconds.

    @param reactor: the one that the backends use.
    @param provider: an L{IProvider}.
    @param policy: picks the next backend, an L{IPolicy}.
    @param dialTimeout: how long one L{connect} may take in all.
    @param attemptDelay: how long to wait for one backend before trying the next beside it.
    @param onDown: what becomes of the open connections of a dead target: C{"abort"}, or C{"keep"}.
    @param random: gives numbers in [0, 1); it decides where the policy begins.
    @param clock: monotonic; by default the one that goes with the reactor.
    @ivar observers: a list of L{IObserver <tinylb.interfaces.IObserver>}; the log is one of them.
    @ivar clock: the clock.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        provider: IProvider,
        *,
        policy: IPolicy | None = None,
        dialTimeout: float = 10.0,
        attemptDelay: float = 0.25,
        onDown: str = "abort",
        random: Callable[[], float] = systemRandom.random,
        clock: IReactorTime | None = None,
    ) -> None:
        self.clock = clock = clock or monotonicClock(reactor)
        self._pool = Pool(clock, RoundRobin() if policy is None else policy, random, onDown)
        self.observers = self._pool.observers
        self._timeout = dialTimeout
        self._dialer = Dialer(
            clock,
            self._pool.selection,
            self._pool.registry,
            timeout=dialTimeout,
            attemptDelay=attemptDelay,
            tell=self.observers.tell,
        )
        self._follower = Follower(clock, provider, self._take, random)
        self._connecting: dict[Connecting, None] = {}
        self._isFollowing = False

    @property
    def backends(self) -> BackendSet:
        """The last set that the provider published; empty before the first."""
        return self._pool.selection.backends

    def __repr__(self) -> str:
        return f"<BalancedEndpoint {self._follower.describe()['source']}>"

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect to a backend. While there has been no set, this waits for the first one.

        @return: a L{Deferred} that fires with the factory's protocol, connected; or fails with a
            L{DialError <tinylb.failures.DialError>}, or with L{NoProtocol <twisted.internet.error.NoProtocol>} when the
            factory gives none. Cancelling it ends every attempt.
        """
        try:
            protocolFactory.doStart()
        except Exception:
            return fail()
        connecting = Connecting(self._dialer, self._pool.registry, protocolFactory, self._over)
        self._connecting[connecting] = None
        if not self._isFollowing:
            self._isFollowing = True
            self._pool.resume()
            self._follower.start()
        if self._pool.selection.revision:
            connecting.start()
        else:
            connecting.wait(self.clock.callLater(self._timeout, self._timedOut, connecting))
        return connecting.result

    def setVerdict(self, target: str, verdict: Verdict, why: str, *, by: str = "application") -> None:
        """See L{LoadBalancer.setVerdict <tinylb.LoadBalancer.setVerdict>}."""
        self.judge(target, Finding(Verdict(verdict), str(why)), by=by)

    def judge(self, target: str, finding: Finding, *, by: str) -> None:
        """See L{LoadBalancer.judge <tinylb.LoadBalancer.judge>}."""
        self._pool.judge(target, finding, by=by)

    def answered(self, target: str) -> None:
        """See L{LoadBalancer.answered <tinylb.LoadBalancer.answered>}."""
        self._pool.rests.answered(target)

    def describe(self) -> dict[str, Any]:
        """
        What is known, as plain data: as L{LoadBalancerService.describe <tinylb.LoadBalancerService.describe>}, but
        bytes are not counted. C{dialing} is how many calls of L{connect} wait for their connection.
        """
        described = self._pool.describe()
        for backend in described["backends"]:
            del backend["bytesIn"], backend["bytesOut"]
        dialing = sum(not each.isOpen for each in self._connecting)
        return {**described, "dialing": dialing, "provider": self._follower.describe()}

    def explain(self) -> list[dict[str, str | None]]:
        """See L{LoadBalancer.explain <tinylb.LoadBalancer.explain>}."""
        return self._pool.explain()

    def _take(self, backends: BackendSet) -> None:
        self._pool.replace(backends)
        for connecting in tuple(self._connecting):
            connecting.start()

    def _timedOut(self, connecting: Connecting) -> None:
        trouble = self._follower.describe()["error"]
        connecting.notFound(DialTimeout((f"no backends are known yet{(trouble and ': ' + trouble) or ''}",), 0))

    def _over(self, connecting: Connecting) -> None:
        """When no connection is wanted or open any more, stop following the provider."""
        del self._connecting[connecting]
        if not self._connecting:
            self._isFollowing = False
            self._follower.stop()
            self._pool.suspend()
            release(self.clock)
