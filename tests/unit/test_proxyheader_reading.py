"""Headers of the PROXY protocol as they are read: what is taken, and what is refused, and when."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.test_proxyheader import LOCAL, SIGNATURE, ip
from tinylb.proxyprotocol.header import Header, InvalidHeader, read
from tinylb.sockets import Address

FOUR = (ip("192.168.0.1", 56324), ip("192.168.0.11", 443))
SIX = (ip("2001:db8::11", 1), ip("::1", 2))


class ReadingCase(SynchronousTestCase):
    """Each header is also read byte by byte, and with something behind it: how it comes changes nothing."""

    def assertRead(self, data: bytes, addresses: tuple[Address | None, Address | None] = (None, None)) -> None:
        """The whole is a header, and says this; no part of it is one."""
        for size in range(1, len(data)):
            self.assertIsNone(read(data[:size]), data[:size])
        for more in (b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(200)):
            self.assertEqual(read(data + more), Header(*addresses, len(data)))

    def assertInvalid(self, data: bytes, why: str = "invalid PROXY header") -> None:
        """The whole is refused, and so is what goes on from there; parts of it are not taken for a header."""
        for more in (b"", b"x", b"\r\n", bytes(300)):
            self.assertEqual(str(self.assertRaises(InvalidHeader, read, data + more)), why)
        for size in range(1, len(data)):
            try:
                self.assertIsNone(read(data[:size]))
            except InvalidHeader:
                return


class LineTests(ReadingCase):
    """Version 1."""

    def test_ipv4(self) -> None:
        """The example of the specification."""
        self.assertRead(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", FOUR)

    def test_ipv6(self) -> None:
        """IPv6 in any spelling is the same address, in upper and lower case."""
        for source in ("2001:db8::11", "2001:DB8::11", "2001:0db8:0000:0000:0000:0000:0000:0011"):
            self.assertRead(f"PROXY TCP6 {source} ::1 1 2\r\n".encode(), SIX)

    def test_dotted(self) -> None:
        """The end of IPv6 may be written as IPv4, as nginx does it."""
        self.assertRead(
            b"PROXY TCP6 ::ffff:127.0.0.1 ::ffff:127.0.0.2 1 2\r\n",
            (ip("::ffff:127.0.0.1", 1), ip("::ffff:127.0.0.2", 2)),
        )

    def test_unknown(self) -> None:
        """What is unknown means the connection's own addresses; whatever stands behind it is not looked at."""
        longest = b"PROXY UNKNOWN " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n"
        self.assertEqual(len(longest), 107)
        for data in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN \r\n", b"PROXY UNKNOWN \r \0\xff\r\n", longest):
            self.assertRead(data)

    def test_ends(self) -> None:
        """A line ends with CR and LF within 107 bytes, and with nothing else."""
        self.assertInvalid(b"PROXY UNKNOWN " + b"x" * 93)
        self.assertInvalid(b"PROXY UNKNOWN " + b"x" * 92 + b"\r")
        self.assertInvalid(b"PROXY UNKNOWN\n")
        self.assertInvalid(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n")
        self.assertInvalid(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\r\n")

    def test_wrong(self) -> None:
        """Whatever does not match exactly is refused."""
        for line in (
            "PROXY ",
            "PROXY TCP4",
            "PROXY TCP5 192.168.0.1 192.168.0.11 56324 443",
            "PROXY UDP4 192.168.0.1 192.168.0.11 56324 443",
            "PROXY UNKNOWNS",
            "PROXY TCP4  192.168.0.1 192.168.0.11 56324 443",
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324",
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 ",
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 1",
            "PROXY TCP4 192.168.0.1 192.168.0.11 56324 65536",
            "PROXY TCP4 192.168.0.1 192.168.0.11 056 443",
            "PROXY TCP4 192.168.0.1 192.168.0.11 +1 443",
            "PROXY TCP4 192.168.0.1 192.168.0.11 -1 443",
            "PROXY TCP4 192.168.0.1 192.168.0.11 1_0 443",
            "PROXY TCP4 192.168.0.256 192.168.0.11 56324 443",
            "PROXY TCP4 192.168.0.01 192.168.0.11 56324 443",
            "PROXY TCP4 192.168.1 192.168.0.11 56324 443",
            "PROXY TCP4 2001:db8::11 ::1 1 2",
            "PROXY TCP6 192.168.0.1 192.168.0.11 56324 443",
            "PROXY TCP6 2001:db8::11 192.168.0.11 1 2",
            "PROXY TCP6 fe80::1%eth0 ::1 1 2",
            "PROXY TCP6 2001::db8::11 ::1 1 2",
            "PROXY TCP6 ::1 12345::1 1 2",
        ):
            self.assertInvalid(f"{line}\r\n".encode())


class BlockTests(ReadingCase):
    """Version 2."""

    def block(self, text: str, rest: bytes = b"") -> bytes:
        """A header with this behind its signature."""
        return SIGNATURE + bytes.fromhex(text) + rest

    def test_ipv4(self) -> None:
        """TCP over IPv4."""
        self.assertRead(self.block("21 11 000C C0A80001 C0A8000B DC04 01BB"), FOUR)

    def test_ipv6(self) -> None:
        """TCP over IPv6; addresses are spelled as sockets spell them."""
        self.assertRead(self.block("21 21 0024 20010DB8000000000000000000000011") + bytes(15) + b"\1\0\1\0\2", SIX)

    def test_unix(self) -> None:
        """A path ends with the first zero or the last byte; an abstract name begins with a zero; one may be missing."""
        longest = b"/" + b"x" * 107
        for name, padded in (
            (b"/run/a", b"/run/a" + bytes(102)),
            (b"/run/a", b"/run/a\0rubbish" + bytes(94)),
            (longest, longest),
            (b"\0abstract", b"\0abstract" + bytes(99)),
            (None, bytes(108)),
        ):
            self.assertRead(
                self.block("21 31 00D8", b"/run/lb" + bytes(101) + padded), (UNIXAddress(b"/run/lb"), UNIXAddress(name))
            )

    def test_more(self) -> None:
        """What stands behind the addresses (TLVs) is no business of ours, and belongs to the header still."""
        more = bytes.fromhex("04 0003 000000 01 0002 6832")
        self.assertRead(self.block("21 11 0017 C0A80001 C0A8000B DC04 01BB", more), FOUR)

    def test_longest(self) -> None:
        """A header has 4,096 bytes at the most; a longer one, which would have to be kept, is refused at once."""
        data = self.block("21 11 0FF0 C0A80001 C0A8000B DC04 01BB") + bytes(4096 - 28)
        self.assertIsNone(read(data[:-1]))
        self.assertEqual(read(data + b"x"), Header(*FOUR, 4096))
        for size in ("0FF1", "FFFF"):
            self.assertInvalid(self.block(f"21 11 {size}"))

    def test_local(self) -> None:
        """A connection of the proxy's own has its own addresses, whatever else is said."""
        self.assertRead(LOCAL)
        self.assertRead(self.block("20 11 000C C0A80001 C0A8000B DC04 01BB"))
        self.assertRead(self.block("20 11 0001 FF"))
        self.assertRead(self.block("20 FF 0002 FFFF"))

    def test_unspecified(self) -> None:
        """Where family or protocol are unspecified, or datagrams, the connection's own addresses are meant."""
        for family in ("00", "01", "02", "10", "20", "30", "12", "22", "32"):
            self.assertRead(self.block(f"21 {family} 0000"))
            self.assertRead(self.block(f"21 {family} 0003 FFFFFF"))

    def test_wrongValues(self) -> None:
        """Other versions, commands, families and protocols are refused as soon as they are there."""
        for values in ("11", "31", "22", "2F", "00", "21 40", "21 F1", "21 13", "21 1F", "21 33"):
            self.assertInvalid(self.block(values))

    def test_tooShort(self) -> None:
        """A length that leaves no room for the addresses is refused before they are waited for."""
        for family, size in (("11", 11), ("21", 35), ("31", 215), ("11", 0)):
            self.assertInvalid(self.block(f"21 {family} {size:04X}"))


class OtherTests(ReadingCase):
    """What is no header at all."""

    def test_others(self) -> None:
        """Another protocol is refused at its first byte that no header has."""
        for data in (
            b"G",
            b"\x16\x03\x01",
            b"P\0",
            b"POST / HTTP/1.1\r\n",
            b"PROXY\r",
            b"proxy ",
            b"\n",
            b"\r\n\r\n\r",
        ):
            self.assertInvalid(data, "no PROXY header")

    def test_types(self) -> None:
        """A growing buffer is read like bytes, and its addresses are those that sockets have."""
        found = read(bytearray(b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"))
        assert found is not None
        self.assertIsInstance(found.source, IPv4Address)
        found = read(bytearray(b"PROXY TCP6 2001:db8::11 ::1 1 2\r\n"))
        assert found is not None
        self.assertIsInstance(found.destination, IPv6Address)
