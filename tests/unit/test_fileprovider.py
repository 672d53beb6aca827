"""Following a backends file."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from zope.interface.verify import verifyObject

from tests.unit.filecase import ONE, TWO, FileCase
from tinylb import FileProvider
from tinylb.interfaces import IDescribed, IProvider


class FollowTests(FileCase):
    """Valid files."""

    def test_atFirstWatch(self) -> None:
        """The set is there as soon as the provider is watched."""
        self.path.write_text(TWO)
        backends = self.successResultOf(self.provider.watch().get())
        self.assertEqual([(id, each.target) for id, each in backends.items()], [
            ("cp-1", "192.0.2.11:6443"),
            ("cp-2", "192.0.2.12:6443"),
        ])  # fmt: skip

    def test_notBefore(self) -> None:
        """Before it is watched it does nothing."""
        self.wait()
        self.assertEqual((self.clock.getDelayedCalls(), self.lines), ([], []))

    def test_writtenInPlace(self) -> None:
        """A change in place is published within the promised time."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text(TWO)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])

    def test_renamed(self) -> None:
        """So is a file that takes the old one's place."""
        self.path.write_text(ONE)
        self.follow()
        for content in (TWO, ONE, TWO):
            self.replace(content)
            self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2", "cp-1", "cp-1,cp-2"])

    def test_symbolicLinkSwapped(self) -> None:
        """So is the link that is swapped when a ConfigMap changes: the file's name leads through another link."""
        for name, content in (("v1", ONE), ("v2", TWO)):
            (self.folder / name).mkdir()
            (self.folder / name / "b.json").write_text(content)
        (self.folder / "..data").symlink_to("v1")
        self.path.symlink_to("..data/b.json")
        self.follow()
        (self.folder / "fresh").symlink_to("v2")
        (self.folder / "fresh").rename(self.folder / "..data")
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])

    def test_folderReplaced(self) -> None:
        """So is a whole folder that takes the old one's place."""
        current = self.folder / "current"
        current.mkdir()
        (current / "b.json").write_text(ONE)
        self.provider = FileProvider(self.reactor, current / "b.json", clock=self.clock)
        self.follow()
        current.rename(self.folder / "old")
        current.mkdir()
        (current / "b.json").write_text(TWO)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])

    def test_empty(self) -> None:
        """An empty object is published: no backends."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text('{"backends": {}}')
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", ""])

    def test_sameContent(self) -> None:
        """The same content written again publishes nothing."""
        self.path.write_text(ONE)
        self.follow()
        self.replace(ONE)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1"])

    def test_sameMeaning(self) -> None:
        """Nor does the same set in other words: spaces, order, spelling of addresses."""
        self.path.write_text('{"backends": {"a": "[2001:db8::1]:80", "b": {"address": "cp-1:80", "weight": 1}}}')
        self.follow()
        self.path.write_text('{"backends":\n  {"b": "CP-1:80", "a": {"address": "[2001:DB8:0::1]:80"}}}')
        self.wait()
        self.assertEqual(self.ids(), ["a,b"])

    def test_unchangedStayTheSame(self) -> None:
        """Backends that stay as they were stay the same objects; changed ones are new."""
        self.path.write_text(
            '{"backends": {"stays": "x:1", "moves": "y:1", "goes": "z:1", "local": {"endpoint": "unix:/x"}}}'
        )
        self.follow()
        self.path.write_text('{"backends": {"stays": "x:1", "moves": "y:2", "local": {"endpoint": "unix:/x"}}}')
        self.wait()
        before, after = self.published
        self.assertIs(after["stays"], before["stays"])
        self.assertIs(after["local"], before["local"])
        self.assertIsNot(after["moves"], before["moves"])
        self.assertEqual(after["moves"].target, "y:2")
        self.assertNotIn("goes", after)

    def test_newWeight(self) -> None:
        """A new tier or weight is a change."""
        self.path.write_text(ONE)
        self.follow()
        self.path.write_text('{"backends": {"cp-1": {"address": "192.0.2.11:6443", "tier": 1, "weight": 2}}}')
        self.wait()
        [member] = self.published[-1].members
        self.assertEqual((len(self.published), member.tier, member.weight), (2, 1, 2))

    def test_relativePath(self) -> None:
        """A relative path means the folder of the moment when the provider is made."""
        provider = FileProvider(self.reactor, os.path.relpath(self.path), clock=self.clock)
        self.assertEqual(os.path.realpath(provider.path), os.path.realpath(self.path))
        self.assertTrue(provider.path.is_absolute())


class LifeTests(FileCase):
    """Watchers that come and go, and what the provider tells of itself."""

    def test_endsWithTheLastWatcher(self) -> None:
        """Its work ends with the last watcher: nothing is scheduled, nothing read."""
        self.path.write_text(ONE)
        first, second = self.follow(), self.provider.watch()
        first.close()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        second.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endsWhileWaiting(self) -> None:
        """That holds also while a bad file is being tried again."""
        watcher = self.follow()
        self.wait(0.1)
        watcher.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait()
        self.assertEqual(self.lines, [])

    def test_watchedAgain(self) -> None:
        """Watched again it reads the file at once, and follows it as before."""
        self.path.write_text(ONE)
        self.follow().close()
        self.path.write_text(TWO)
        self.published.clear()
        self.follow()
        self.assertEqual(self.ids(), ["cp-1,cp-2"])
        self.path.write_text(ONE)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1,cp-2", "cp-1"])

    def test_watchedAgainUnchanged(self) -> None:
        """A new watcher gets the current set, also of a file that has not changed or is gone."""
        self.path.write_text(ONE)
        self.follow().close()
        self.follow().close()
        self.path.unlink()
        self.follow()
        self.assertEqual(self.ids(), ["cp-1", "cp-1", "cp-1"])

    def test_describe(self) -> None:
        """It tells what it follows, and when the set last changed."""
        self.assertEqual(self.provider.describe(), {"source": f"file {self.path}", "error": None, "changed": None})
        self.path.write_text(ONE)
        self.follow()
        changed = self.provider.describe()["changed"]
        assert changed is not None
        when = datetime.fromisoformat(changed)
        self.assertEqual(when.utcoffset(), timezone.utc.utcoffset(None))
        self.assertLess(abs((datetime.now(timezone.utc) - when).total_seconds()), 60)

    def test_interfaces(self) -> None:
        """It is a provider that can say how it is doing."""
        self.assertTrue(verifyObject(IProvider, self.provider))
        self.assertTrue(verifyObject(IDescribed, self.provider))
