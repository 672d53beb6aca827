"""
Looking names up without flooding the reactor's few threads. A lookup cannot be taken back, and cancelling an
attempt only stops waiting for it: many attempts at one name whose server is slow would keep every thread busy,
and with them the lookups of names that are well.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

from tinylb.clock import monotonicClock


@implementer(IHostResolution)
class _Lookup:
    """One lookup that is under way, and everybody who waits for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: list[IResolutionReceiver] = []
        self.addresses: list[IAddress] = []

    def cancel(self) -> None:
        """It goes on: others may wait for it, and nothing would come of it for the thread."""


@implementer(IResolutionReceiver)
class _FanOut:
    """Hands what is found to whoever waits when the lookup is complete."""

    def __init__(self, lookup: _Lookup, lookups: dict[object, _Lookup], key: object) -> None:
        self._lookup = lookup
        self._lookups = lookups
        self._key = key

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """See L{IResolutionReceiver}."""

    def addressResolved(self, address: IAddress) -> None:
        """See L{IResolutionReceiver}."""
        self._lookup.addresses.append(address)

    def resolutionComplete(self) -> None:
        """See L{IResolutionReceiver}."""
        del self._lookups[self._key]
        for receiver in self._lookup.receivers:
            for address in self._lookup.addresses:
                receiver.addressResolved(address)
            receiver.resolutionComplete()


@implementer(IHostnameResolver)
class SharedResolver:
    """
    Passes lookups on to the reactor's resolver, the same one only once at a time: whoever asks meanwhile
    shares the answer. Nothing is kept after that.
    """

    def __init__(self, reactor: IReactorPluggableNameResolver) -> None:
        self._reactor = reactor
        self._lookups: dict[object, _Lookup] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Any = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See L{IHostnameResolver.resolveHostName}."""
        key = hostName, portNumber, addressTypes and tuple(addressTypes), transportSemantics
        lookup = self._lookups.get(key)
        isNew = lookup is None
        if lookup is None:
            lookup = self._lookups[key] = _Lookup(hostName)
        lookup.receivers.append(resolutionReceiver)
        resolutionReceiver.resolutionBegan(lookup)
        if isNew:
            self._reactor.nameResolver.resolveHostName(
                _FanOut(lookup, self._lookups, key), hostName, portNumber, addressTypes, transportSemantics
            )
        return lookup

    def isLookingUp(self, name: str) -> bool:
        """Whether somebody waits for this name."""
        return any(lookup.name == name for lookup in self._lookups.values())


@implementer(IReactorPluggableNameResolver)
class NamesReactor:
    """
    As much of a reactor as L{HostnameEndpoint <twisted.internet.endpoints.HostnameEndpoint>} uses, with
    shared lookups, and with times on the monotonic clock.
    """

    def __init__(self, reactor: Any) -> None:
        clock = monotonicClock(reactor)
        self.nameResolver = SharedResolver(reactor)
        self.installNameResolver = reactor.installNameResolver
        self.connectTCP = reactor.connectTCP
        self.seconds = clock.seconds
        self.callLater = clock.callLater


def namesReactor(reactor: Any) -> NamesReactor:
    """The one that goes with a reactor, shared by all who look names up in it."""
    names = _names.get(reactor)
    if names is None:
        names = _names[reactor] = NamesReactor(reactor)
    return names


_names: WeakValueDictionary[Any, NamesReactor] = WeakValueDictionary()
