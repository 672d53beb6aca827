"""
Which names a request may call us by. No rule of browsers keeps out a page whose name somebody has made lead to this
machine ("DNS rebinding"); but its requests carry that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

_HOST = re.compile(r"(\[(?P<inner>[0-9a-f:.]+)\]|(?P<outer>[^\[\]:]+))(:[0-9]*)?", re.ASCII | re.IGNORECASE)


def isLoopback(hosts: Iterable[IAddress]) -> bool:
    """Whether these addresses can only be reached from this machine, and through TCP, as a browser does."""
    addresses = [host for host in hosts if isinstance(host, (IPv4Address, IPv6Address))]
    return bool(addresses) and all(_isLoopback(address.host) for address in addresses)


def isOurs(host: bytes) -> bool:
    """Whether a Host header holds what nobody can make lead elsewhere: an IP address, or C{localhost}."""
    match = _HOST.fullmatch(host.decode("latin-1"))
    if match is None:
        return False
    inner, outer = match["inner"], match["outer"]
    if inner is None and outer.lower() == "localhost":
        return True
    try:
        return ip_address(inner or outer).version == (6 if inner else 4)
    except ValueError:
        return False


def _isLoopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
