"""The status endpoint as a Twisted service."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.addresses import spell
from tinylb.clock import monotonicClock, release
from tinylb.inherited import inherited
from tinylb.listeners import Listeners
from tinylb.listening import ListeningService
from tinylb.service import LoadBalancerService
from tinylb.status.connections import MOST, Connections
from tinylb.status.feed import LISTENERS, Feed
from tinylb.status.hosts import isLoopback
from tinylb.status.paths import Metrics, Paths
from tinylb.status.site import Site

A_LISTENER = 4
"""One in so many connections may listen to events, for as long as it likes; the others are kept for requests."""


class StatusService(ListeningService):
    """
    Shows a balancer over HTTP: a page, metrics, health, its state, and its events. Everybody who can reach the endpoint
    may look. Nothing can be changed, and requests cost the balancer little. A stop ends open connections at once.

    @param reactor: the one that the endpoint uses.
    @param endpoint: where to listen. On loopback addresses only requests whose host is an IP address or C{localhost}
        are taken; elsewhere, any host is.
    @param metrics: what C{/metrics} shows, started and stopped with this; L{None} for none.
    @param connections: the most connections to the endpoint that stay open.
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
        self._endpoint = inherited(endpoint)
        self._metrics = metrics
        feed = Feed(balancer.balancer.observers, clock, min(LISTENERS, connections // A_LISTENER))
        site = Site(Paths(balancer, feed, metrics), lambda: isLoopback(self.hosts), clock)
        self._connections = Connections(site, clock, connections)
        super().__init__()

    def _newListeners(self) -> Listeners:
        return Listeners([self._endpoint], [self._connections], self._opened)

    def _opened(self, number: int, port: IListeningPort) -> None:
        """Clients are accepted by the port itself, not by an L{Acceptor <tinylb.acceptor.Acceptor>}."""
        self._connections.hold(port)

    def _prepare(self, isAgain: bool) -> None:
        if self._metrics is not None:
            self._metrics.start()

    def _allOpened(self) -> None:
        self._log.info("Status at {hosts}", hosts=", ".join(map(spell, self.hosts)))

    def _cannotListen(self, failure: Failure) -> None:
        self._stopMetrics()

    def _end(self) -> Deferred[None]:
        self._stopMetrics()
        return self._connections.close().addCallback(lambda _: release(self._clock))

    def _stopMetrics(self) -> None:
        if self._metrics is not None:
            self._metrics.stop()
