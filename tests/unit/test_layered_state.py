"""Layers that remember: who serves after a restart until the source has answered, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.layeredcase import shapeOf
from tests.unit.servicecase import WatchedProvider
from tests.unit.statecase import SOURCE, StateCase
from tinylb import BackendSet
from tinylb.interfaces import IDescribed, IExpecting
from tinylb.providers.layered import LayeredProvider
from tinylb.testing import MemoryBackend


@implementer(IDescribed)
class NamedProvider(WatchedProvider):
    """A provider that says what it is."""

    name = SOURCE
    error: str | None = None

    def describe(self) -> Mapping[str, str | None]:
        """See L{IDescribed.describe}."""
        return {"source": self.name, "error": self.error, "changed": None}


@implementer(IExpecting)
class ExpectingProvider(NamedProvider):
    """One that wants to know who was there, too; C{asWatched} tells whether it was told before it was watched."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: list[tuple[list[str], bool]] = []

    def expect(self, backends: BackendSet) -> None:
        """See L{IExpecting.expect}."""
        self.expected.append((list(backends), self.isWatched))


class LayeredStateCase(StateCase):
    """Runs of a program, one after the other, with the same state file."""

    def setUp(self) -> None:
        """The first run, with a source that says nothing yet."""
        super().setUp()
        self.restart()

    def restart(self, source: NamedProvider | None = None, standby: BackendSet | None = None) -> None:
        """The next run."""
        self.source = source or NamedProvider()
        self.state = self.open()
        self.provider = LayeredProvider(
            self.clock, self.source, standby, state=self.state, clock=self.clock, random=lambda: 0.0
        )
        self.published: list[BackendSet] = []

    def watch(self) -> None:
        """Watch to the end of the test."""
        watcher = self.provider.watch()

        def got(backends: BackendSet) -> None:
            self.published.append(backends)
            watcher.get().addCallbacks(got, lambda _: None)

        watcher.get().addCallbacks(got, lambda _: None)
        self.addCleanup(watcher.close)

    def say(self, *numbers: int) -> None:
        """The source says who is there, and that is written."""
        self.source.set(self.cps(*numbers))
        while self.threads.waiting:
            self.threads.run()

    def targets(self) -> list[str]:
        """The last set: who is in it, by the last part of the address, with a star before those who stand by."""
        return [
            f"{target.split('.')[-1].split(':')[0].join(('*' * target.startswith('*'), ''))}/{tier}"
            for target, tier in shapeOf(self.published[-1]).values()
        ]


class RestartTests(LayeredStateCase):
    """The source's last good set serves until it has answered again."""

    def test_remembered(self) -> None:
        """Who was there last is there at once, before anything else is known; the log says so."""
        self.watch()
        self.say(1, 2)
        self.restart()
        self.watch()
        self.assertEqual(self.targets(), ["1/0", "2/0"])
        self.assertIn(f"Until {SOURCE} answers, clients go to 2 remembered backends", self.lines[-1])

    def test_together(self) -> None:
        """They serve beside those who stand by, in the same tier: either may be the one that is still there."""
        self.watch()
        self.say(1)
        self.restart(standby=self.cps(1, 9))
        self.watch()
        self.assertEqual(self.targets(), ["1/0", "*9/0"])

    def test_lowestTier(self) -> None:
        """That is the lowest tier of those remembered."""
        self.watch()
        self.source.set(BackendSet({"a": self.tcp("192.0.2.1:1", tier=4), "b": self.tcp("192.0.2.2:1", tier=5)}))
        self.threads.run()
        self.restart(standby=self.cps(9))
        self.watch()
        self.assertEqual(self.targets(), ["1/4", "2/5", "*9/4"])

    def test_replaced(self) -> None:
        """As soon as the source answers, what it says counts, and nothing that was remembered."""
        self.watch()
        self.say(1, 2)
        self.restart(standby=self.cps(9))
        self.watch()
        self.say(3)
        self.assertEqual(self.targets(), ["3/0", "*9/1"])
        self.assertEqual(self.kept, ["cp-3"])

    def test_replacedByNobody(self) -> None:
        """Also when it says that there is nobody; that set is not remembered."""
        self.watch()
        self.say(1, 2)
        self.restart(standby=self.cps(9))
        self.watch()
        self.say()
        self.assertEqual((self.targets(), self.kept), (["*9/0"], ["cp-1", "cp-2"]))

    def test_notNeeded(self) -> None:
        """A source that answers at once leaves no moment for what is remembered."""
        self.watch()
        self.say(1)
        self.restart()
        self.source.set(self.cps(2))
        self.watch()
        self.assertEqual([shapeOf(each) for each in self.published], [shapeOf(self.cps(2))])
        self.assertFalse([line for line in self.lines if "Until" in line])
        while self.threads.waiting:
            self.threads.run()

    def test_anotherSource(self) -> None:
        """What was remembered of another source is ignored."""
        self.watch()
        self.say(1)
        source = NamedProvider()
        source.name = "dns cp.example:6443"
        self.restart(source)
        self.watch()
        self.assertEqual(self.published, [])
        self.assertIn("another source", self.lines[-1])

    def test_notTwice(self) -> None:
        """Once the source has answered it is not forgotten for what is in the file, however often it is watched."""
        self.watch()
        self.say(1)
        self.restart()
        self.provider.watch().close()
        watcher = self.provider.watch()
        self.source.set(BackendSet())
        watcher.close()
        self.watch()
        self.assertEqual([list(each) for each in self.published], [[]])

    def test_readOnce(self) -> None:
        """The file is read once, however often it is watched: what it said serves until the source has answered."""
        self.watch()
        self.say(1)
        self.restart()
        self.provider.watch().close()
        self.path.write_text("nonsense")
        self.watch()
        self.assertEqual(self.targets(), ["1/0"])
        self.assertFalse([line for line in self.lines if "ignored" in line])


class RememberTests(LayeredStateCase):
    """What the source says is remembered."""

    def test_eachChange(self) -> None:
        """The file follows the source."""
        self.watch()
        for numbers in ((1,), (1, 2), (3,)):
            self.say(*numbers)
            self.assertEqual(self.kept, [f"cp-{number}" for number in numbers])

    def test_inForceFirst(self) -> None:
        """A set is in force before the disk is asked anything."""
        inForce: list[int] = []

        def atOnce(_: object) -> Deferred[None]:
            inForce.append(len(self.published))
            return succeed(None)

        self.patch(self.state, "_inThread", atOnce)
        self.watch()
        self.say(1)
        self.say(2)
        self.assertEqual(inForce, [1, 2])

    def test_notThoseWhoStandBy(self) -> None:
        """Those who stand by are no part of it, before and after the source has answered."""
        self.restart(standby=self.cps(9))
        self.watch()
        self.assertEqual(self.threads.waiting, [])
        self.say(1)
        self.assertEqual(self.kept, ["cp-1"])
        self.say(1, 9)
        self.assertEqual(self.kept, ["cp-1", "cp-9"])

    def test_closes(self) -> None:
        """When nobody watches, nothing more is tried."""
        watcher = self.provider.watch()
        self.source.set(self.cps(1))
        self.threads.fail(OSError(28, "No space left on device"))
        watcher.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oddBackends(self) -> None:
        """A set of which nobody can be remembered is in force all the same."""
        self.watch()
        self.source.set(BackendSet({"m": MemoryBackend(self.clock, "m")}))
        self.assertEqual(list(self.published[-1]), ["m"])
        self.assertEqual(self.threads.waiting, [])


class DescribeTests(LayeredStateCase):
    """Trouble with the file is shown beside trouble with the source."""

    def test_both(self) -> None:
        """The source's error, the file's, or both; and neither when all is well."""
        self.watch()
        self.assertIsNone(self.provider.describe()["error"])
        self.source.set(self.cps(1))
        self.threads.fail(OSError(28, "No space left on device"))
        full = f"state file {self.path} cannot be written: no space left on device"
        self.assertEqual(self.provider.describe()["error"], full)
        self.source.error = "no answer"
        self.assertEqual(self.provider.describe()["error"], f"no answer; {full}")
        self.clock.advance(10)
        self.threads.run()
        self.assertEqual(self.provider.describe()["error"], "no answer")
        self.source.error = None
        self.assertIsNone(self.provider.describe()["error"])


class ExpectingTests(LayeredStateCase):
    """A source that may doubt that there is nobody is told who was there."""

    def test_told(self) -> None:
        """Before it is watched it is told who is remembered, and of nobody who stands by."""
        self.watch()
        self.say(1, 2)
        source = ExpectingProvider()
        verifyObject(IExpecting, source)
        self.restart(source, standby=self.cps(9))
        self.watch()
        self.assertEqual(source.expected, [(["cp-1", "cp-2"], False)])

    def test_notAfterItHasAnswered(self) -> None:
        """Once it has answered it knows better, and is told no more."""
        self.watch()
        self.say(1)
        source = ExpectingProvider()
        self.restart(source)
        watcher = self.provider.watch()
        self.say(2)
        watcher.close()
        self.watch()
        self.assertEqual(len(source.expected), 1)
