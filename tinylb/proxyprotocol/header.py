"""
Writes and reads the header by which a proxy says whom it connects for: the PROXY protocol, versions 1 and 2, as in
https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt.
"""

from __future__ import annotations

import re
import socket
import struct
from typing import NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress

from tinylb.sockets import Address

VERSIONS = ("v1", "v2")

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = 16  # bytes of a version 2 header before its addresses
_LOCAL, _PROXY = 0x20, 0x21
_UNSPECIFIED, _INET, _INET6, _UNIX = 0x00, 0x11, 0x21, 0x31
_NAME = 108  # bytes of a UNIX socket's address
_LONGEST_BLOCK = 4096  # bytes of a version 2 header that are accepted; nginx accepts as many
_SIZES = {_INET: 12, _INET6: 36, _UNIX: 2 * _NAME}

_WORD = b"PROXY "
_LONGEST_LINE = 107
_LINE = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})")
_UNKNOWN_LINE = re.compile(rb"PROXY UNKNOWN( .*)?", re.DOTALL)

_MAPPED = bytes(10) + b"\xff\xff"
"""The beginning of an IPv6 address that stands for an IPv4 address: RFC 4291, section 2.5.5.2."""


class InvalidHeader(ValueError):
    """What a peer sends is not a valid header; the message is one of a few."""


class Header(NamedTuple):
    """
    What a header says.

    @ivar source: the client; L{None} where the connection's own addresses are meant.
    @ivar destination: what the client connected to.
    @ivar length: the header's, in bytes.
    """

    source: Address | None
    destination: Address | None
    length: int


class _Way(NamedTuple):
    """A connection's source and destination, packed."""

    family: int
    source: bytes
    destination: bytes
    ports: tuple[int, ...]


def header(version: str, source: IAddress | None, destination: IAddress | None) -> bytes:
    """
    The header for a connection that is passed on.

    The addresses are left out if they are of different kinds, or of a kind that the version does not support, such as
    UNIX sockets in version 1: the header then says C{UNKNOWN} or C{LOCAL}, which every receiver has to accept. An IPv4
    client of a listener for both IPv4 and IPv6 is named by its IPv4 address.

    @param version: one of L{VERSIONS}.
    @param source: the client.
    @param destination: what the client connected to.
    """
    way = _wayOf(source, destination)
    if version == "v1":
        return _line(way)
    if way is None:
        return _block(_LOCAL, _UNSPECIFIED, b"")
    return _block(_PROXY, way.family, way.source + way.destination + struct.pack(f"!{len(way.ports)}H", *way.ports))


def ownHeader(version: str, here: IAddress, there: IAddress) -> bytes:
    """
    The header for a connection on our own behalf, such as that of a health check. Version 2 has C{LOCAL} for it; in
    version 1 the connection's own addresses are better than C{UNKNOWN}, which some servers refuse.
    """
    return _line(_wayOf(here, there)) if version == "v1" else header(version, None, None)


def read(data: bytes | bytearray) -> Header | None:
    """
    @param data: what has come so far, from the beginning, and perhaps more than the header.
    @return: L{None} while the header is incomplete.
    @raise InvalidHeader: as soon as it cannot become one.
    """
    beginning = bytes(data[:_LONGEST_LINE])
    if beginning.startswith(_WORD[: len(beginning)]):
        return _readLine(beginning)
    if beginning.startswith(_SIGNATURE[: len(beginning)]):
        return _readBlock(data)
    raise InvalidHeader("no PROXY header")


def _wayOf(source: IAddress | None, destination: IAddress | None) -> _Way | None:
    if isinstance(source, UNIXAddress) and isinstance(destination, UNIXAddress):
        return _Way(_UNIX, _padded(source), _padded(destination), ())
    if not isinstance(source, (IPv4Address, IPv6Address)) or not isinstance(destination, (IPv4Address, IPv6Address)):
        return None
    try:
        ends = [_packed(source), _packed(destination)]
    except OSError:
        return None
    if all(end.startswith(_MAPPED) for end in ends):
        ends = [end[len(_MAPPED) :] for end in ends]
    families = {4: _INET, 16: _INET6}
    if len(ends[0]) != len(ends[1]):
        return None
    return _Way(families[len(ends[0])], ends[0], ends[1], (source.port, destination.port))


def _packed(address: IPv4Address | IPv6Address) -> bytes:
    """Without the scope, which means nothing on another machine."""
    host = address.host.partition("%")[0]
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)


def _padded(address: UNIXAddress) -> bytes:
    return (address.name or b"")[:_NAME].ljust(_NAME, b"\0")


def _line(way: _Way | None) -> bytes:
    if way is None or way.family == _UNIX:
        return b"PROXY UNKNOWN\r\n"
    family = "TCP4" if way.family == _INET else "TCP6"
    source, destination = map(_spelled, (way.source, way.destination))
    return f"PROXY {family} {source} {destination} {way.ports[0]} {way.ports[1]}\r\n".encode("ascii")


def _spelled(packed: bytes) -> str:
    """The specification wants hexadecimal digits alone, even where the end of an IPv6 address often looks like IPv4."""
    if len(packed) == 4:
        return socket.inet_ntop(socket.AF_INET, packed)
    text = socket.inet_ntop(socket.AF_INET6, packed)
    if "." in text:
        text = "{}:{:x}:{:x}".format(text.rpartition(":")[0], *struct.unpack("!2H", packed[12:]))
    return text


def _block(command: int, family: int, addresses: bytes) -> bytes:
    return _SIGNATURE + struct.pack("!2BH", command, family, len(addresses)) + addresses


def _readLine(beginning: bytes) -> Header | None:
    end = beginning.find(b"\n")
    if end < 0:
        if len(beginning) == _LONGEST_LINE:
            raise _invalid()
        return None
    line, ending = beginning[: end - 1], beginning[end - 1 : end + 1]
    if ending != b"\r\n":
        raise _invalid()
    if _UNKNOWN_LINE.fullmatch(line):
        return Header(None, None, end + 1)
    found = _LINE.fullmatch(line)
    if not found:
        raise _invalid()
    kind, family = (IPv4Address, socket.AF_INET) if found[1] == b"4" else (IPv6Address, socket.AF_INET6)
    ports = int(found[4]), int(found[5])
    try:
        # Packed and unpacked again it has the shortest spelling, as sockets have it.
        hosts = [socket.inet_ntop(family, socket.inet_pton(family, found[which].decode())) for which in (2, 3)]
    except OSError:
        raise _invalid() from None
    if max(ports) > 65535:
        raise _invalid()
    return Header(kind("TCP", hosts[0], ports[0]), kind("TCP", hosts[1], ports[1]), end + 1)


def _readBlock(data: bytes | bytearray) -> Header | None:
    """Invalid values are rejected as soon as they come; valid ones of no use here give a header without addresses."""
    command, family = data[12:13], data[13:14]
    if command and command[0] not in (_LOCAL, _PROXY):
        raise _invalid()
    isLocal = command == bytes((_LOCAL,))
    if family and not isLocal and (family[0] >> 4 > 3 or family[0] & 15 > 2):
        raise _invalid()
    if len(data) < _FIXED:
        return None
    (size,) = struct.unpack_from("!H", data, 14)
    told = None if isLocal else _SIZES.get(family[0])
    length = _FIXED + size
    if (told is not None and size < told) or length > _LONGEST_BLOCK:
        raise _invalid()
    if len(data) < length:
        return None
    if told is None:
        return Header(None, None, length)
    return Header(*_addresses(family[0], bytes(data[_FIXED : _FIXED + told])), length)


def _addresses(family: int, block: bytes) -> tuple[Address, Address]:
    if family == _UNIX:
        return _unixAddress(block[:_NAME]), _unixAddress(block[_NAME:])
    size = 4 if family == _INET else 16
    kind, named = (IPv4Address, socket.AF_INET) if family == _INET else (IPv6Address, socket.AF_INET6)
    hosts = [socket.inet_ntop(named, packed) for packed in (block[:size], block[size : 2 * size])]
    ports = struct.unpack_from("!2H", block, 2 * size)
    return kind("TCP", hosts[0], ports[0]), kind("TCP", hosts[1], ports[1])


def _unixAddress(name: bytes) -> UNIXAddress:
    """A path ends with the first zero byte; the name of an abstract socket begins with one: unix(7)."""
    return UNIXAddress((name.rstrip(b"\0") if name.startswith(b"\0") else name.partition(b"\0")[0]) or None)


def _invalid() -> InvalidHeader:
    return InvalidHeader("invalid PROXY header")
