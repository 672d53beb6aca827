"""A provider that follows the EndpointSlices of a Kubernetes service."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from tinylb.addresses import HostPort
from tinylb.backends import BackendSet, TCPBackend
from tinylb.clock import monotonicClock, release
from tinylb.interfaces import IDescribed, IExpecting, IProbe, IRefreshable
from tinylb.probe import ConnectProbe
from tinylb.providers.kubernetes.access import Access, AccessError, inClusterAccess, kubeconfigAccess
from tinylb.providers.kubernetes.api import Api
from tinylb.providers.kubernetes.doubt import Doubt
from tinylb.providers.kubernetes.reflector import Reflector
from tinylb.providers.kubernetes.retreat import Retreat
from tinylb.providers.kubernetes.slices import SERVICE, SERVICE_LABEL, Service, Slices
from tinylb.providers.report import Report
from tinylb.value import Value, Watcher
from tinylb.wording import counted

SETTLE = 0.05
"""Seconds in which changes are taken together: an endpoint that moves to another slice may leave the old one before it
joins the new one."""


@implementer(IExpecting, IDescribed, IRefreshable)
class KubernetesProvider:
    """
    Publishes the endpoints of a service, as its EndpointSlices list them. Endpoints that are ready and serving are
    used; others that are still listed, such as terminating ones, get no new connections and keep theirs until they
    leave. A backend's id is its target.

    A list that turns empty is not believed while any known backend answers; see L{Doubt
    <tinylb.providers.kubernetes.doubt.Doubt>}. A set under which the source cannot be asked any more may be given up
    for the one before it; see L{Retreat <tinylb.providers.kubernetes.retreat.Retreat>}.

    @param reactor: used by the backends, and to ask the API server.
    @param access: the path of a kubeconfig, or C{in-cluster}; or an L{Access
        <tinylb.providers.kubernetes.access.Access>} of your own, which is closed whenever there is no watcher.
    @param service: C{NAMESPACE/NAME[:PORTNAME]}.
    @param probe: finds out whether known backends answer; by default by connecting.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param random: gives numbers in [0, 1), for jitter.
    @raise ValueError: when C{service} does not name a service.
    @raise WrongAccess: when the access cannot be used, for a reason that does not go away by itself.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        access: Access | str,
        service: str = SERVICE,
        *,
        probe: IProbe | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        self._service = Service.parse(service)
        self._reactor = reactor
        self._clock = clock or monotonicClock(reactor)
        access = _accessBy(reactor, self._clock, access) if isinstance(access, str) else access
        self._access = access
        self._report = Report(self._log, f"kubernetes {self._service} by {access.name}")
        self._value: Value[BackendSet] = Value(onWatched=self._start, onUnwatched=self._stop)
        self._slices = Slices(self._service)
        self._inForce = BackendSet()
        self._made: dict[tuple[HostPort, bool], TCPBackend] = {}
        self._hasAnswered = False
        self._settling: IDelayedCall | None = None
        self._trouble: str | None = None
        self._lack: str | None = None
        self._consequence = ""
        probe = probe or ConnectProbe(self._clock, random)
        self._doubt = Doubt(self._clock, random, probe, self._listAnew, self._believe)
        self._retreat = Retreat(probe, self._publish)
        self._reflector = Reflector(
            Api(reactor, self._clock, access),
            self._clock,
            random,
            f"/apis/discovery.k8s.io/v1/namespaces/{self._service.namespace}/endpointslices",
            f"{SERVICE_LABEL}={self._service.name}",
            self,
        )

    def watch(self) -> Watcher[BackendSet]:
        """See L{IProvider.watch}."""
        return self._value.watch()

    def expect(self, backends: BackendSet) -> None:
        """See L{IExpecting.expect}."""
        if not self._hasAnswered:
            self._inForce = backends
            self._retreat.asked(backends)

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}."""
        told = self._report.describe()
        return {**told, "error": told["error"] or self._access.error}

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. The slices are listed anew."""
        self._reflector.refresh()

    def listed(self, objects: list[Any]) -> None:
        """See L{Collection <tinylb.providers.kubernetes.reflector.Collection>}."""
        self._slices.replace(objects)
        self._take(self._doubt.listedNobody)

    def changed(self, kind: str, thing: Any) -> None:
        """See L{Collection <tinylb.providers.kubernetes.reflector.Collection>}."""
        if kind == "DELETED":
            self._slices.remove(thing)
        else:
            self._slices.put(thing)
        if self._settling is None:
            self._settling = self._clock.callLater(SETTLE, self._take, self._doubt.begin)

    def asked(self) -> None:
        """See L{Collection <tinylb.providers.kubernetes.reflector.Collection>}."""
        self._retreat.asked(self._inForce)

    def failed(self, error: Exception) -> None:
        """See L{Collection <tinylb.providers.kubernetes.reflector.Collection>}."""
        # An AccessError is not about the server.
        hasServer = not isinstance(error, AccessError)
        text = f"{self._access.source}: {error}" if hasServer else str(error)
        self._trouble = text.removeprefix(f"{self._access.name}: ")  # it stands in the source's name
        self._tell()
        self._doubt.notConfirmed()
        self._retreat.failed(self._inForce)

    def worked(self) -> None:
        """See L{Collection <tinylb.providers.kubernetes.reflector.Collection>}."""
        self._trouble = None
        self._tell()

    def _start(self) -> None:
        self._reflector.start()
        if self._hasAnswered:
            # Changes that came just before the stop were not taken, or were being doubted.
            self._settling = self._clock.callLater(SETTLE, self._take, self._doubt.begin)

    def _stop(self) -> None:
        self._reflector.stop()
        self._doubt.end()
        self._cancelSettling()
        self._retreat.end()
        self._access.close()
        release(self._clock)

    def _listAnew(self) -> None:
        self._cancelSettling()
        self._reflector.relist()

    def _cancelSettling(self) -> None:
        settling, self._settling = self._settling, None
        if settling is not None and settling.active():
            settling.cancel()

    def _take(self, doubt: Callable[[BackendSet], None]) -> None:
        """
        @param doubt: called with the known backends when the list is empty: begins to doubt it, or goes on doubting.
        """
        self._cancelSettling()
        endpoints = self._slices.endpoints()
        self._lack = self._whatIsLacking(endpoints)
        self._consequence = "it gets no new connections"
        if endpoints:
            self._doubt.end()
            backends = self._backendsAt(endpoints)
            if self._retreat.allows(backends):
                self._publish(backends)
            self._tell()
        elif self._inForce:
            known = len(self._inForce)
            who = "the known backend" if known == 1 else f"one of the {known} known backends"
            self._consequence = f"that is not believed while {who} answers"
            self._tell()
            doubt(self._inForce)
        else:
            self._believe()

    def _believe(self) -> None:
        if self._inForce:
            self._lack = f"{self._lack}, and none of the known backends answers"
        self._consequence = "it gets no new connections"
        self._publish(BackendSet())
        self._tell()

    def _tell(self) -> None:
        """Report that the source cannot be asked, or else what its answer lacks."""
        if self._trouble is not None:
            self._report.failed(self._trouble)
        elif self._lack is not None:
            self._report.failed(self._lack, self._consequence)
        else:
            self._report.worked()

    def _publish(self, backends: BackendSet) -> None:
        isNew = backends.members != self._inForce.members or not self._hasAnswered
        self._hasAnswered, self._inForce = True, backends
        if isNew:
            self._report.changed()
            self._value.set(backends)

    def _backendsAt(self, endpoints: dict[HostPort, bool]) -> BackendSet:
        """Backends that stay as they were stay the same objects."""
        self._made = {
            (where, isUsable): self._made.get((where, isUsable))
            or TCPBackend(self._reactor, where.host, where.port, draining=not isUsable)
            for where, isUsable in endpoints.items()
        }
        return BackendSet({backend.target: backend for backend in self._made.values()})

    def _whatIsLacking(self, endpoints: dict[HostPort, bool]) -> str | None:
        if any(endpoints.values()):
            return None
        if endpoints:
            return f"none of {counted(len(endpoints), 'endpoint')} is ready"
        if not len(self._slices):
            return "there is no such service, or it has no EndpointSlice"
        ports = self._slices.ports()
        names = [name for name, _ in ports]
        if self._service.port is None and len(ports) > 1:
            return f"the service has several ports, {_spelled(ports)}; name one, as in {self._service}:{names[0]}"
        if ports and self._service.port not in names:
            return f"the service has no port {self._service.port}; it has {_spelled(ports)}"
        return "the service has no endpoints"


def _accessBy(reactor: Any, clock: IReactorTime, config: str) -> Access:
    return inClusterAccess(reactor, clock) if config == "in-cluster" else kubeconfigAccess(reactor, clock, config)


def _spelled(ports: Sequence[tuple[str, str]]) -> str:
    return ", ".join(name if name == number else f"{name} ({number})" for name, number in ports)
