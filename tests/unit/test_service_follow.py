"""The balancer as a service: following its provider, and leaving itself out."""

from __future__ import annotations

from tests.unit.servicecase import ServiceTestCase
from tinylb import BackendSet
from tinylb.testing import MemoryBackend


class FollowTests(ServiceTestCase):
    """From the provider to the balancer."""

    def test_eachSet(self) -> None:
        """Each set is in force in the turn in which it is published."""
        service = self.started()
        self.provider.set(self.set)
        client = self.endpoint.connect()
        self.provider.set(BackendSet())
        self.assertEqual(list(service.balancer.backends), [])
        self.clock.advance(0)
        self.assertEqual(client.ending, "reset")

    def test_mapping(self) -> None:
        """A provider of one's own may publish a plain mapping."""
        service = self.started()
        self.provider.set({"a": self.backend})  # type: ignore[arg-type]
        self.assertEqual(list(service.balancer.backends), ["a"])

    def test_failure(self) -> None:
        """A provider that fails takes nothing away; it is asked again, and its next set is taken."""
        service = self.started()
        self.provider.set(self.set)
        self.provider.fail(OSError("cannot reach it"))
        self.assertEqual(list(service.balancer.backends), ["a"])
        self.assertEqual(service.describe()["provider"]["error"], "OSError: cannot reach it")
        self.provider.set(BackendSet())
        self.clock.advance(1)
        self.assertEqual(list(service.balancer.backends), [])
        self.assertIsNone(service.describe()["provider"]["error"])

    def test_failureIsLoggedOnce(self) -> None:
        """The same trouble again and again is one line, and its end is another."""
        self.started()
        for _ in range(3):
            self.provider.fail(OSError("cannot reach it"))
            self.clock.advance(30)
        self.provider.set(self.set)
        about = [line for line in self.lines if "provider" in line]
        self.assertEqual(
            about,
            [
                "error: The provider failed; the last set stays in force: OSError: cannot reach it",
                "info: The provider works again",
            ],
        )

    def test_nonsense(self) -> None:
        """What is no set changes nothing, and is a failure of the provider."""
        service = self.started()
        self.provider.set(self.set)
        self.provider.set({"b": "192.0.2.1:80"})  # type: ignore[arg-type]
        self.assertEqual(list(service.balancer.backends), ["a"])
        self.assertIn("TypeError", service.describe()["provider"]["error"])

    def test_describe(self) -> None:
        """The description is the balancer's, who listens, and how the provider is doing."""
        service = self.started()
        self.provider.set(self.set)
        known = service.describe()
        provider, listening = known.pop("provider"), known.pop("listening")
        self.assertEqual(listening, [{"address": "127.0.0.1:6443", "accepting": True, "why": None}])
        self.assertEqual(known, service.balancer.describe())
        self.assertEqual((provider["source"], provider["error"]), ("WatchedProvider", None))
        self.assertRegex(provider["changed"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")


class OwnAddressTests(ServiceTestCase):
    """A balancer in its own set."""

    def setUp(self) -> None:
        super().setUp()
        self.own = MemoryBackend(self.clock, "127.0.0.1:6443")
        self.both = BackendSet({"a": self.backend, "me": self.own})

    def test_leftOut(self) -> None:
        """It is left out, and the log says so."""
        service = self.started()
        self.provider.set(self.both)
        self.assertEqual(list(service.balancer.backends), ["a"])
        self.assertIn("warn: Backend me (127.0.0.1:6443) is left out: it is this balancer's own address", self.lines)

    def test_publishedBefore(self) -> None:
        """It is left out also of a set that was there before the address was known, and gets no client."""
        self.provider.set(self.both)
        service = self.started()
        self.assertEqual(list(service.balancer.backends), ["a"])
        for _ in range(4):
            self.endpoint.connect()
        self.assertEqual(self.own.attempts, 0)

    def test_anotherSpelling(self) -> None:
        """The same id with another address of our own is said, too; the others are not said again."""
        self.started()
        self.provider.set(self.both)
        other = MemoryBackend(self.clock, "localhost:6443")
        self.provider.set(BackendSet({"me": self.own, "me-too": other}))
        self.provider.set(BackendSet({"me": other, "me-too": other}))
        said = [line.split(" is left out")[0] for line in self.lines if "left out" in line]
        expected = ["me (127.0.0.1:6443)", "me-too (localhost:6443)", "me (localhost:6443)"]
        self.assertEqual(said, [f"warn: Backend {which}" for which in expected])

    def test_saidOnce(self) -> None:
        """As long as it is in the set it is said once, and again when it comes back."""
        self.started()
        for published in (self.both, self.both, self.set, self.both):
            self.provider.set(published)
        self.assertEqual(len([line for line in self.lines if "left out" in line]), 2)

    def test_nobodyElse(self) -> None:
        """A set of nobody but ourselves is an empty one: clients are closed, and do not go round in circles."""
        self.started()
        self.provider.set(BackendSet({"me": self.own}))
        self.assertTrue(self.endpoint.connect().hasFinished)
        self.assertEqual(self.own.attempts, 0)
