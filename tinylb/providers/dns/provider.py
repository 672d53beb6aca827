"""The base of the DNS providers: turns answers into backend sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTCP, IReactorTime, IResolver
from twisted.logger import Logger
from zope.interface import implementer

from tinylb.addresses import HostPort
from tinylb.backends import BackendSet, TCPBackend
from tinylb.clock import monotonicClock, release
from tinylb.interfaces import IDescribed, IProvider, IRefreshable
from tinylb.providers.dns.answers import MOST, Service
from tinylb.providers.dns.followed import FollowedName
from tinylb.providers.dns.lookups import Lookups
from tinylb.providers.report import Report
from tinylb.value import Value, Watcher

TOGETHER = 0.1
"""Seconds for which an answer waits for the other lookups that are under way."""

SAID = 3
"""The most troubles that are told at a time; of the rest only their number is."""


PARTLY = "what is known of it stays, the rest is renewed"
"""What follows from trouble with some of the records."""


class Place(NamedTuple):
    """A backend, as the DNS has it."""

    address: HostPort
    tier: int = 0
    weight: int = 1


@implementer(IProvider, IDescribed, IRefreshable)
class NameProvider(ABC):
    """
    The base of providers that follow names.

    @param source: what is followed, as it stands in log lines. The other parameters are those of
        L{DNSProvider <tinylb.providers.dns.host.DNSProvider>}.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorTCP,
        source: str,
        resolver: IResolver | None,
        clock: IReactorTime | None,
        random: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._clock = clock or monotonicClock(IReactorTime(reactor))
        self._resolver = resolver
        self._random = random
        self._lookups = Lookups(self._clock, self._getResolver)
        self._value: Value[BackendSet] = Value(onWatched=self._start, onUnwatched=self._stop)
        self._report = Report(self._log, source)
        self._places: dict[Place, TCPBackend] | None = None
        self._together: IDelayedCall | None = None
        self._isStarting = False

    def watch(self) -> Watcher[BackendSet]:
        """See L{IProvider.watch}."""
        return self._value.watch()

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}."""
        return self._report.describe()

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. Every name is looked up, however long its records are still valid."""
        for name in tuple(self._names()):
            name.refresh()

    @abstractmethod
    def _hosts(self) -> Iterable[FollowedName[str]]:
        """The names whose addresses are followed."""

    def _names(self) -> Iterable[FollowedName[str] | FollowedName[Service]]:
        """All names that are followed."""
        return self._hosts()

    @abstractmethod
    def _found(self) -> Iterable[Place] | None:
        """Where the backends are; L{None} if that is not known."""

    @abstractmethod
    def _refresh(self) -> None:
        """Follow other names, if the answers so far say so."""

    def _follow(self, names: Iterable[FollowedName[str] | FollowedName[Service]]) -> None:
        """Start these names; answers that are there at once are not applied before all are started."""
        self._isStarting = True
        for name in names:
            name.start()
        self._isStarting = False

    def _start(self) -> None:
        self._follow(tuple(self._names()))
        self._heard()

    def _stop(self) -> None:
        for name in self._names():
            name.stop()
        self._lookups.close()
        self._cancelTogether()
        release(self._clock)

    def _heard(self) -> None:
        """A lookup has ended. Others that are under way are waited for, for L{TOGETHER} at most."""
        if self._isStarting:
            return
        self._refresh()
        if not any(name.isAsking for name in self._names()):
            self._apply()
        elif self._together is None:
            self._together = self._clock.callLater(TOGETHER, self._apply)

    def _apply(self) -> None:
        self._cancelTogether()
        troubles = [trouble for name in self._names() for trouble in name.troubles()]
        found = self._found()
        places = None if found is None else _distinct(found)
        if places is not None and len(places) > MOST:
            troubles.append(f"{len(places)} backends, of which no more than {MOST} are believed")
            places = None
        known = self._places
        isNew = places is not None and (known is None or places != known.keys())
        if places is not None and isNew:
            self._places = {place: (known or {}).get(place) or self._backend(place) for place in places}
            self._report.changed()
        if troubles:
            isPartly = any(host.isFound for host in self._hosts())
            self._report.failed(_inOneLine(troubles), PARTLY if isPartly and places is not None else "")
        elif places is not None:
            self._report.worked()
        if isNew:
            self._value.set(BackendSet({each.target: each for each in (self._places or {}).values()}))

    def _backend(self, place: Place) -> TCPBackend:
        return TCPBackend(self._reactor, place.address.host, place.address.port, tier=place.tier, weight=place.weight)

    def _cancelTogether(self) -> None:
        together, self._together = self._together, None
        if together is not None and together.active():
            together.cancel()

    def _getResolver(self) -> IResolver:
        if self._resolver is None:
            # Imported only where it is needed: it costs time and memory.
            from tinylb.providers.dns.system import SystemResolver

            self._resolver = SystemResolver(self._reactor, self._clock)
        return self._resolver


def _distinct(places: Iterable[Place]) -> frozenset[Place]:
    """One place for each address, which several names may have: the lowest tier wins, then the highest weight."""
    best: dict[HostPort, Place] = {}
    for place in places:
        other = best.get(place.address)
        if other is None or (place.tier, -place.weight) < (other.tier, -other.weight):
            best[place.address] = place
    return frozenset(best.values())


def _inOneLine(troubles: list[str]) -> str:
    said = "; ".join(troubles[:SAID])
    return said if len(troubles) <= SAID else f"{said}; and {len(troubles) - SAID} more"
