"""
Which hosts a request may name. An attacker can make the name of a web page resolve to this machine ("DNS rebinding"),
and no rule of browsers stops that page; but its requests carry that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

_HOST = re.compile(r"(\[(?P<inner>[0-9a-f:.]+)\]|(?P<outer>[^\[\]:]+))(:[0-9]*)?", re.ASCII | re.IGNORECASE)


def isLoopback(hosts: Iterable[IAddress]) -> bool:
    """Whether there are TCP addresses among these, which browsers can reach, and all of them are on loopback."""
    addresses = [host for host in hosts if isinstance(host, (IPv4Address, IPv6Address))]
    return bool(addresses) and all(_isLoopback(address.host) for address in addresses)


def isOurs(host: bytes) -> bool:
    """Whether a Host header names what DNS rebinding cannot: an IP address, or C{localhost}."""
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
