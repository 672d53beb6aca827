"""A provider that follows the SRV records of a service."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IReactorTCP, IReactorTime, IResolver

from tinylb.addresses import HostPort, InvalidAddress, quote
from tinylb.providers.dns.answers import AAAA, SRV, A, Service
from tinylb.providers.dns.followed import FollowedName
from tinylb.providers.dns.provider import NameProvider, Place


class SRVProvider(NameProvider):
    """
    Publishes the servers of a service, see U{RFC 2782<https://www.rfc-editor.org/rfc/rfc2782>}, with their priorities
    as tiers, and all addresses of each of them as backends. They are followed as by L{DNSProvider
    <tinylb.providers.dns.host.DNSProvider>}, for each server by itself: one whose addresses cannot be found out keeps
    those it had. Where the DNS says that the service is decidedly not available, the set is empty.

    @param name: such as C{_https._tcp.example.com}; taken as absolute.

    The other parameters are those of L{DNSProvider <tinylb.providers.dns.host.DNSProvider>}.

    @raise InvalidAddress: when C{name} is not a name.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        name: str,
        *,
        resolver: IResolver | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        spelled = _serviceName(name)
        super().__init__(reactor, f"srv {spelled}", resolver, clock, random)
        self._service = FollowedName(spelled.rstrip("."), (SRV,), self._lookups, self._clock, random, self._heard)
        self._servers: dict[str, FollowedName[str]] = {}

    def _hosts(self) -> Iterable[FollowedName[str]]:
        return tuple(self._servers.values())

    def _names(self) -> Iterable[FollowedName[str] | FollowedName[Service]]:
        return (self._service, *self._servers.values())

    def _refresh(self) -> None:
        hosts = sorted({service.host for service in self._service.records} - {""})
        for host in self._servers.keys() - hosts:
            self._servers.pop(host).stop()
        added = [host for host in hosts if host not in self._servers]
        for host in added:
            self._servers[host] = FollowedName(host, (A, AAAA), self._lookups, self._clock, self._random, self._heard)
        self._follow([self._servers[host] for host in added])

    def _found(self) -> Iterable[Place] | None:
        if self._service.records and not self._servers:
            return ()
        return [
            Place(HostPort.of(address, service.port), service.priority, service.weight)
            for service in self._service.records
            if service.host
            for address in self._servers[service.host].records
        ] or None


def _serviceName(name: str) -> str:
    try:
        address = HostPort.of(name, 1)
    except InvalidAddress:
        raise InvalidAddress(f"{quote(name)} is not a name; write for example _https._tcp.example.com") from None
    if address.isLiteral:
        raise InvalidAddress(f"{quote(name)} is an address, and no name such as _https._tcp.example.com")
    return address.host
