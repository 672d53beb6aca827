"""The resolver that the system is set up with: C{/etc/hosts}, and the servers that C{/etc/resolv.conf} names."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.names.common import ResolverBase
from twisted.names.dns import AAAA, IN, OK, PORT, A, Message, Query, Record_A, Record_AAAA, RRHeader
from twisted.names.error import DNSNameError, ResolverError

from tinylb.files import Unreadable, contentOf
from tinylb.providers.dns.failures import NoAnswer
from tinylb.providers.dns.question import Server

PATIENCE = (1.0, 2.0, 4.0)
"""Seconds that one server has to answer: the first time that it is asked, the second, and the last."""

MOST_SERVERS = 3
"""As many as resolv.conf(5) speaks of."""

HOSTS_LIFETIME = 5
"""Seconds for which C{/etc/hosts} is believed."""

Records = list[RRHeader]


class SystemResolver(ResolverBase):
    """
    Asks as the system's own resolver does: the file C{hosts} first, then one server after the other. A server that is
    silent is passed over for the next one, and asked again later; one that fails or refuses is not asked again.
    Nothing is kept between lookups: both files are read for each of them, so that they may change, or come later.

    A lookup fails with one of the errors of C{twisted.names}, or with L{ResolverError} and words about each server.
    A lookup that is cancelled leaves nothing behind.

    Of C{resolv.conf} only the servers are used. The resolver of C{twisted.names.client} would not ask another server
    when one fails, keeps timers and connections that are no longer needed, and times them by the wall clock.

    @param reactor: provides L{IReactorFDSet <twisted.internet.interfaces.IReactorFDSet>}, too.
    @param clock: monotonic.
    @param port: the servers' port.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        clock: IReactorTime,
        *,
        configuration: str = "/etc/resolv.conf",
        hosts: str = "/etc/hosts",
        port: int = PORT,
    ) -> None:
        ResolverBase.__init__(self)
        self._reactor = reactor
        self._clock = clock
        self._configuration = configuration
        self._hosts = hosts
        self._port = port

    def _lookup(
        self, name: bytes, cls: int, type: int, timeout: object = None
    ) -> Deferred[tuple[Records, Records, Records]]:
        """See L{ResolverBase}."""
        return Deferred.fromCoroutine(self._find(name.lower().rstrip(b"."), type))

    async def _find(self, name: bytes, kind: int) -> tuple[Records, Records, Records]:
        addresses = _listedIn(self._hosts, name) if kind in (A, AAAA) else []
        if addresses:
            return [_record(name, address) for address in addresses if _kindOf(address) == kind], [], []
        message = await self._askServers(Query(name, kind, IN))
        if message.rCode != OK:
            raise DNSNameError(message)
        return message.answers, message.authority, message.additional

    async def _askServers(self, query: Query) -> Message:
        servers = [Server(self._reactor, self._clock, host, self._port) for host in _namedIn(self._configuration)]
        troubles: dict[str, NoAnswer] = {}
        for seconds in PATIENCE:
            for server in servers:
                trouble = troubles.get(server.host)
                if trouble is None or trouble.isSilence:
                    try:
                        return await server.ask(query, seconds)
                    except NoAnswer as error:
                        troubles[server.host] = error
        raise ResolverError(", ".join(f"{host} {trouble}" for host, trouble in troubles.items()))


def _namedIn(configuration: str) -> list[str]:
    """The servers, see resolv.conf(5); where none is named, the one on this machine."""
    try:
        lines = contentOf(configuration).decode("ascii", "replace").splitlines()
    except Unreadable:
        lines = []
    named = [line.split()[1:2] for line in lines if line.startswith(("nameserver ", "nameserver\t"))]
    servers = [host for words in named for host in words if isIPAddress(host) or isIPv6Address(host)]
    return list(dict.fromkeys(servers))[:MOST_SERVERS] or ["127.0.0.1"]


def _listedIn(hosts: str, name: bytes) -> list[IPv4Address | IPv6Address]:
    """The addresses of a name, see hosts(5)."""
    try:
        content = contentOf(hosts).lower()
    except Unreadable:
        return []
    if name not in content:
        return []  # nearly always so, and cheap to find out
    words = [line.partition(b"#")[0].split() for line in content.splitlines()]
    found = [_parsed(address.decode("ascii", "replace")) for address, *names in filter(None, words) if name in names]
    return [address for address in found if address is not None]


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return IPv6Address(address.partition("%")[0]) if ":" in address else IPv4Address(address)
    except AddressValueError:
        return None


def _kindOf(address: IPv4Address | IPv6Address) -> int:
    return A if isinstance(address, IPv4Address) else AAAA


def _record(name: bytes, address: IPv4Address | IPv6Address) -> RRHeader:
    payload: Any = Record_A(str(address)) if isinstance(address, IPv4Address) else Record_AAAA(str(address))
    return RRHeader(name, _kindOf(address), IN, HOSTS_LIFETIME, payload)
