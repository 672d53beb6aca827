"""Whoever follows what is elsewhere can be told to look again."""

from __future__ import annotations

from zope.interface import implementer

from tests.unit.dnscase import DNSCase
from tests.unit.filecase import ONE, TWO, FileCase
from tests.unit.layeredcase import LayeredCase
from tests.unit.servicecase import ServiceTestCase, WatchedProvider
from tinylb.interfaces import IRefreshable
from tinylb.providers.dns import SRVProvider


@implementer(IRefreshable)
class LookingProvider(WatchedProvider):
    """
    Looks again when it is told to.

    @ivar looks: how often it was.
    """

    looks = 0

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}."""
        self.looks += 1


class ServiceTests(ServiceTestCase):
    """The service passes it on to its provider."""

    def setUp(self) -> None:
        super().setUp()
        self.looking = self.provider = LookingProvider()

    def test_passedOn(self) -> None:
        """It does, while it runs."""
        service = self.service()
        self.assertTrue(IRefreshable.providedBy(service))
        service.refresh()
        self.assertEqual(self.looking.looks, 0)
        service.startService()
        service.refresh()
        self.assertEqual(self.looking.looks, 1)
        service.stopService()
        service.refresh()
        self.assertEqual(self.looking.looks, 1)

    def test_cannot(self) -> None:
        """A provider that cannot look again is left in peace, and what is in force stays."""
        self.provider = WatchedProvider(self.set)
        service = self.started()
        service.refresh()
        self.assertEqual(list(service.balancer.backends), ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failed(self) -> None:
        """A provider that has failed is asked again now, not when its pause is over, and goes on from there."""
        service = self.started()
        self.provider.fail(OSError("cannot reach it"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        service.refresh()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.provider.set(self.set)
        self.assertEqual(list(service.balancer.backends), ["a"])
        self.assertIsNone(service.describeProvider()["error"])

    def test_often(self) -> None:
        """However often it is told while the provider fails, there is one pause, and the error is said once."""
        service = self.started()
        for _ in range(100):
            self.provider.fail(OSError("cannot reach it"))
            service.refresh()
        self.assertEqual(len([line for line in self.lines if "cannot reach it" in line]), 1)
        self.provider.fail(OSError("cannot reach it"))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class LayeredTests(LayeredCase):
    """Layers pass it on to their source."""

    def test_passedOn(self) -> None:
        """They do, while they are watched."""
        self.source = source = LookingProvider()
        layers = self.layers({"f": "f:1"})
        self.assertTrue(IRefreshable.providedBy(layers))
        layers.refresh()
        self.assertEqual(source.looks, 0)
        watcher = self.watch()
        layers.refresh()
        self.assertEqual((source.looks, len(self.published)), (1, 1))
        watcher.close()
        layers.refresh()
        self.assertEqual(source.looks, 1)

    def test_failed(self) -> None:
        """A source that has failed is asked again now."""
        self.follow({"f": "f:1"})
        self.source.fail(OSError("cannot reach it"))
        self.provider.refresh()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.say({"a": "a:1"})
        self.assertEqual(self.shape, {"a": ("a:1", 0), "f": ("*f:1", 1)})


class FileTests(FileCase):
    """A file is read again."""

    def test_readNow(self) -> None:
        """It is read there and then."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text(TWO)
        self.provider.refresh()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])
        self.assertEqual(self.lines, [])

    def test_unchanged(self) -> None:
        """A file that is as it was is no news, and is looked at later as before."""
        self.path.write_text(ONE)
        self.follow()
        for _ in range(1000):
            self.provider.refresh()
        self.assertEqual((self.ids(), self.lines, len(self.clock.getDelayedCalls())), (["cp-1"], [], 1))
        self.path.write_text(TWO)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])

    def test_saidAgain(self) -> None:
        """What is wrong with it is said again, each time; nothing else changes."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text("{")
        self.wait()
        self.assertEqual(len(self.lines), 1)
        self.wait(30)
        self.assertEqual(len(self.lines), 1)
        self.provider.refresh()
        self.provider.refresh()
        self.assertEqual(len(set(self.lines)), 1)
        self.assertEqual((len(self.lines), self.ids()), (3, ["cp-1"]))
        self.assertIn("the last good set stays in force", self.lines[0])

    def test_halfWritten(self) -> None:
        """One that is just being written is not taken for invalid before its time."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text(TWO[:20])
        self.provider.refresh()
        self.assertEqual(self.lines, [])
        self.path.write_text(TWO)
        self.wait()
        self.assertEqual((self.lines, self.ids()), ([], ["cp-1", "cp-1,cp-2"]))

    def test_unwatched(self) -> None:
        """Nothing is read, and no timer set, when nobody watches: before the first, and after the last."""
        self.path.write_text(ONE)
        self.provider.refresh()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        watcher = self.follow()
        watcher.close()
        self.path.write_text("{")
        self.provider.refresh()
        self.assertEqual((self.lines, self.clock.getDelayedCalls()), ([], []))


class DNSTests(DNSCase):
    """Names are asked for again."""

    def test_beforeTheTime(self) -> None:
        """They are, however long their records hold, and what is published then is in force."""
        self.resolver.publish("api.example 60 A 192.0.2.1", "api.example 60 AAAA 2001:db8::1")
        self.follow()
        self.wait(1)
        self.asked()
        self.resolver.publish("api.example 60 A 192.0.2.2", "api.example 60 AAAA 2001:db8::1")
        self.provider.refresh()
        self.assertEqual(self.asked(), ["api.example A", "api.example AAAA"])
        self.wait(1)
        self.assertEqual(self.published[-1], "192.0.2.2:6443 [2001:db8::1]:6443")
        self.assertEqual(self.timesAsked("api.example A", 90), [59.0])

    def test_whileAsking(self) -> None:
        """
        What is being asked is not asked twice, and nothing is taken away meanwhile. Its answer may be older than the
        news, so it is asked once more then.
        """
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.follow()
        self.wait(1)
        self.asked()
        both = ["api.example A", "api.example AAAA"]
        self.resolver.held = {*both}
        for _ in range(1000):
            self.provider.refresh()
        self.assertEqual(self.asked(), both)
        self.wait(1)
        self.assertEqual(self.published, ["192.0.2.1:6443"])
        self.resolver.answerAll()
        self.resolver.publish("api.example 60 A 192.0.2.2")
        self.assertEqual(self.asked(), [])
        self.wait(1)
        self.assertEqual((self.asked(), self.published), (both, ["192.0.2.1:6443", "192.0.2.2:6443"]))
        self.assertEqual(self.timesAsked("api.example A", 70), [59.0])

    def test_endsWhileAsking(self) -> None:
        """When nobody watches any more, nothing is asked once more; nor is it when somebody does again."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        watcher = self.follow()
        self.wait(1)
        self.resolver.held = {"api.example A", "api.example AAAA"}
        self.provider.refresh()
        self.provider.refresh()
        watcher.close()
        self.resolver.held.clear()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait(60)
        self.asked()
        self.follow()
        self.wait(0.5)
        self.assertEqual(self.asked(), ["api.example A", "api.example AAAA"])

    def test_failing(self) -> None:
        """A name that could not be found is asked for now, and the pauses begin anew."""
        self.follow()
        self.wait(20)
        self.asked()
        self.provider.refresh()
        self.assertEqual(self.asked(), ["api.example A", "api.example AAAA"])
        self.assertEqual(self.timesAsked("api.example A", 8), [1.0, 3.0, 7.0])

    def test_service(self) -> None:
        """The servers of a service are asked for as well as the service."""
        self.make(SRVProvider, "_s._tcp.example")
        self.resolver.publish("_s._tcp.example 60 SRV 0 1 443 a.example", "a.example 60 A 192.0.2.1")
        self.follow()
        self.wait(1)
        self.asked()
        self.provider.refresh()
        self.assertEqual(sorted(self.asked()), ["_s._tcp.example SRV", "a.example A", "a.example AAAA"])
        self.wait(1)
        self.assertEqual(self.published, ["192.0.2.1:443"])

    def test_unwatched(self) -> None:
        """Nothing is asked when nobody watches: before the first, and after the last."""
        self.resolver.publish("api.example 60 A 192.0.2.1")
        self.provider.refresh()
        self.assertEqual(self.asked(), [])
        watcher = self.follow()
        self.wait(1)
        watcher.close()
        self.asked()
        self.provider.refresh()
        self.assertEqual((self.asked(), self.clock.getDelayedCalls()), ([], []))
