"""The status endpoint as a Twisted service."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.addresses import spell
from tinylb.clock import monotonicClock, release
from tinylb.listeners import Listeners
from tinylb.service import LoadBalancerService
from tinylb.status.connections import MOST, Connections
from tinylb.status.feed import Feed
from tinylb.status.hosts import isLoopback
from tinylb.status.paths import Metrics, Paths
from tinylb.status.site import Site


class State(Enum):
    """What the service was last asked for."""

    STOPPED = "stopped"
    STARTED = "started"


class StatusService(Service):
    """
    Shows a balancer over HTTP: a page, metrics, health, its state, and what happens. Everybody who can reach the
    endpoint may look; nothing can be changed, and what is asked costs the balancer little, whoever asks.

    @param reactor: the one that the endpoint uses.
    @param endpoint: where to listen. On loopback addresses only requests that name it by an IP address, or
        C{localhost}, are taken; elsewhere, by any name.
    @param metrics: what C{/metrics} shows, started and stopped with this; L{None} for none.
    @param connections: so many of its own stay open, whoever asks.
    @param clock: monotonic; by default the one that goes with the reactor.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamServerEndpoint,
        balancer: LoadBalancerService,
        *,
        metrics: Metrics | None = None,
        connections: int = MOST,
        clock: IReactorTime | None = None,
    ) -> None:
        self._clock = clock = clock or monotonicClock(reactor)
        self._endpoint = endpoint
        self._state = State.STOPPED
        self._metrics = metrics
        feed = Feed(balancer.balancer.observers, clock)
        site = Site(Paths(balancer, feed, metrics), lambda: isLoopback(self.hosts), clock)
        self._connections = Connections(site, clock, connections)
        self._listeners = self._newListeners()

    @property
    def hosts(self) -> Sequence[IAddress]:
        """The address listened on, if it is."""
        return self._listeners.hosts

    def whenListening(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when the endpoint is listened on, or fails with
            L{CannotListen <tinylb.listeners.CannotListen>}.
        """
        return self._listeners.outcome.when()

    def privilegedStartService(self) -> None:
        """Listen while ports below 1024 may be had."""
        Service.privilegedStartService(self)
        self._begin()

    def startService(self) -> None:
        """
        See L{Service.startService}.

        @raise tinylb.listeners.CannotListen: when that is known at once. Otherwise L{whenListening} tells.
        """
        Service.startService(self)
        self._begin()

    def stopService(self) -> Deferred[None]:
        """
        Listen no more, and end what is open at once.

        @return: a L{Deferred} that fires when everything has ended. The service may be started again.
        """
        Service.stopService(self)
        self._state = State.STOPPED
        if self._metrics is not None:
            self._metrics.stop()
        ended = DeferredList([self._listeners.close(), self._connections.close()])
        return ended.addCallback(lambda _: release(self._clock))

    def _newListeners(self) -> Listeners:
        return Listeners([self._endpoint], [self._connections], lambda *_: None, lambda *_: None)

    def _begin(self) -> None:
        if self._state is State.STARTED:
            return
        self._state = State.STARTED
        if self._metrics is not None:
            self._metrics.start()
        if self._listeners.outcome.isKnown:
            self._listeners = self._newListeners()
        failures: list[Failure] = []
        self._listeners.outcome.when().addCallbacks(self._listening, self._cannotListen, errbackArgs=(failures,))
        self._listeners.open()
        if failures:
            failures[0].raiseException()

    def _listening(self, _: None) -> None:
        self._log.info("Status at {hosts}", hosts=", ".join(map(spell, self.hosts)))

    def _cannotListen(self, failure: Failure, failures: list[Failure]) -> None:
        failures.append(failure)
        self._state = State.STOPPED
        if self._metrics is not None:
            self._metrics.stop()
