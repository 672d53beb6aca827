"""HOST:PORT as people write it, and the one spelling of it."""

from __future__ import annotations

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tinylb.addresses import HostPort, InvalidAddress, spell

LONG_NAME = ".".join(["a" * 61] * 4)


class ParseTests(SynchronousTestCase):
    """See L{HostPort.parse}."""

    def assertTarget(self, text: str, target: str) -> None:
        """C{text} is an address whose target is C{target}."""
        self.assertEqual(str(HostPort.parse(text)), target)

    def assertInvalid(self, text: str, *words: str) -> None:
        """C{text} is refused with one short line that has these words."""
        error = self.assertRaises(InvalidAddress, HostPort.parse, text)
        message = str(error)
        self.assertTrue(message.isprintable(), message)
        self.assertLess(len(message), 200)
        for word in words:
            self.assertIn(word, message)

    def test_literals(self) -> None:
        """IPv4, and IPv6 in brackets, are literals; the brackets are no part of the host."""
        self.assertEqual(HostPort.parse("192.0.2.11:6443"), HostPort("192.0.2.11", 6443, True))
        self.assertEqual(HostPort.parse("[2001:db8::12]:6443"), HostPort("2001:db8::12", 6443, True))

    def test_names(self) -> None:
        """Names are no literals."""
        self.assertEqual(HostPort.parse("cp-1.example:6443"), HostPort("cp-1.example", 6443, False))

    def test_oneSpelling(self) -> None:
        """Other spellings of one address are one target: lower case, shortest IPv6, plain number."""
        self.assertTarget("CP-1.Example:6443", "cp-1.example:6443")
        self.assertTarget("[2001:0DB8:0:0:0::12]:06443", "[2001:db8::12]:6443")
        self.assertTarget("[0:0:0:0:0:0:0:1]:1", "[::1]:1")
        self.assertTarget("192.0.2.11:00080", "192.0.2.11:80")

    def test_rightNames(self) -> None:
        """Names of any legal shape are taken: one label, digits first, underscores, a final dot."""
        for name in ("localhost", "3com.example", "_svc.example", "a.example.", "a" * 63, LONG_NAME, "1.2.3.4.example"):
            self.assertTarget(f"{name}:1", f"{name}:1")

    def test_zone(self) -> None:
        """A link-local address may name its interface."""
        self.assertTarget("[FE80::1%eth0.1]:6443", "[fe80::1%eth0.1]:6443")

    def test_portRange(self) -> None:
        """Ports are 1 to 65535."""
        self.assertTarget("a:1", "a:1")
        self.assertTarget("a:65535", "a:65535")
        for port in ("0", "00000", "65536", "99999", "100000", "000001" + "0" * 5000, "9" * 5000):
            self.assertInvalid(f"a:{port}", "port from 1 to 65535")

    def test_noPort(self) -> None:
        """Without a port it is no address; the message shows one."""
        for text in ("192.0.2.11", "192.0.2.11:", "cp-1", "", ":", ":6443", "a:http", "a:-1", "a:+1", "a: 1", "a:1 "):
            self.assertInvalid(text, "HOST:PORT", "192.0.2.11:6443")

    def test_asciiDigits(self) -> None:
        """Digits of other scripts are no port."""
        for port in ("\u0661", "\u00b2", "1_0"):
            self.assertInvalid(f"a:{port}", "HOST:PORT")

    def test_bareIPv6(self) -> None:
        """IPv6 without brackets is ambiguous; the message says where brackets go."""
        for text in ("2001:db8::1:6443", "::1", "::1:80", "[::1:80", "::1]:80", "[::1]:x:80"):
            self.assertInvalid(text, "[2001:db8::1]:6443")

    def test_url(self) -> None:
        """A URL is called one, with what to leave out, whatever kind of host it has."""
        for host in ("cp-1", "192.0.2.11:6443", "[2001:db8::1]:6443", "2001:db8::1", ""):
            self.assertInvalid(f"https://{host}", "a URL", "HOST:PORT", "without https://")
        self.assertInvalid("HTTP://cp-1:80/path?a=b:80", "a URL", "without HTTP:// and what follows the port")
        self.assertInvalid("x" * 5000 + "://a:80", "a URL")

    def test_wrongBrackets(self) -> None:
        """Brackets are for IPv6 alone."""
        for text in ("[192.0.2.11]:80", "[cp-1]:80", "[]:80"):
            self.assertInvalid(text, "brackets")

    def test_wrongLiterals(self) -> None:
        """What looks like a literal and is none is no name either."""
        for host in ("192.0.2.256", "192.0.2", "192.0.2.011", "1", "[::1::2]", "[2001:db8:::1]", "[1:2:3:4:5:6:7:8:9]"):
            self.assertInvalid(f"{host}:80", "neither an IPv4 or IPv6 address nor a host name")

    def test_wrongNames(self) -> None:
        """What no host can be called is no address."""
        for host in (
            "-a",
            "a-",
            "a..b",
            ".a",
            ".",
            "a b",
            "a/b",
            "a@b",
            "ä",
            "\u212a",
            "a\n",
            "\na",
            "a\x00",
            "a" * 64,
        ):
            self.assertInvalid(f"{host}:80", "host name")
        self.assertInvalid(f"{LONG_NAME}.{LONG_NAME}:80", "host name")

    def test_wrongZones(self) -> None:
        """A zone is an interface's name: no line breaks, blanks or brackets in it."""
        for zone in ("", "a b", "a\nb", "a]b", "a/b", "ä", "a%b"):
            self.assertInvalid(f"[fe80::1%{zone}]:80")


class OfTests(SynchronousTestCase):
    """See L{HostPort.of}."""

    def test_sameAsParsed(self) -> None:
        """Host and port apart give the same as host and port in one text."""
        self.assertEqual(HostPort.of("2001:DB8::0:1", 80), HostPort.parse("[2001:db8::1]:80"))
        self.assertEqual(HostPort.of("192.0.2.1", 80), HostPort.parse("192.0.2.1:80"))
        self.assertEqual(HostPort.of("CP-1", 80), HostPort.parse("cp-1:80"))

    def test_wrongPort(self) -> None:
        """A port is a whole number from 1 to 65535, and nothing else that compares with one."""
        for port in (0, -1, 65536, True, 80.0, "80", None):
            error = self.assertRaises(InvalidAddress, HostPort.of, "a", port)
            self.assertIn("1 to 65535", str(error))

    def test_wrongHost(self) -> None:
        """A host is a literal without brackets, or a name."""
        for host in ("[::1]", "", "::x", "a:b"):
            self.assertRaises(InvalidAddress, HostPort.of, host, 80)


class SpellTests(SynchronousTestCase):
    """See L{spell}."""

    def test_addresses(self) -> None:
        """Twisted's addresses are spelled as they are written in options."""
        self.assertEqual(spell(IPv4Address("TCP", "127.0.0.1", 80)), "127.0.0.1:80")
        self.assertEqual(spell(IPv6Address("TCP", "::1", 80)), "[::1]:80")
        self.assertEqual(spell(UNIXAddress("/run/lb.sock")), "unix:/run/lb.sock")
        self.assertEqual(spell(UNIXAddress(None)), "unix:")

    def test_strange(self) -> None:
        """A path that is not UTF-8, and an address of another kind, are no error."""
        self.assertEqual(spell(UNIXAddress(b"/run/\xff")), "unix:/run/\\xff")
        self.assertIn("cp-1", spell(HostnameAddress(b"cp-1", 80)))
