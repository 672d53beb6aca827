"""Following the addresses of a name."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from tests.unit.dnscase import DNSCase
from tinylb.addresses import InvalidAddress
from tinylb.interfaces import IDescribed, IProvider
from tinylb.providers.dns import DNSProvider


class FollowTests(DNSCase):
    """A name whose records change."""

    def test_bothFamilies(self) -> None:
        """All addresses of both families are the backends, at the port that was given; a target is its own id."""
        self.resolver.publish(
            "api.example 60 A 192.0.2.2", "api.example 60 A 192.0.2.1", "api.example 60 AAAA 2001:DB8::1"
        )
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443 192.0.2.2:6443 [2001:db8::1]:6443"])
        self.assertEqual(list(self.sets[0]), self.published[0].split())

    def test_notBefore(self) -> None:
        """Before it is watched it asks nobody."""
        self.wait(5)
        self.assertEqual((self.asked(), self.clock.getDelayedCalls()), ([], []))

    def test_renewed(self) -> None:
        """When the shortest lifetime of its records is over, the name is asked for again, and a change is published."""
        self.resolver.publish("api.example 60 A 192.0.2.1", "api.example 7 AAAA 2001:db8::1")
        self.follow()
        self.resolver.publish("api.example 60 A 192.0.2.2")
        self.wait(6.9)
        self.assertEqual(len(self.published), 1)
        self.wait(0.2)
        self.assertEqual(self.published[1:], ["192.0.2.2:6443"])

    def test_aliases(self) -> None:
        """Aliases are followed, and their lifetimes count."""
        self.resolver.publish(
            "api.example 3 CNAME lb.example", "lb.example 60 CNAME a.example", "a.example 60 A 192.0.2.1"
        )
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])
        self.assertEqual(self.timesAsked("api.example A", 5), [3.0])

    def test_shortest(self) -> None:
        """Records that do not hold at all hold for a second."""
        self.resolver.publish("api.example 0 A 192.0.2.1", "api.example 0 AAAA 2001:db8::1")
        self.follow()
        self.assertEqual(self.timesAsked("api.example A", 3.5), [1.0, 2.0, 3.0])

    def test_longest(self) -> None:
        """Records that hold for ever are asked for again after five minutes."""
        self.resolver.publish("api.example 4294967295 A 192.0.2.1", "api.example 86400 AAAA 2001:db8::1")
        self.follow()
        self.assertEqual(self.timesAsked("api.example A", 310), [300.0])

    def test_oneFamilyOnly(self) -> None:
        """A name with addresses of one family is well, and is asked for at their lifetime."""
        self.resolver.publish("api.example 10 A 192.0.2.1")
        self.follow()
        self.assertEqual((self.error, self.lines), (None, []))
        self.assertEqual(self.timesAsked("api.example AAAA", 25), [10.0, 20.0])

    def test_familyGoes(self) -> None:
        """Where one family has addresses, and the other has none any more, that is believed."""
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 AAAA 2001:db8::1")
        self.follow()
        self.resolver.publish("api.example 1 AAAA 2001:db8::1")
        self.wait(1.5)
        self.assertEqual(self.published[1:], ["[2001:db8::1]:6443"])
        self.assertIsNone(self.error)

    def test_familyChanges(self) -> None:
        """A name that moves from one family to the other is published once, without a moment of neither or both."""
        self.resolver.publish("api.example 1 A 192.0.2.1")
        self.follow()
        self.resolver.held = {"api.example AAAA"}
        self.resolver.publish("api.example 1 AAAA 2001:db8::1")
        self.wait(1.05)
        self.assertEqual(len(self.published), 1)
        self.resolver.answerAll()
        self.assertEqual(self.published[1:], ["[2001:db8::1]:6443"])

    def test_otherOrder(self) -> None:
        """The same records in another order, or twice, are no change."""
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 A 192.0.2.2")
        self.follow()
        self.resolver.publish("api.example 1 A 192.0.2.2", "api.example 1 A 192.0.2.1", "api.example 1 A 192.0.2.2")
        self.wait(3)
        self.assertEqual(len(self.published), 1)

    def test_unchangedStayTheSame(self) -> None:
        """Backends that stay are the same objects."""
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 A 192.0.2.2")
        self.follow()
        self.resolver.publish("api.example 1 A 192.0.2.2", "api.example 1 A 192.0.2.3")
        self.wait(1.5)
        before, after = self.sets
        self.assertEqual(list(after), ["192.0.2.2:6443", "192.0.2.3:6443"])
        self.assertIs(after["192.0.2.2:6443"], before["192.0.2.2:6443"])

    def test_slowFamilyAtFirst(self) -> None:
        """A family that is not answered does not hold up the first set; its addresses join when it is."""
        self.resolver.publish("api.example 60 A 192.0.2.1", "api.example 60 AAAA 2001:db8::1")
        self.resolver.held = {"api.example AAAA"}
        self.follow()
        self.wait(0.5)
        self.resolver.answerAll()
        self.assertEqual(self.published, ["192.0.2.1:6443", "192.0.2.1:6443 [2001:db8::1]:6443"])

    def test_together(self) -> None:
        """Families that are answered one right after the other make one set."""
        self.resolver.publish("api.example 60 A 192.0.2.1", "api.example 60 AAAA 2001:db8::1")
        self.resolver.held = {"api.example AAAA"}
        self.follow()
        self.wait(0.05)
        self.resolver.answerAll()
        self.wait(1)
        self.assertEqual(self.published, ["192.0.2.1:6443 [2001:db8::1]:6443"])

    def test_slowFamilyLater(self) -> None:
        """Nor does it hold up the renewal of the other one; it keeps its addresses meanwhile."""
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 AAAA 2001:db8::1")
        self.follow()
        self.resolver.held = {"api.example AAAA"}
        self.wait(1.5)
        for number in (2, 3):
            self.resolver.publish(f"api.example 1 A 192.0.2.{number}", "api.example 1 AAAA 2001:db8::1")
            self.wait(1.2)
        self.assertEqual(self.published[1:], ["192.0.2.2:6443 [2001:db8::1]:6443", "192.0.2.3:6443 [2001:db8::1]:6443"])
        self.assertEqual([question for question, _ in self.resolver.pending], ["api.example AAAA"])


class LifeTests(DNSCase):
    """Watchers that come and go, and what the provider tells of itself."""

    def test_endsWhileAsking(self) -> None:
        """With the last watcher the lookups that are under way are cancelled, and nothing is scheduled."""
        self.resolver.held = {"api.example A", "api.example AAAA"}
        first, second = self.follow(), self.follow()
        first.close()
        self.assertEqual(len(self.resolver.pending), 2)
        second.close()
        self.assertEqual((self.resolver.pending, self.clock.getDelayedCalls()), ([], []))

    def test_endsWhileWaiting(self) -> None:
        """Nothing is scheduled either when it ends between two renewals, or two failures."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        for failing in ([], ["api.example AAAA"]):
            self.resolver.failures = dict.fromkeys(failing, OSError("broken"))
            watcher = self.follow()
            self.wait(2)
            self.assertNotEqual(self.clock.getDelayedCalls(), [])
            watcher.close()
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endsWhileGathering(self) -> None:
        """Nor when one family was answered a moment ago; that answer is not published after the end."""
        self.resolver.publish("api.example 60 A 192.0.2.1", "api.example 60 AAAA 2001:db8::1")
        self.resolver.held = {"api.example AAAA"}
        self.follow().close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait(1)
        self.assertEqual(self.published, [])

    def test_endsBySet(self) -> None:
        """A watcher may close as soon as it has its set."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.resolver.held = {"api.example A"}
        watcher = self.provider.watch()
        closed = watcher.get().addCallback(lambda _: watcher.close())
        self.resolver.answerAll()
        self.successResultOf(closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_watchedAgain(self) -> None:
        """Watched again, it publishes what it knows at once, and asks anew when that is too old, as if never left."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow().close()
        self.resolver.publish("api.example 60 A 192.0.2.2")
        self.asked()
        self.wait(50)
        self.follow()
        self.wait(9.9)
        self.assertEqual((self.published, self.asked()), (["192.0.2.1:6443"] * 2, []))
        self.wait(0.2)
        self.assertEqual(self.published[2:], ["192.0.2.2:6443"])

    def test_watchedAgainLater(self) -> None:
        """If it is too old already, that is at once."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow().close()
        self.wait(61)
        self.resolver.publish("api.example 60 A 192.0.2.2")
        self.resolver.held = {"api.example A"}
        self.asked()
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"] * 2)
        self.assertEqual(self.asked(), ["api.example A", "api.example AAAA"])
        self.resolver.answerAll()
        self.assertEqual(self.published[2:], ["192.0.2.2:6443"])
        self.assertEqual(self.timesAsked("api.example A", 70), [60.0])

    def test_watchedAgainAfterFailure(self) -> None:
        """So it is when a family has failed, or a lookup was cut short."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.resolver.failures = {"api.example AAAA": OSError("broken")}
        self.follow().close()
        self.asked()
        self.follow()
        self.assertEqual(self.asked(), ["api.example A", "api.example AAAA"])

    def test_watchedAgainInVain(self) -> None:
        """What it knows stays also when nobody answers it any more."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow().close()
        self.wait(61)
        self.resolver.publish()
        self.follow()
        self.wait(40)
        self.assertEqual(self.published, ["192.0.2.1:6443"] * 2)
        self.assertEqual(self.error, "api.example does not exist (NXDOMAIN)")

    def test_describe(self) -> None:
        """It tells what it follows, and when the set last changed."""
        self.assertEqual(self.provider.describe(), {"source": "dns api.example:6443", "error": None, "changed": None})
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow()
        self.assertIsNotNone(self.provider.describe()["changed"])

    def test_spelling(self) -> None:
        """A name in capitals, or with the dot that ends a complete one, is the same name."""
        self.make(DNSProvider, "API.Example.", 6443)
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_interfaces(self) -> None:
        """It is a provider that can say how it is doing."""
        self.assertTrue(verifyObject(IProvider, self.provider))
        self.assertTrue(verifyObject(IDescribed, self.provider))


class WrongTests(DNSCase):
    """What cannot be followed is said when the provider is made."""

    def wrong(self, host: str, port: int) -> str:
        """What is said."""
        return str(self.assertRaises(InvalidAddress, self.make, DNSProvider, host, port))

    def test_literal(self) -> None:
        """An address needs no DNS."""
        for address in ("192.0.2.1", "2001:DB8::1"):
            self.assertEqual(
                self.wrong(address, 80), f"{address.lower()} is an address and needs no DNS; give it as a fixed backend"
            )

    def test_name(self) -> None:
        """What is no name of a host is refused."""
        for name in ("", "a b", "-x.example", "x..example", "l" * 64, "é.example", "1.2.3"):
            self.assertIn("is neither an IPv4 or IPv6 address nor a host name", self.wrong(name, 80))

    def test_port(self) -> None:
        """So is a port that is none."""
        for port in (0, 65536, -1):
            self.assertIn(f"the port {port} is not", self.wrong("api.example", port))
