"""What a provider makes of failures, and of answers that there is nothing."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import TimeoutError
from twisted.names.error import (
    AuthoritativeDomainError,
    DNSFormatError,
    DNSNotImplementedError,
    DNSQueryRefusedError,
    DNSQueryTimeoutError,
    DNSServerError,
    ResolverError,
)

from tests.unit.dnscase import DNSCase
from tinylb.providers.dns import DNSProvider

STAYS = "the last good set stays in force"
PARTLY = "what is known of it stays, the rest is renewed"
NAME = "error: dns api.example:6443: "


class FailureTests(DNSCase):
    """A name that was well, with an address of either family."""

    def setUp(self) -> None:
        """It is followed."""
        super().setUp()
        self.restore()
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443 [2001:db8::1]:6443"])

    def restore(self) -> None:
        """All is well."""
        self.resolver.failures = {}
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 AAAA 2001:db8::1")

    def failWith(self, error: Exception) -> None:
        """Both families fail from now on."""
        self.resolver.failures = {"api.example A": error, "api.example AAAA": error}

    def test_said(self) -> None:
        """Whatever goes wrong, the last set stays, and one line says for which name and what; it is logged once."""
        for error, said in (
            (DNSServerError(), "the resolver has failed (SERVFAIL)"),
            (DNSQueryRefusedError(), "the resolver refuses to answer (REFUSED)"),
            (DNSFormatError(), "the resolver does not understand the question (FORMERR)"),
            (DNSNotImplementedError(), "the resolver does not know such questions (NOTIMP)"),
            (DNSQueryTimeoutError(1), "the resolver does not answer"),
            (ResolverError("192.0.2.53 does not answer"), "192.0.2.53 does not answer"),
            (TimeoutError(), "the resolver does not answer"),
            (OSError("no\nway"), "OSError: 'no\\nway'"),
        ):
            self.lines.clear()
            self.failWith(error)
            self.wait(40)
            self.assertEqual(self.error, f"A and AAAA of api.example: {said}")
            self.assertEqual(self.lines, [f"{NAME}A and AAAA of api.example: {said}; {STAYS}"])
        self.assertEqual(len(self.published), 1)

    def test_over(self) -> None:
        """When it works again, one line says so, and the error is gone."""
        self.failWith(DNSServerError())
        self.wait(3)
        self.lines.clear()
        self.restore()
        self.wait(10)
        self.assertEqual(self.lines, ["info: dns api.example:6443 works again"])
        self.assertIsNone(self.error)
        self.assertEqual(len(self.published), 1)

    def test_backoff(self) -> None:
        """It is tried again after a second, and then after twice as long each time, up to half a minute."""
        self.failWith(DNSServerError())
        times = self.timesAsked("api.example A", 130)
        self.assertEqual(times, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 62.0, 92.0, 122.0])

    def test_backoffBeginsAnew(self) -> None:
        """After a success the next failure is a first one."""
        self.failWith(DNSServerError())
        self.wait(70)
        self.restore()
        self.wait(40)
        self.failWith(DNSServerError())
        first, second, third, *_ = self.timesAsked("api.example A", 10)
        self.assertEqual((round(second - first, 1), round(third - second, 1)), (1.0, 2.0))

    def test_doesNotExist(self) -> None:
        """A name that is gone keeps its last set, and that is said."""
        self.resolver.publish()
        self.wait(40)
        self.assertEqual(self.lines, [f"{NAME}api.example does not exist (NXDOMAIN); {STAYS}"])
        self.assertEqual(len(self.published), 1)

    def test_doesNotExistForSure(self) -> None:
        """An authority's word is the same."""
        self.failWith(AuthoritativeDomainError())
        self.wait(2)
        self.assertEqual(self.error, "api.example does not exist (NXDOMAIN)")

    def test_empty(self) -> None:
        """So does one that has other records only."""
        self.resolver.publish("api.example 1 TXT nothing")
        self.wait(40)
        self.assertEqual(self.lines, [f"{NAME}api.example has no A or AAAA records; {STAYS}"])
        self.assertEqual(len(self.published), 1)

    def test_emptyOneAfterTheOther(self) -> None:
        """Families that turn empty one after the other take nothing away, however long that takes."""
        self.resolver.held = {"api.example AAAA"}
        self.wait(1.5)
        self.resolver.publish("api.example 1 TXT nothing")
        self.wait(3)
        self.resolver.answerAll()
        self.wait(10)
        self.assertEqual(len(self.published), 1)
        self.assertEqual(self.error, "api.example has no A or AAAA records")

    def test_family(self) -> None:
        """A family that fails keeps its addresses, while the other one is renewed as ever; and that is said."""
        self.resolver.failures = {"api.example AAAA": DNSServerError()}
        self.resolver.publish("api.example 1 A 192.0.2.2")
        self.wait(10)
        self.assertEqual(self.published[1:], ["192.0.2.2:6443 [2001:db8::1]:6443"])
        self.assertEqual(self.error, "AAAA of api.example: the resolver has failed (SERVFAIL)")
        self.assertEqual(self.lines, [f"{NAME}{self.error}; {PARTLY}"])
        self.assertIn(len(self.timesAsked("api.example A", 4.5)), (4, 5))

    def test_familyIsAskedLess(self) -> None:
        """A family that goes on failing is tried less and less often, however well the other one is."""
        self.resolver.failures = {"api.example AAAA": DNSServerError()}
        self.resolver.publish("api.example 300 A 192.0.2.1")
        self.assertEqual(self.timesAsked("api.example AAAA", 60), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])

    def test_familyBesideSilence(self) -> None:
        """A family that fails is tried again while the other one waits for its answer."""
        self.resolver.failures = {"api.example A": DNSServerError()}
        self.resolver.held = {"api.example AAAA"}
        self.assertEqual(self.timesAsked("api.example A", 10), [1.0, 2.0, 4.0, 8.0])

    def test_familyBesideNothing(self) -> None:
        """While one fails, the other's word that it has nothing is not believed: it may be all there is."""
        self.resolver.failures = {"api.example AAAA": DNSServerError()}
        self.resolver.publish("api.example 1 TXT nothing")
        self.wait(10)
        self.assertEqual(len(self.published), 1)

    def test_familyIsBack(self) -> None:
        """When it is answered again, its addresses are renewed, too."""
        self.resolver.failures = {"api.example AAAA": DNSServerError()}
        self.wait(10)
        self.restore()
        self.resolver.publish("api.example 1 A 192.0.2.1", "api.example 1 AAAA 2001:db8::2")
        self.wait(31)
        self.assertEqual(self.published[1:], ["192.0.2.1:6443 [2001:db8::2]:6443"])
        self.assertIsNone(self.error)

    def test_silence(self) -> None:
        """A resolver that never answers is given up after half a minute, and asked again."""
        self.resolver.held = {"api.example A", "api.example AAAA"}
        self.wait(30.5)
        self.assertIsNone(self.error)
        self.wait(1)
        self.assertEqual(self.error, "A and AAAA of api.example: the resolver does not answer")
        self.restore()
        self.resolver.held = set()
        self.wait(2)
        self.assertIsNone(self.error)
        self.assertEqual(self.resolver.pending, [])

    def test_raises(self) -> None:
        """A resolver that raises, or answers what is no answer, has failed."""
        for broken in (None, lambda name, timeout: None):
            self.patch(self.resolver, "lookupAddress", broken)
            self.wait(31)
            self.assertRegex(self.error or "", "^A of api.example: TypeError: ")
        self.assertEqual(len(self.published), 1)


class FirstTests(DNSCase):
    """A name of which nothing is known from it yet."""

    def test_nothingIsKnown(self) -> None:
        """Nothing is published, and that is said."""
        self.follow()
        self.wait(40)
        self.assertEqual(self.lines, [f"{NAME}api.example does not exist (NXDOMAIN); nothing is known from it yet"])
        self.assertEqual(self.published, [])

    def test_later(self) -> None:
        """It is published as soon as it is there."""
        self.follow()
        self.wait(0.5)
        self.resolver.publish("api.example 1 A 192.0.2.1")
        self.wait(1)
        self.assertEqual(self.published, ["192.0.2.1:6443"])

    def test_oneFamily(self) -> None:
        """If one family fails, the other one is published."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.resolver.failures = {"api.example AAAA": DNSServerError()}
        self.follow()
        self.assertEqual(self.published, ["192.0.2.1:6443"])
        self.assertEqual(self.lines, [f"{NAME}AAAA of api.example: the resolver has failed (SERVFAIL); {PARTLY}"])

    def test_jitter(self) -> None:
        """Providers that fail together do not try again together: up to half of the wait is left out."""
        asked = {}
        for number in (0.0, 0.5, 1.0):
            self.make(DNSProvider, "api.example", 6443, random=partial(float, number))
            watcher = self.follow()
            asked[number] = self.timesAsked("api.example A", 1.2)[0]
            watcher.close()
        self.assertEqual(asked, {0.0: 0.5, 0.5: 0.8, 1.0: 1.0})

    def test_withoutDots(self) -> None:
        """Of a name without dots the error says that it is complete: the system would try search domains."""
        self.make(DNSProvider, "apiserver", 6443)
        self.follow()
        self.assertEqual(
            self.error, "apiserver does not exist (NXDOMAIN); it is taken as it is, without search domains"
        )
