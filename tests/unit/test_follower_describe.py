"""What a follower says of its provider."""

from __future__ import annotations

from typing import Any

from zope.interface import implementer

from tests.unit.followercase import FollowerCase
from tinylb.interfaces import IDescribed
from tinylb.testing import ManualProvider


@implementer(IDescribed)
class DescribedProvider(ManualProvider):
    """A provider that says how it is doing."""

    error: str | None = None

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}."""
        return {"source": "the cloud", "error": self.error, "changed": "2026-11-22T12:00:00.000+00:00"}


@implementer(IDescribed)
class OddProvider(ManualProvider):
    """A provider that tells something else, or raises."""

    told: object = None

    def describe(self) -> Any:
        """See L{IDescribed.describe}."""
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


class DescribeTests(FollowerCase):
    """See L{Follower.describe}."""

    def test_silentProvider(self) -> None:
        """Of a provider that tells nothing the kind is known, and when a set came."""
        self.assertEqual(self.follower.describe(), {"source": "ManualProvider", "error": None, "changed": None})
        self.follower.start()
        self.provider.set(self.backends("a"))
        self.assertRegex(str(self.follower.describe()["changed"]), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")

    def test_describedProvider(self) -> None:
        """A provider that tells is believed."""
        provider = DescribedProvider()
        follower = self.follow(provider)
        follower.start()
        provider.set(self.backends("a"))
        self.assertEqual(follower.describe(), provider.describe())
        provider.error = "b.json: line 1"
        self.assertEqual(follower.describe()["error"], "b.json: line 1")

    def test_failure(self) -> None:
        """That it failed is known all the same."""
        provider = DescribedProvider()
        follower = self.follow(provider)
        follower.start()
        provider.fail(OSError("no answer"))
        self.assertEqual(follower.describe()["error"], "OSError: no answer")

    def odd(self, told: object) -> dict[str, str | None]:
        """What is known of a provider that says this of itself, or raises it."""
        provider = OddProvider()
        provider.told = told
        follower = self.follow(provider)
        follower.start()
        return follower.describe()

    def test_raises(self) -> None:
        """One that raises instead is in trouble, which holds nobody up; so is one that says nothing at all."""
        for told, why in ((RuntimeError("no network"), "RuntimeError"), (None, "TypeError"), ("well", "ValueError")):
            known = self.odd(told)
            self.assertEqual((known["source"], known["changed"]), ("OddProvider", None))
            self.assertIn(f"it does not say how it is doing: {why}(", str(known["error"]))

    def test_oddWords(self) -> None:
        """Of what is told, whatever is no text is passed over."""
        self.assertEqual(
            self.odd({"source": None, "error": 5, "changed": 12.5}),
            {"source": "OddProvider", "error": None, "changed": None},
        )
        self.assertEqual(
            self.odd({"source": 7, "error": "no answer"}),
            {"source": "OddProvider", "error": "no answer", "changed": None},
        )
