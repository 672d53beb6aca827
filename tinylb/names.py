"""
Looks names up so that a slow name does not hold up the others. A lookup cannot be cancelled: cancelling an attempt
only stops waiting for it. So many attempts at names whose server is slow would keep the reactor's ten threads busy and
delay the lookups of all other names; and the process waits for those threads when it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from socket import EAI_AGAIN, gaierror
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet._resolver import GAIResolver
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from tinylb.clock import monotonicClock
from tinylb.daemons import Daemons

LOOKUPS = 64
"""Names that are looked up at a time; each takes a thread."""


class _Threads(Daemons):
    """
    Threads for L{GAIResolver}, which completes a lookup only after an answer or a C{gaierror}. So whatever else goes
    wrong, as when descriptors or threads are short, is made one.
    """

    def callInThreadWithCallback(
        self, onResult: Callable[[bool, Any], None], function: Callable[..., Any], *args: object, **kw: object
    ) -> None:
        """See L{Daemons.callInThreadWithCallback}."""

        def tell(isGood: bool, result: Any) -> None:
            if not isGood and result.check(gaierror) is None:
                result = Failure(gaierror(EAI_AGAIN, result.getErrorMessage()))
            onResult(isGood, result)

        super().callInThreadWithCallback(tell, function, *args, **kw)


@implementer(IHostResolution)
class _Lookup:
    """One lookup that is under way, and the receivers that wait for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.receivers: list[IResolutionReceiver] = []
        self.addresses: list[IAddress] = []

    def cancel(self) -> None:
        """Do nothing: other receivers may wait for the lookup, and its thread cannot be stopped."""


@implementer(IResolutionReceiver)
class _FanOut:
    """Hands what is found to every receiver that waits, when the lookup is complete."""

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
    Passes lookups on to the reactor's resolver, equal ones only once at a time: those that come meanwhile
    share the answer. Nothing is kept after that.
    """

    def __init__(self, reactor: IReactorPluggableNameResolver) -> None:
        self._reactor = reactor
        self._lookups: dict[object, _Lookup] = {}
        self._threads = _Threads(LOOKUPS)

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
            fanOut = _FanOut(lookup, self._lookups, key)
            try:
                self._resolver().resolveHostName(fanOut, hostName, portNumber, addressTypes, transportSemantics)
            except BaseException:
                self._lookups.pop(key, None)
                raise
        return lookup

    def _resolver(self) -> IHostnameResolver:
        """The reactor's resolver. In place of Twisted's default one, the same on threads that hold up nothing else."""
        resolver = self._reactor.nameResolver
        if isinstance(resolver, GAIResolver):
            return GAIResolver(self._reactor, lambda: self._threads)  # type: ignore[arg-type,return-value]
        return resolver

    def isLookingUp(self, name: str) -> bool:
        """Whether this name is being looked up."""
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
    """The L{NamesReactor} of a reactor, shared by everything that looks names up with it."""
    names = _names.get(reactor)
    if names is None:
        names = _names[reactor] = NamesReactor(reactor)
    return names


_names: WeakValueDictionary[Any, NamesReactor] = WeakValueDictionary()
