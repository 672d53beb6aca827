"""The balancer as a Twisted service: listen, follow the provider, stop in order."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTime, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from typing_extensions import Unpack

from tinylb.addresses import spell
from tinylb.backends import BackendSet
from tinylb.balancer import BalancerOptions, LoadBalancer
from tinylb.clock import monotonicClock
from tinylb.follower import Follower
from tinylb.interfaces import IProvider
from tinylb.outcome import Outcome
from tinylb.ownaddress import OwnAddresses


class CannotListen(Exception):
    """
    An endpoint could not be listened on; the message says why.

    @ivar number: which of the service's endpoints, counted from 0.
    """

    def __init__(self, number: int, why: str) -> None:
        super().__init__(why)
        self.number = number


class State(Enum):
    """What the service was last asked for."""

    STOPPED = "stopped"
    STARTED = "started"


class LoadBalancerService(Service):
    """
    Listens on endpoints and balances over what a provider publishes.

    @param endpoint: one L{IStreamServerEndpoint}, or several.
    @param provider: an L{IProvider}, watched from the service's start to its stop.
    @param reactor: the one that the endpoints use.
    @param drain: seconds that open connections may finish after a stop is asked for.
    @param options: see L{BalancerOptions}.
    @ivar balancer: the L{LoadBalancer}; its observers may be added to.
    """

    _log = Logger()

    def __init__(
        self,
        endpoint: IStreamServerEndpoint | Iterable[IStreamServerEndpoint],
        provider: IProvider,
        *,
        reactor: IReactorTime,
        drain: float = 5.0,
        **options: Unpack[BalancerOptions],
    ) -> None:
        self.balancer = LoadBalancer(reactor, **options)
        self._endpoints = [endpoint] if IStreamServerEndpoint.providedBy(endpoint) else list(endpoint)
        self._drain = drain
        self._state = State.STOPPED
        self._ports: list[IListeningPort] = []
        self._own = OwnAddresses(())
        self._leftOut: tuple[str, ...] = ()
        self._published: BackendSet | None = None
        self._listening = Outcome()
        self._ready = Outcome()
        clock = options.get("clock") or monotonicClock(reactor)
        self._follower = Follower(clock, provider, self._take, options.get("random", systemRandom.random))

    @property
    def hosts(self) -> Sequence[IAddress]:
        """The addresses listened on, in the order of the endpoints."""
        return [port.getHost() for port in self._ports]

    def whenListening(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when every endpoint is listened on, or fails with
            L{CannotListen}.
        """
        return self._listening.when()

    def whenReady(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when every endpoint is listened on and the first set is in
            force, or fails with L{CannotListen}.
        """
        return self._ready.when()

    def describe(self) -> dict[str, Any]:
        """L{LoadBalancer.describe}, and C{provider}: its C{source}, C{error} and C{changed}."""
        return {**self.balancer.describe(), "provider": self._follower.describe()}

    def privilegedStartService(self) -> None:
        """Listen while ports below 1024 may be had. A set that is available is in force before."""
        Service.privilegedStartService(self)
        self._begin()

    def startService(self) -> None:
        """
        See L{Service.startService}.

        @raise CannotListen: when that is known at once. Otherwise L{whenListening} tells.
        """
        Service.startService(self)
        self._begin()

    def stopService(self) -> Deferred[None]:
        """
        Stop in order: follow no more, listen no more, cancel dials, let pairs finish, abort the rest.

        @return: a L{Deferred} that fires when everything has ended. The service may be started again.
        """
        Service.stopService(self)
        self._state = State.STOPPED
        self._follower.stop()
        return self._stopListening().addCallback(lambda _: self.balancer.drain(self._drain))

    def _begin(self) -> None:
        if self._state is State.STARTED:
            return
        self._state = State.STARTED
        if self._listening.isKnown:
            self._listening, self._ready = Outcome(), Outcome()
        self.balancer.resume()
        self._follower.start()
        listen = [maybeDeferred(each.listen, self.balancer) for each in self._endpoints]
        listening = DeferredList(listen, consumeErrors=True)
        listening.addCallback(self._listened)
        failures: list[Failure] = []
        self.whenListening().addErrback(failures.append)
        if failures:
            failures[0].raiseException()

    def _listened(self, results: list[tuple[bool, Any]]) -> None:
        self._ports = [port for isListening, port in results if isListening]
        failed = [(number, why) for number, (isListening, why) in enumerate(results) if not isListening]
        if self._state is State.STOPPED:
            self._stopListening()
        elif failed:
            self._state = State.STOPPED
            self._follower.stop()
            self._stopListening()
            error = Failure(CannotListen(failed[0][0], _why(failed[0][1])))
            self._listening.fail(error)
            self._ready.fail(error)
        else:
            self._log.info("Listening on {hosts}", hosts=", ".join(map(spell, self.hosts)))
            self._own = OwnAddresses(self.hosts)
            self._listening.succeed()
            if self._published is not None:
                self._take(self._published)

    def _stopListening(self) -> Deferred[Any]:
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports], consumeErrors=True)

    def _take(self, published: BackendSet) -> None:
        """A set is in force without the members that would lead back to this very balancer."""
        self._published = published
        backends, leftOut = self._own.leaveOut(published)
        if leftOut != self._leftOut:
            self._leftOut = leftOut
            for id in leftOut:
                self._log.warn(
                    "Backend {id} ({target}) is left out: it is this balancer's own address",
                    id=id,
                    target=published[id].target,
                )
        self.balancer.replaceBackends(backends)
        if self._ports:
            self._ready.succeed()


def _why(failure: Failure) -> str:
    error = failure.value
    if isinstance(error, CannotListenError):
        error = error.socketError
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"cannot listen: {failure.getErrorMessage() or type(failure.value).__name__}"
