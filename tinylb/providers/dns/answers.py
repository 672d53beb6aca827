"""Reads what a DNS answer says of the name that was asked for, and ignores everything else in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IResolver

from tinylb.addresses import HostPort, InvalidAddress, quote
from tinylb.providers.dns.failures import LookupFailed, Unusable
from tinylb.wording import counted

T = TypeVar("T")

MOST = 500
"""The most records of a kind that a name may have. An answer with more is not believed."""

_IN = 1
_CNAME = 5


@dataclass(frozen=True)
class Kind(Generic[T]):
    """
    A type of records.

    @ivar number: in messages, see U{https://www.iana.org/assignments/dns-parameters}.
    @ivar lookUp: asks a resolver for the records of a name.
    @ivar read: reads a record of this type, or raises L{Unusable}.
    """

    name: str
    number: int
    lookUp: Callable[[IResolver, str], Deferred[Any]]
    read: Callable[[Any], T]


@dataclass(frozen=True)
class Service:
    """
    Where a service is, see U{RFC 2782<https://www.rfc-editor.org/rfc/rfc2782>}.

    @ivar priority: those with the lowest are used first.
    @ivar weight: at least 1.
    @ivar host: a name; empty where the service is decidedly not available.
    """

    priority: int
    weight: int
    host: str
    port: int


@dataclass(frozen=True)
class Answer(Generic[T]):
    """
    The records of a kind that a name has.

    @ivar lifetime: seconds for which they are valid; 0 where there are none.
    @ivar exists: C{False} where the name has nothing of any kind.
    @ivar unusable: why some of the records cannot be used, or L{None}.
    """

    records: frozenset[T] = frozenset()
    lifetime: int = 0
    exists: bool = True
    unusable: str | None = None


def readAnswer(kind: Kind[T], name: str, answers: Sequence[Any]) -> Answer[T]:
    """
    @param answers: the C{RRHeader}s of an answer, in any order, with those that lead from alias to alias.
    @raise LookupFailed: when there are more than L{MOST} records.
    """
    mine, lifetime = _recordsOf(kind.number, name.lower().encode(), answers)
    if len(mine) > MOST:
        raise LookupFailed(f"{counted(len(mine), 'record')}, of which no more than {MOST} are believed")
    records: set[T] = set()
    unusable: list[str] = []
    for record in mine:
        try:
            records.add(kind.read(record.payload))
        except Unusable as why:
            unusable.append(str(why))
    return Answer(frozenset(records), lifetime if records else 0, unusable=min(unusable, default=None))


def _recordsOf(number: int, name: bytes, answers: Iterable[Any]) -> tuple[list[Any], int]:
    """The records, and the smallest lifetime on the way to them. Aliases that lead in a circle lead nowhere."""
    owned: dict[bytes, list[Any]] = {}
    for record in answers:
        if record.cls == _IN and record.type in (number, _CNAME):
            owned.setdefault(_spelled(record.name), []).append(record)
    return _follow(number, _spelled(name), owned)


def _follow(number: int, owner: bytes, owned: Mapping[bytes, list[Any]]) -> tuple[list[Any], int]:
    lifetimes: list[int] = []
    visited: set[bytes] = set()
    while owner in owned and owner not in visited:
        visited.add(owner)
        records = [record for record in owned[owner] if record.type == number]
        if records:
            return records, min(lifetimes + [record.ttl for record in records])
        # A name may have one alias only; of several it is always the same one that counts.
        alias = min(owned[owner], key=lambda record: _spelled(record.payload.name))
        lifetimes.append(alias.ttl)
        owner = _spelled(alias.payload.name)
    return [], 0


def _spelled(name: Any) -> bytes:
    """A name for comparisons; see U{RFC 4343<https://www.rfc-editor.org/rfc/rfc4343>}."""
    spelled: bytes = name if isinstance(name, bytes) else name.name
    return spelled.lower().rstrip(b".")


def _address(address: IPv4Address | IPv6Address) -> str:
    if (
        address.is_unspecified
        or address.is_multicast
        or address == IPv4Address("255.255.255.255")
        or (isinstance(address, IPv6Address) and address.is_link_local)  # it leads nowhere without an interface
    ):
        raise Unusable(f"{address} is not a server's address")
    return str(address)


def _service(payload: Any) -> Service:
    host = _spelled(payload.target).decode("ascii", "backslashreplace")
    if not host:
        return Service(payload.priority, 1, "", 0)
    try:
        address = HostPort.of(host, payload.port)
    except InvalidAddress as error:
        raise Unusable(f"a server at {quote(host)}: {error}") from None
    if address.isLiteral:
        raise Unusable(f"a server at {quote(host)}, which is not a name")
    return Service(payload.priority, max(1, payload.weight), address.host, payload.port)


# With None the resolver uses its own timeouts.
A: Kind[str] = Kind(
    "A",
    1,
    lambda resolver, name: resolver.lookupAddress(name, None),  # type: ignore[arg-type]
    lambda payload: _address(IPv4Address(payload.address)),
)
AAAA: Kind[str] = Kind(
    "AAAA",
    28,
    lambda resolver, name: resolver.lookupIPV6Address(name, None),  # type: ignore[arg-type]
    lambda payload: _address(IPv6Address(payload.address)),
)
SRV: Kind[Service] = Kind(
    "SRV",
    33,
    lambda resolver, name: resolver.lookupService(name, None),  # type: ignore[arg-type]
    _service,
)
