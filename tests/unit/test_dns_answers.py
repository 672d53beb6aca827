"""Answers that nobody should give: they do no harm."""

from __future__ import annotations

from itertools import pairwise

from twisted.names.dns import CH, CNAME, IN, A, Record_A, Record_CNAME, RRHeader

from tests.nameserver import parsed
from tests.unit.dnscase import DNSCase
from tinylb.providers.dns import SRVProvider

GOOD = "api.example 1 A 192.0.2.1"


class AddressTests(DNSCase):
    """Of a host."""

    def answer(self, *records: str | RRHeader) -> None:
        """Whatever is asked, answer with all of these."""
        self.resolver.always = [parsed(record) if isinstance(record, str) else record for record in records]

    def test_othersRecords(self) -> None:
        """Records of other names, other kinds and other classes are not heeded."""
        self.answer(
            "other.example 1 A 192.0.2.2",
            "example 1 A 192.0.2.3",
            "x.api.example 1 A 192.0.2.4",
            "api.example 1 TXT 192.0.2.5",
            RRHeader("api.example", A, CH, 1, Record_A("192.0.2.6")),
            GOOD,
        )
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_capitals(self) -> None:
        """Names are compared as the DNS does, without regard to capitals."""
        self.answer("API.example 1 CNAME LB.Example", "lb.EXAMPLE 1 A 192.0.2.1")
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_circle(self) -> None:
        """Aliases that lead in a circle, or to themselves, lead nowhere."""
        for records in (
            ("api.example 1 CNAME b.example", "b.example 1 CNAME api.example"),
            ("api.example 1 CNAME api.example",),
        ):
            self.answer(*records)
            watcher = self.follow()
            self.assertEqual(self.error, "api.example has no A or AAAA records")
            watcher.close()
        self.assertEqual(self.published, [])

    def test_longChain(self) -> None:
        """A chain of aliases, in any order, leads to its end."""
        names = ["api.example", *(f"n{number}.example" for number in range(1000))]
        aliases = [f"{name} 1 CNAME {after}" for name, after in pairwise(names)]
        self.answer(f"{names[-1]} 1 A 192.0.2.1", *reversed(aliases))
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_severalAliases(self) -> None:
        """Of several aliases, which must not be, it is always the same one that counts."""
        aliases = ["api.example 1 CNAME a.example", "api.example 1 CNAME b.example"]
        ends = ["a.example 1 A 192.0.2.1", "b.example 1 A 192.0.2.2"]
        self.answer(*aliases, *ends)
        self.follow()
        self.answer(*reversed(aliases), *reversed(ends))
        self.wait(5)
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_farTooMany(self) -> None:
        """An answer with thousands of addresses is not believed: what is known stays, and that is said."""
        self.answer(GOOD)
        self.follow()
        self.answer(*(f"api.example 1 A 10.0.{number >> 8}.{number & 255}" for number in range(4000)))
        self.wait(5)
        self.assertEqual(self.published, ["192.0.2.1:6443"])
        self.assertEqual(self.error, "A of api.example: 4000 records, of which no more than 500 are believed")

    def test_many(self) -> None:
        """Hundreds are."""
        self.answer(*(f"api.example 1 A 10.0.{number >> 8}.{number & 255}" for number in range(500)))
        self.follow()
        self.assertEqual(len(self.sets[0]), 500)

    def test_nobodysAddresses(self) -> None:
        """Addresses at which no server can be are left out, and that is said."""
        self.follow()
        for address in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "fe80::1"):
            kind = "AAAA" if ":" in address else "A"
            self.answer(GOOD, f"api.example 1 {kind} {address}")
            self.wait(31)
            self.assertEqual(self.error, f"{kind} of api.example: {address} is not a server's address")
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_nobodyAtAll(self) -> None:
        """When only such are left, what is known stays."""
        self.answer(GOOD)
        self.follow()
        self.answer("api.example 1 A 0.0.0.0")
        self.wait(31)
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_strangeAlias(self) -> None:
        """An alias with bytes that no name has leads to where it says, or nowhere."""
        strange = b"\xff\x00 \n.example"
        self.answer(
            RRHeader(b"api.example", CNAME, IN, 1, Record_CNAME(strange)),
            RRHeader(strange, A, IN, 1, Record_A("192.0.2.1")),
        )
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])


class ServiceTests(DNSCase):
    """Of a service."""

    def followThese(self, *services: str) -> None:
        """Follow a service with these servers."""
        self.make(SRVProvider, "_s._tcp.example")
        self.resolver.publish(*(f"_s._tcp.example 1 SRV {service}" for service in services), GOOD)
        self.follow()

    def test_unusable(self) -> None:
        """Servers with a port, or a name, that is none are left out, and that is said."""
        for service, said in (
            ("0 1 0 api.example", "a server at 'api.example': the port 0 is not a number from 1 to 65535"),
            ("0 1 80 192.0.2.7", "a server at '192.0.2.7', which is not a name"),
            ("0 1 80 -x.example", "a server at '-x.example': '-x.example' is neither"),
            ("0 1 80 a\x1b[1m.example", "a server at 'a\\x1b[1m.example': 'a\\x1b[1m.example' is neither"),
        ):
            self.followThese(service, "0 1 80 api.example")
            self.assertEqual(self.published[-1], "192.0.2.1:80")
            self.assertIn(f"SRV of _s._tcp.example: {said}", self.error or "")

    def test_rootAmongOthers(self) -> None:
        """A root beside servers says nothing."""
        self.followThese("0 0 0 .", "0 1 80 api.example")
        self.assertEqual((self.published, self.error), (["192.0.2.1:80"], None))

    def test_farTooMany(self) -> None:
        """More servers than can be are not asked for."""
        self.followThese(*(f"0 1 80 s{number}.example" for number in range(1000)))
        self.assertEqual(self.asked(), ["_s._tcp.example SRV"])
        self.assertIn("1000 records, of which no more than 500 are believed", self.error or "")

    def test_farTooManyInAll(self) -> None:
        """Nor are more backends believed than that in all."""
        self.followThese(*(f"0 1 {port} api.example" for port in range(1, 400)))
        self.assertEqual(len(self.sets[-1]), 399)
        self.resolver.publish(
            *(f"_s._tcp.example 1 SRV 0 1 {port} api.example" for port in range(1, 400)),
            GOOD,
            "api.example 1 A 192.0.2.2",
        )
        self.wait(2)
        self.assertEqual(len(self.sets), 1)
        self.assertEqual(self.error, "798 backends, of which no more than 500 are believed")
