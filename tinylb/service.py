"""The balancer as a Twisted service: listen, follow the provider, stop in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from typing_extensions import Unpack
from zope.interface import implementer

from tinylb.acceptor import Acceptor
from tinylb.addresses import spell
from tinylb.backends import BackendSet
from tinylb.balancer import BalancerOptions, LoadBalancer
from tinylb.follower import Follower
from tinylb.inherited import inherited
from tinylb.interfaces import IProvider, IRefreshable
from tinylb.listeners import CannotListen, Listeners
from tinylb.listening import ListeningService
from tinylb.outcome import Outcome
from tinylb.ownaddress import OwnAddresses
from tinylb.proxyprotocol.endpoint import unwrapped
from tinylb.settings import checkAtLeast


@implementer(IRefreshable)
class LoadBalancerService(ListeningService):
    """
    Listens on endpoints and balances over what a provider publishes. A set that is available at the start is in force
    before the first endpoint is listened on. A stop goes in order: stop listening, stop following, cancel dials, let
    pairs finish, abort the rest.

    @param endpoint: one L{IStreamServerEndpoint}, or several.
    @param provider: an L{IProvider}, watched from the service's start to its stop.
    @param reactor: the one that the endpoints use.
    @param drain: seconds that open connections may finish after a stop is asked for.
    @param grace: seconds, out of C{drain}, in which clients that wait for a backend may still get one.
    @param options: see L{BalancerOptions}.
    @ivar balancer: the L{LoadBalancer}; its observers may be added to.
    @raise TypeError: when C{provider} cannot be watched.
    @raise ValueError: when a number is too small, or an option is no such word.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamServerEndpoint | Iterable[IStreamServerEndpoint],
        provider: IProvider,
        *,
        reactor: IReactorTime,
        drain: float = 5.0,
        grace: float = 0.0,
        **options: Unpack[BalancerOptions],
    ) -> None:
        checkAtLeast(0, drain=drain, grace=grace)
        self.balancer = LoadBalancer(reactor, **options)
        given = [endpoint] if IStreamServerEndpoint.providedBy(endpoint) else endpoint
        unwrapping = [unwrapped(each) for each in given]
        self._endpoints = [inherited(each) for each, _ in unwrapping]
        self._drain = drain
        self._grace = grace
        self._leftOut: dict[str, str] = {}
        self._published: BackendSet | None = None
        self._entrances = [self.balancer.entrance(proxyProtocol=isWrapped) for _, isWrapped in unwrapping]
        self._ready = Outcome()
        self._follower = Follower(self.balancer.clock, provider, self._take)
        super().__init__()

    def whenReady(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when every endpoint is listened on and the first set is in
            force. It fails with L{CannotListen <tinylb.listeners.CannotListen>}, also when the service is stopped
            before that.
        """
        return self._ready.when()

    def describe(self, *, addsUp: bool = True) -> dict[str, Any]:
        """
        L{LoadBalancer.describe}, C{listening} (see L{listening}) and C{provider} (see L{describeProvider}).
        """
        return {
            **self.balancer.describe(addsUp=addsUp),
            "listening": self.listening(),
            "provider": self.describeProvider(),
        }

    def describeProvider(self) -> dict[str, str | None]:
        """C{source}, C{error} and C{changed} of the provider; see L{IDescribed.describe}."""
        return self._follower.describe()

    def listening(self) -> list[dict[str, Any]]:
        """
        For each endpoint, in order: its C{address}, whether it is C{accepting} (a client that connected now would be
        accepted), and C{why} not, which is L{None} if it is.
        """
        return self._listeners.describe()

    def explain(self) -> list[dict[str, str | None]]:
        """L{LoadBalancer.explain}."""
        return self.balancer.explain()

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. The provider looks again, if it can."""
        self._follower.refresh()

    def _prepare(self, isAgain: bool) -> None:
        if isAgain:
            self._ready = Outcome()
        self.balancer.resume()
        self._follower.start()

    def _end(self) -> Deferred[None]:
        self._follower.stop()
        self._ready.fail(Failure(CannotListen(0, "stopped before there was a set")))
        return self.balancer.drain(self._drain, self._grace)

    def _newListeners(self) -> Listeners:
        return Listeners(self._endpoints, self._entrances, self._opened)

    def _opened(self, number: int, port: IListeningPort) -> Acceptor | None:
        """An endpoint listens: from now on, connections to its address come back to us."""
        entrance = self._entrances[number]
        entrance.listener = spell(port.getHost())
        if self._published is not None:
            self._take(self._published)
        return entrance.accept(port)

    def _allOpened(self) -> None:
        self._log.info("Listening on {hosts}", hosts=", ".join(map(spell, self.hosts)))
        if self._published is not None:
            self._ready.succeed()

    def _cannotListen(self, failure: Failure) -> None:
        self._ready.fail(failure)
        self._follower.stop()
        self.balancer.drain(self._drain, self._grace)  # there may be connections of a former start

    def _take(self, published: BackendSet) -> None:
        """Make a published set current, without the members that would lead back to this balancer."""
        self._published = published
        backends, ids = OwnAddresses(self.hosts).leaveOut(published)
        told = self._leftOut
        self._leftOut = {member.id: member.target for member in published.members if member.id in ids}
        for id, target in self._leftOut.items():
            if told.get(id) != target:
                self._log.warn(
                    "Backend {id} ({target}) is left out: it is this balancer's own address", id=id, target=target
                )
        self.balancer.replaceBackends(backends)
        if self._listeners.outcome.isKnown:
            self._ready.succeed()
