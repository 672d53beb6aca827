"""A provider that follows the addresses of a host."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTCP, IReactorTime, IResolver

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.providers.dns.answers import AAAA, A
from tinylb.providers.dns.followed import FollowedName
from tinylb.providers.dns.provider import NameProvider, Place


class DNSProvider(NameProvider):
    """
    Publishes the addresses of a host, A and AAAA, as backends of one port, and follows them: they are looked up again
    when their lifetime is over, after 1 s at least and 5 min at most. When a lookup fails or finds nothing, the
    addresses stay as they were; the trouble is logged once, and shown by L{describe} until there is an answer again.

    The name is taken as absolute: C{search} in C{/etc/resolv.conf} is ignored.

    @param reactor: used by the backends, and by the resolver.
    @param host: a name.
    @param resolver: by default the system's, see L{SystemResolver <tinylb.providers.dns.system.SystemResolver>}.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param random: gives numbers in [0, 1), for jitter.
    @raise InvalidAddress: when C{host} is not a name, or C{port} not a port.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        host: str,
        port: int,
        *,
        resolver: IResolver | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        address = HostPort.of(host, port)
        if address.isLiteral:
            raise InvalidAddress(f"{address.host} is an address and needs no DNS; give it as a fixed backend")
        super().__init__(reactor, f"dns {address}", resolver, clock, random)
        self._port = port
        self._name = FollowedName(address.host.rstrip("."), (A, AAAA), self._lookups, self._clock, random, self._heard)

    def _hosts(self) -> Iterable[FollowedName[str]]:
        return (self._name,)

    def _refresh(self) -> None:
        """There is only one name."""

    def _found(self) -> Iterable[Place] | None:
        return [Place(HostPort.of(address, self._port)) for address in self._name.records] or None
