"""C{HOST:PORT} as people write it, and the one spelling of it that names a target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from twisted.internet import address
from twisted.internet.interfaces import IAddress

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.ASCII | re.IGNORECASE)
_ZONE = re.compile(r"[a-z0-9._~-]*", re.ASCII | re.IGNORECASE)


def quote(text: object, most: int = 60) -> str:
    """Text from outside, quoted for an error message: on one line, and not too much of it."""
    spelled = repr(text)
    return spelled if len(spelled) <= most else f"{spelled[:most]}..."


class InvalidAddress(ValueError):
    """Not a C{HOST:PORT}; the message says why, and what would be right."""


@dataclass(frozen=True)
class HostPort:
    """
    A normalised address. C{str()} gives the target: lower case, shortest IPv6, in brackets.

    @ivar host: an IPv4 or IPv6 literal without brackets, or a name.
    @ivar isLiteral: C{True} for a literal.
    """

    host: str
    port: int
    isLiteral: bool

    @classmethod
    def of(cls, host: str, port: int) -> HostPort:
        """
        @raise InvalidAddress: for what is neither a literal nor a name, or a port outside 1-65535.
        """
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise InvalidAddress(f"the port {quote(port)} is not a number from 1 to 65535")
        literal = _literal(host)
        return cls(literal or _name(host), port, literal is not None)

    @classmethod
    def parse(cls, text: str) -> HostPort:
        """
        Read C{HOST:PORT}, an IPv6 literal in brackets.

        @raise InvalidAddress: for anything else.
        """
        scheme = _SCHEME.match(text)
        if scheme:
            more = " and what follows the port" if "/" in text[scheme.end() :] else ""
            raise InvalidAddress(f"{quote(text)} is a URL; HOST:PORT is expected, without {scheme[0][:20]}{more}")
        host, colon, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        if ":" in host and not bracketed:
            raise InvalidAddress(
                f"{quote(text)} is not HOST:PORT; an IPv6 address goes in brackets, as in [2001:db8::1]:6443"
            )
        if not colon or not host or not (port.isascii() and port.isdigit()):
            raise InvalidAddress(f"{quote(text)} is not HOST:PORT; write for example 192.0.2.11:6443")
        if len(port) > 5 or not 1 <= int(port) <= 65535:
            raise InvalidAddress(f"{quote(text)} has no port from 1 to 65535")
        if bracketed and ":" not in host:
            raise InvalidAddress(f"{quote(text)} has brackets around what is not an IPv6 address")
        return cls.of(host[1:-1] if bracketed else host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def spell(where: IAddress) -> str:
    """An address of Twisted's, as it stands in logs."""
    if isinstance(where, (address.IPv4Address, address.IPv6Address)):
        return f"[{where.host}]:{where.port}" if ":" in where.host else f"{where.host}:{where.port}"
    if isinstance(where, address.UNIXAddress):
        return f"unix:{where.name.decode(errors='backslashreplace') if where.name else ''}"
    return str(where)


def _literal(host: str) -> str | None:
    try:
        literal = str(IPv6Address(host) if ":" in host else IPv4Address(host))
    except AddressValueError:
        return None
    # Python takes anything for the zone of fe80::1%zone.
    return literal if _ZONE.fullmatch(literal.partition("%")[2]) else None


def _name(host: str) -> str:
    """A host name as RFC 1123 has it; its last label is never all digits, which tells names from literals."""
    name = host.lower()
    labels = name.removesuffix(".").split(".")
    if not host.isascii() or len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise InvalidAddress(f"{quote(host)} is neither an IPv4 or IPv6 address nor a host name")
    return name
