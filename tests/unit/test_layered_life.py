"""Layers over time: watched and not, over sources that fail, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import implementer

from tests.unit.layeredcase import LayeredCase
from tests.unit.servicecase import WatchedProvider
from tinylb import BackendSet
from tinylb.interfaces import IDescribed


@implementer(IDescribed)
class DescribedProvider(WatchedProvider):
    """A provider that says of itself what the test has it say."""

    told: Mapping[str, str | None] = {"source": "the stars", "error": None, "changed": "yesterday"}

    def describe(self) -> Mapping[str, str | None]:
        """See L{IDescribed.describe}."""
        return self.told


class LifeTests(LayeredCase):
    """The work begins with the first watcher and ends with the last one."""

    def test_onlyWhileWatched(self) -> None:
        """The source is watched while somebody watches, and nothing is published or logged before."""
        self.layers({"f": "x"})
        self.assertFalse(self.source.isWatched)
        self.assertEqual(self.lines, [])
        first, second = self.provider.watch(), self.provider.watch()
        self.assertTrue(self.source.isWatched)
        first.close()
        self.assertTrue(self.source.isWatched)
        second.close()
        self.assertFalse(self.source.isWatched)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_everyWatcher(self) -> None:
        """A watcher that comes later has the set that is in force."""
        self.follow({"f": "x"})
        self.say({"a": "y"})
        late = self.provider.watch()
        current: BackendSet = self.successResultOf(late.get())
        self.assertEqual(list(current), ["a", "f"])
        late.close()

    def test_nothingAfterwards(self) -> None:
        """What the source says while nobody watches is not published, until somebody watches again."""
        self.layers({"f": "x"})
        watcher = self.watch()
        self.say({"a": "y"})
        watcher.close()
        self.say({"b": "z"})
        self.clock.advance(3600)
        self.assertEqual(len(self.published), 2)
        self.watch()
        self.assertEqual(self.shape, {"b": ("z", 0), "f": ("*x", 1)})

    def test_hasAnsweredBefore(self) -> None:
        """Who watches again has what the source said last: it does not begin anew with those who stand by."""
        self.layers({"f": "x"})
        self.watch().close()
        watcher = self.watch()
        self.say({"a": "y"})
        watcher.close()
        del self.published[:], self.lines[:]
        self.watch()
        self.assertEqual(self.shapes[-1], {"a": ("y", 0), "f": ("*x", 1)})
        self.assertNotIn({"f": ("*x", 0)}, self.shapes)
        self.assertEqual(self.lines, [])

    def test_loggedOnce(self) -> None:
        """However often it is watched while the source has not answered, that is worth one line."""
        self.layers({"f": "x"})
        for _ in range(3):
            watcher = self.provider.watch()
            current: BackendSet = self.successResultOf(watcher.get())
            self.assertEqual(list(current), ["f"])
            watcher.close()
        self.assertEqual(len(self.lines), 1)

    def test_stoppedByWhoIsTold(self) -> None:
        """Whoever is told of a set may stop watching there and then."""
        self.layers({"f": "x"})
        watcher = self.provider.watch()
        self.successResultOf(watcher.get())
        watcher.get().addBoth(lambda _: watcher.close())
        self.say({"a": "y"})
        self.assertFalse(self.source.isWatched)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FailingSourceTests(LayeredCase):
    """A source that fails takes nothing away."""

    def test_beforeItAnswers(self) -> None:
        """Those who stand by serve, the source is asked again, and its answer counts when it comes."""
        self.follow({"f": "x"})
        self.source.fail(RuntimeError("no luck"))
        self.assertEqual(self.shape, {"f": ("*x", 0)})
        self.assertIn("no luck", str(self.provider.describe()["error"]))
        self.clock.advance(1)
        self.say({"a": "y"})
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1)})
        self.assertIsNone(self.provider.describe()["error"])

    def test_afterwards(self) -> None:
        """What it said last stays in force."""
        self.follow({"f": "x"})
        self.say({"a": "y"})
        self.source.fail(RuntimeError("no luck"))
        self.clock.advance(1)
        self.assertEqual(len(self.published), 2)
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1)})

    def test_cannotBeWatched(self) -> None:
        """One that cannot even be watched is no worse, and is tried again."""
        tries: list[None] = []

        def watch() -> None:
            tries.append(None)
            raise RuntimeError("not today")

        self.patch(self.source, "watch", watch)
        self.layers({"f": "x"})
        self.watch()
        self.assertEqual(self.shapes, [{"f": ("*x", 0)}])
        self.clock.pump([1.0] * 3)
        self.assertGreater(len(tries), 1)
        self.assertEqual(len([line for line in self.lines if "not today" in line]), 1)

    def test_noSet(self) -> None:
        """A mapping is as good as a set; what is neither is an error, and changes nothing."""
        self.follow({"f": "x"})
        self.source.set({"a": self.backend("y")})  # type: ignore[arg-type]
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1)})
        self.source.set("nonsense")  # type: ignore[arg-type]
        self.assertEqual(self.shape, {"a": ("y", 0), "f": ("*x", 1)})
        self.assertIsNotNone(self.provider.describe()["error"])


class DescribeTests(LayeredCase):
    """What is told of it is what the source tells."""

    def test_sources(self) -> None:
        """Source, error and change are the source's."""
        self.source = DescribedProvider()
        self.follow({"f": "x"})
        self.assertEqual(self.provider.describe(), DescribedProvider.told)
        self.source.told = {"source": "the stars", "error": "clouds", "changed": None}
        self.assertEqual(self.provider.describe(), self.source.told)

    def test_logged(self) -> None:
        """The log names the source that is waited for."""
        self.source = DescribedProvider()
        self.follow({"f": "x"})
        [line] = self.lines
        self.assertIn("Until the stars answers", line)

    def test_unknown(self) -> None:
        """Of a source that tells nothing: what it is, what it failed with, and when there was a set."""
        self.follow({"f": "x"})
        self.assertEqual(self.provider.describe(), {"source": "WatchedProvider", "error": None, "changed": None})
        self.say({})
        self.assertIsNotNone(self.provider.describe()["changed"])
