"""Following the servers of a service."""

from __future__ import annotations

from twisted.names.error import DNSServerError

from tests.unit.dnscase import DNSCase
from tinylb.addresses import InvalidAddress
from tinylb.providers.dns import SRVProvider

NAME = "_https._tcp.example"
ONE, TWO = "a.example 1 A 192.0.2.1", "b.example 1 A 192.0.2.2"


class SRVTests(DNSCase):
    """A service whose records change."""

    def setUp(self) -> None:
        super().setUp()
        self.make(SRVProvider, NAME)

    def services(self, *services: str, more: tuple[str, ...] = (ONE, TWO)) -> None:
        """Publish these servers, and records of what they are named."""
        self.resolver.publish(*(f"{NAME} 1 SRV {service}" for service in services), *more)

    def members(self) -> list[tuple[str, int, int]]:
        """Target, tier and weight of each backend in the last set."""
        return [(member.id, member.tier, member.weight) for member in self.sets[-1].members]

    def test_members(self) -> None:
        """A server's priority is its backends' tier, and its weight theirs; each of its addresses is a backend."""
        self.services("0 10 6443 a.example", "5 20 443 b.example", more=(ONE, "a.example 1 AAAA 2001:db8::1", TWO))
        self.follow()
        self.assertEqual(
            self.members(), [("192.0.2.1:6443", 0, 10), ("192.0.2.2:443", 5, 20), ("[2001:db8::1]:6443", 0, 10)]
        )
        self.assertEqual(len(self.published), 1)

    def test_noWeight(self) -> None:
        """A weight of 0 is as small as weights can be."""
        self.services("0 0 6443 a.example", "0 7 6443 b.example")
        self.follow()
        self.assertEqual(self.members(), [("192.0.2.1:6443", 0, 1), ("192.0.2.2:6443", 0, 7)])

    def test_sameAddress(self) -> None:
        """Where several servers lead to one address, the best of them counts: the lowest tier, the highest weight."""
        more = ONE, "b.example 1 CNAME a.example"
        self.services("3 9 80 a.example", "1 2 80 b.example", "1 4 80 a.example", "2 9 80 b.example", more=more)
        self.follow()
        self.assertEqual(self.members(), [("192.0.2.1:80", 1, 4)])

    def test_serverComesAndGoes(self) -> None:
        """Servers follow the records of the service; who stays as it was is the same backend."""
        self.services("0 1 80 a.example")
        self.follow()
        self.services("0 1 80 a.example", "0 1 80 b.example")
        self.wait(1.5)
        self.services("0 1 80 b.example")
        self.wait(1)
        self.assertEqual(self.published, ["192.0.2.1:80", "192.0.2.1:80 192.0.2.2:80", "192.0.2.2:80"])
        self.assertIs(self.sets[2]["192.0.2.2:80"], self.sets[1]["192.0.2.2:80"])

    def test_comeTogether(self) -> None:
        """Servers that join at the same time make one set."""
        self.services("0 1 80 a.example")
        self.follow()
        more = ONE, TWO, "c.example 1 AAAA 2001:db8::3"
        self.services("0 1 80 a.example", "0 1 80 b.example", "0 1 80 c.example", more=more)
        self.wait(1.5)
        self.assertEqual(self.published[1:], ["192.0.2.1:80 192.0.2.2:80 [2001:db8::3]:80"])

    def test_goneIsNotAsked(self) -> None:
        """Who has left is not asked for any more."""
        self.services("0 1 80 a.example", "0 1 80 b.example")
        self.follow()
        self.services("0 1 80 b.example")
        self.wait(1.5)
        self.asked()
        self.wait(3)
        self.assertEqual(set(self.asked()), {f"{NAME} SRV", "b.example A", "b.example AAAA"})

    def test_otherWeight(self) -> None:
        """Another tier or weight is a change."""
        self.services("0 1 80 a.example")
        self.follow()
        self.services("2 3 80 a.example")
        self.wait(1.5)
        self.assertEqual((len(self.published), self.members()), (2, [("192.0.2.1:80", 2, 3)]))

    def test_addressesChange(self) -> None:
        """A server's addresses are renewed at their own lifetime."""
        self.resolver.publish(f"{NAME} 60 SRV 0 1 80 a.example", "a.example 5 A 192.0.2.1")
        self.follow()
        self.resolver.publish(f"{NAME} 60 SRV 0 1 80 a.example", "a.example 5 A 192.0.2.9")
        self.wait(4.9)
        self.assertEqual(len(self.published), 1)
        self.wait(0.2)
        self.assertEqual(self.published[1:], ["192.0.2.9:80"])
        self.assertEqual(self.timesAsked(f"{NAME} SRV", 60), [54.9])

    def test_decidedlyNot(self) -> None:
        """A root for a server says that the service is decidedly not to be had: an empty set, and no error."""
        self.services("0 1 80 a.example")
        self.follow()
        self.services("0 0 0 .")
        self.wait(1.5)
        self.assertEqual((self.published[1:], self.error, self.lines), ([""], None, []))
        self.services("0 1 80 a.example")
        self.wait(1)
        self.assertEqual(self.published[2:], ["192.0.2.1:80"])

    def test_nothing(self) -> None:
        """A service without records keeps its last set, and the addresses of its servers are renewed all the same."""
        self.services("0 1 80 a.example")
        self.follow()
        self.services(more=("a.example 1 A 192.0.2.9", f"{NAME} 1 TXT nothing"))
        self.wait(10)
        self.assertEqual(self.published[1:], ["192.0.2.9:80"])
        self.assertEqual(self.error, f"{NAME} has no SRV records")

    def test_fails(self) -> None:
        """So does one that cannot be asked for."""
        self.services("0 1 80 a.example")
        self.follow()
        self.resolver.failures = {f"{NAME} SRV": DNSServerError()}
        self.wait(10)
        self.assertEqual(len(self.published), 1)
        self.assertEqual(self.error, f"SRV of {NAME}: the resolver has failed (SERVFAIL)")

    def test_oneServer(self) -> None:
        """A server of several that fails, or is not found any more, keeps its addresses; the others are renewed."""
        self.services("0 1 80 a.example", "0 1 80 b.example")
        self.follow()
        self.services("0 1 80 a.example", "0 1 80 b.example", more=("b.example 1 A 192.0.2.3",))
        self.wait(10)
        self.assertEqual(self.published[1:], ["192.0.2.1:80 192.0.2.3:80"])
        self.assertEqual(self.error, "a.example does not exist (NXDOMAIN)")
        self.assertEqual(len(self.lines), 1)
        self.assertIn("; what is known of it stays, the rest is renewed", self.lines[0])
        self.services("0 1 80 a.example", "0 1 80 b.example")
        self.wait(31)
        self.assertEqual((self.published[2:], self.error), (["192.0.2.1:80 192.0.2.2:80"], None))

    def test_unknownServer(self) -> None:
        """One that was never found does not keep the others from serving."""
        self.services("0 1 80 a.example", "0 1 80 c.example")
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:80"])

    def test_replaced(self) -> None:
        """Servers whose successors are not found stay."""
        self.services("0 1 80 a.example")
        self.follow()
        self.services("0 1 80 c.example")
        self.wait(5)
        self.assertEqual((self.published, self.error), (["192.0.2.1:80"], "c.example does not exist (NXDOMAIN)"))
        self.assertIn("; the last good set stays in force", self.lines[0])

    def test_slowServer(self) -> None:
        """A server that is not answered does not hold up the others."""
        self.services("0 1 80 a.example", "0 1 80 b.example")
        self.resolver.held = {"a.example A", "a.example AAAA"}
        self.follow()
        self.wait(0.5)
        self.resolver.answerAll()
        self.assertEqual(self.published, ["192.0.2.2:80", "192.0.2.1:80 192.0.2.2:80"])

    def test_manyTroubles(self) -> None:
        """Of many troubles it tells a few."""
        self.services(*(f"0 1 80 s{number}.example" for number in range(10)))
        self.follow()
        said = "".join(f"s{number}.example does not exist (NXDOMAIN); " for number in range(3))
        self.assertEqual(self.error, f"{said}and 7 more")

    def test_manyServers(self) -> None:
        """Many servers are asked for a few at a time, each in its turn."""
        names = [f"s{number}.example" for number in range(100)]
        more = tuple(f"{name} 60 A 192.0.2.{number}" for number, name in enumerate(names))
        self.services(*(f"0 1 80 {name}" for name in names), more=more)
        self.resolver.held = {f"{name} {kind}" for name in names for kind in ("A", "AAAA")}
        self.follow()
        self.assertEqual(len(self.resolver.pending), 16)
        most = 0
        while self.resolver.pending:
            _, answers = self.resolver.pending.pop(0)
            answers.callback(([], [], []))
            self.clock.advance(0)
            most = max(most, len(self.resolver.pending))
        self.assertEqual(most, 16)
        self.assertEqual(len(self.asked()), 201)

    def test_ends(self) -> None:
        """With the last watcher every lookup ends, those that wait for their turn never begin; nothing is scheduled."""
        names = [f"s{number}.example" for number in range(100)]
        self.services(*(f"0 1 80 {name}" for name in names))
        self.resolver.held = {f"{name} {kind}" for name in names for kind in ("A", "AAAA")}
        watcher = self.follow()
        for _ in range(5):
            _, answers = self.resolver.pending.pop(0)
            answers.callback(([], [], []))
        self.clock.advance(0)
        self.assertEqual(len(self.resolver.pending), 16)
        self.asked()
        watcher.close()
        self.assertEqual((self.resolver.pending, self.asked(), self.clock.getDelayedCalls()), ([], [], []))
        self.follow()
        self.assertEqual(len(self.resolver.pending), 16)

    def test_watchedAgain(self) -> None:
        """Watched again, it publishes what it knows at once, and asks anew for all that is too old."""
        self.services("0 1 80 a.example", more=("a.example 1 A 192.0.2.1",))
        self.follow().close()
        self.wait(2)
        self.asked()
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:80"] * 2)
        self.assertEqual(self.asked(), [f"{NAME} SRV", "a.example A", "a.example AAAA"])

    def test_describe(self) -> None:
        """It tells what it follows."""
        self.assertEqual(self.provider.describe()["source"], f"srv {NAME}")

    def test_wrongName(self) -> None:
        """What is no name is refused when the provider is made, with an example of one."""
        for name in ("", "a b", "_https._tcp.example:443", "é", "192.0.2.1"):
            error = self.assertRaises(InvalidAddress, self.make, SRVProvider, name)
            self.assertIn("_https._tcp.example.com", str(error))
