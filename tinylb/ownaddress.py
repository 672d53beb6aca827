"""
Finds the backends that are this balancer itself, which would connect to itself until nothing is left.
C{tcp:6443} listens on every interface, so a set made for many machines may well name the one it is used on.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from twisted.internet import address
from twisted.internet.interfaces import IAddress

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.backends import BackendSet


def isLocalAddress(host: str) -> bool:
    """
    Whether an address literal is one of this machine's: a connection to it would come from itself. Nothing is
    sent. A socket that can be bound to it proves nothing where C{ip_nonlocal_bind} is set, as keepalived needs it.
    """
    if ip_address(host).is_loopback:
        return True
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))
            return ip_address(probe.getsockname()[0]) == ip_address(host)
    except OSError:
        return False


class OwnAddresses:
    """
    The addresses that we listen on.

    @param hosts: the addresses of the listening ports.
    @param isLocal: tells whether an address literal is this machine's.
    """

    def __init__(self, hosts: Iterable[IAddress], isLocal: Callable[[str], bool] = isLocalAddress) -> None:
        self._isLocal = isLocal
        self._paths: set[str] = set()
        self._everywhere: set[tuple[int, int]] = set()
        self._exact: set[tuple[IPv4Address | IPv6Address, int]] = set()
        for host in hosts:
            if isinstance(host, address.UNIXAddress):
                if host.name:
                    self._paths.add(os.fsdecode(host.name))
            elif isinstance(host, (address.IPv4Address, address.IPv6Address)):
                ip = ip_address(host.host)
                if ip.is_unspecified:
                    # The unspecified address of IPv6 accepts connections to IPv4 addresses, too.
                    self._everywhere |= {(version, host.port) for version in range(4, ip.version + 1)}
                else:
                    self._exact.add((ip, host.port))

    def leaveOut(self, backends: BackendSet) -> tuple[BackendSet, tuple[str, ...]]:
        """
        @return: the set without the backends that are this balancer, and the ids of those.
        """
        own = tuple(member.id for member in backends.members if self.isOwn(member.target))
        if not own:
            return backends, own
        return BackendSet({id: backend for id, backend in backends.items() if id not in own}), own

    def isOwn(self, target: str) -> bool:
        """Whether connections to a target come back to us."""
        if target.startswith("unix:"):
            path = target.removeprefix("unix:").removeprefix("path=").split(":")[0]
            return path in self._paths
        try:
            where = HostPort.parse(target)
        except InvalidAddress:
            return False
        hosts = (where.host,) if where.isLiteral else _ourName(where.host)
        return any(self._isOurs(host, where.port) for host in hosts)

    def _isOurs(self, host: str, port: int) -> bool:
        ip = ip_address(host)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        if ip.is_unspecified:
            # A connection to the unspecified address goes to this machine, on Linux.
            ip = ip_address("::1" if ip.version == 6 else "127.0.0.1")
        return (ip, port) in self._exact or ((ip.version, port) in self._everywhere and self._isLocal(str(ip)))


def _ourName(name: str) -> tuple[str, ...]:
    """The addresses of a name, as far as they are known without a lookup."""
    if name in ("localhost", "localhost.", socket.gethostname().lower()):
        return ("127.0.0.1", "::1")
    return ()
