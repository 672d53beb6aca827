"""Headers of the PROXY protocol as they are written, byte for byte."""

from __future__ import annotations

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tinylb.proxyprotocol.header import VERSIONS, header, ownHeader

SIGNATURE = bytes.fromhex("0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A")
LOCAL = SIGNATURE + bytes.fromhex("20 00 0000")
UNKNOWN = b"PROXY UNKNOWN\r\n"


def ip(host: str, port: int) -> IPv4Address | IPv6Address:
    """An address."""
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


class Version1Tests(SynchronousTestCase):
    """A line of text."""

    def assertLine(self, line: str, source: tuple[str, int], destination: tuple[str, int]) -> None:
        """This is what is written."""
        self.assertEqual(header("v1", ip(*source), ip(*destination)), f"{line}\r\n".encode())

    def test_ipv4(self) -> None:
        """The example of the specification."""
        self.assertLine("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", ("192.168.0.1", 56324), ("192.168.0.11", 443))

    def test_extremes(self) -> None:
        """The smallest and the greatest of everything; the longest line of IPv4 has 56 bytes, that of IPv6 104."""
        self.assertLine("PROXY TCP4 0.0.0.0 255.255.255.255 0 65535", ("0.0.0.0", 0), ("255.255.255.255", 65535))
        longest = "ffff:" * 7 + "ffff"
        line = f"PROXY TCP6 {longest} {longest} 65535 65535"
        self.assertEqual(len(line) + 2, 104)
        self.assertLine(line, (longest, 65535), (longest, 65535))

    def test_ipv6(self) -> None:
        """IPv6 is spelled as short as it can be, in lower case."""
        self.assertLine("PROXY TCP6 2001:db8::11 ::1 1 2", ("2001:0DB8:0:0:0:0:0:11", 1), ("0::1", 2))
        self.assertLine("PROXY TCP6 :: 2001:db8:0:1:1:1:1:1 1 2", ("0:0:0:0:0:0:0:0", 1), ("2001:db8:0:1:1:1:1:1", 2))

    def test_scope(self) -> None:
        """A scope, which means something on this machine alone, is left out."""
        self.assertLine("PROXY TCP6 fe80::1 fe80::2 1 2", ("fe80::1%eth0", 1), ("fe80::2%7", 2))

    def test_mapped(self) -> None:
        """A client of IPv4 at a listener of both kinds of IP is one of IPv4."""
        self.assertLine("PROXY TCP4 192.0.2.1 192.0.2.2 1 2", ("::ffff:192.0.2.1", 1), ("::ffff:c000:202", 2))

    def test_noDots(self) -> None:
        """Where addresses stay IPv6 there are hexadecimal digits alone, as the specification has it."""
        self.assertLine("PROXY TCP6 ::ffff:c000:201 2001:db8::2 1 2", ("::ffff:192.0.2.1", 1), ("2001:db8::2", 2))
        self.assertLine("PROXY TCP6 ::c000:201 ::1 1 2", ("::192.0.2.1", 1), ("::1", 2))
        self.assertLine("PROXY TCP6 ::ffff:0:7 ::1 1 2", ("::ffff:0.0.0.7", 1), ("::1", 2))

    def test_unknown(self) -> None:
        """UNIX sockets, two kinds at once, and what is no address or not known, are unknown to this version."""
        four, six, path = ip("192.0.2.1", 1), ip("2001:db8::1", 1), UNIXAddress(b"/run/lb.sock")
        name = HostnameAddress(b"localhost", 1)
        for source, destination in (
            (path, path),
            (four, six),
            (six, four),
            (path, four),
            (four, path),
            (None, four),
            (four, None),
            (name, four),
            (ip("localhost", 1), four),
        ):
            self.assertEqual(header("v1", source, destination), UNKNOWN)


class Version2Tests(SynchronousTestCase):
    """A block of bytes."""

    def assertBlock(self, block: str, source: tuple[str, int], destination: tuple[str, int]) -> None:
        """This is what is written, after the signature."""
        self.assertEqual(header("v2", ip(*source), ip(*destination)), SIGNATURE + bytes.fromhex(block))

    def test_ipv4(self) -> None:
        """Four bytes for each address, two for each port: 12 in all."""
        self.assertBlock("21 11 000C C0A80001 C0A8000B DC04 01BB", ("192.168.0.1", 56324), ("192.168.0.11", 443))

    def test_ipv6(self) -> None:
        """Sixteen bytes for each address: 36 in all. There is no scope."""
        self.assertBlock(
            "21 21 0024 20010DB8000000000000000000000011 FE800000000000000000000000000002 0001 FFFF",
            ("2001:db8::11", 1),
            ("fe80::2%eth0", 65535),
        )

    def test_mapped(self) -> None:
        """A client of IPv4 at a listener of both kinds of IP is one of IPv4."""
        self.assertBlock("21 11 000C C0000201 C0000202 0001 0002", ("::ffff:192.0.2.1", 1), ("::ffff:192.0.2.2", 2))

    def test_unix(self) -> None:
        """UNIX sockets have 108 bytes each, filled up with zeros; a client without a name has nothing but those."""
        self.assertEqual(
            header("v2", UNIXAddress(None), UNIXAddress(b"/run/lb.sock")),
            SIGNATURE + bytes.fromhex("21 31 00D8") + bytes(108) + b"/run/lb.sock" + bytes(96),
        )

    def test_unixExtremes(self) -> None:
        """The longest path leaves no room for a zero; the name of an abstract socket begins with one."""
        longest, abstract = b"/" + b"x" * 107, b"\0abstract"
        self.assertEqual(
            header("v2", UNIXAddress(longest), UNIXAddress(abstract)),
            SIGNATURE + bytes.fromhex("21 31 00D8") + longest + abstract + bytes(99),
        )

    def test_unknown(self) -> None:
        """Two kinds at once, and what is no address or not known, are not told: every receiver has to accept that."""
        four, six, path = ip("192.0.2.1", 1), ip("2001:db8::1", 1), UNIXAddress(b"/run/lb.sock")
        for source, destination in ((four, six), (path, four), (four, path), (None, None), (four, None)):
            self.assertEqual(header("v2", source, destination), LOCAL)


class OwnTests(SynchronousTestCase):
    """Connections on nobody's behalf."""

    def test_version1(self) -> None:
        """Version 1 tells the addresses of the connection itself, as the specification recommends, if it can."""
        here, there = ip("192.0.2.1", 40000), ip("192.0.2.2", 6443)
        self.assertEqual(ownHeader("v1", here, there), b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 6443\r\n")
        self.assertEqual(ownHeader("v1", UNIXAddress(None), UNIXAddress(b"/run/a")), UNKNOWN)

    def test_version2(self) -> None:
        """Version 2 has a command for it."""
        self.assertEqual(ownHeader("v2", ip("192.0.2.1", 40000), ip("192.0.2.2", 6443)), LOCAL)


class SizeTests(SynchronousTestCase):
    """Headers fit into the first segment that a connection can carry."""

    def test_smallEnough(self) -> None:
        """None has more than 232 bytes, far below the 536 that every host takes at once."""
        longest = UNIXAddress(b"/" + b"x" * 107)
        for version in VERSIONS:
            self.assertLessEqual(len(header(version, longest, longest)), 232)
