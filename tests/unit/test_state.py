"""The state file: what is remembered of a set, and comes back from it."""

from __future__ import annotations

import json
import os

from tests.unit.statecase import SOURCE, StateCase
from tinylb import BackendSet, TCPBackend
from tinylb.interfaces import IBackend
from tinylb.providers.layered import LayeredProvider
from tinylb.testing import ManualProvider, MemoryBackend


class RememberTests(StateCase):
    """A set goes into the file and comes out of it."""

    def assertRemembered(self, backends: dict[str, IBackend]) -> BackendSet:
        """The next start finds exactly these."""
        published = BackendSet(backends)
        self.keep(published)
        recalled = self.recalled()
        self.assertEqual(recalled.members, published.members)
        return recalled

    def test_addresses(self) -> None:
        """IPv4, IPv6 with and without a zone, and names come back as the same targets, with tiers and weights."""
        recalled = self.assertRemembered(
            {
                "a": self.tcp("192.0.2.1:6443"),
                "b": TCPBackend(self.reactor, "2001:DB8::1", 6443, tier=3, weight=7),
                "c": TCPBackend(self.reactor, "fe80::1%eth0", 1, weight=2),
                "d": self.tcp("CP-1.Example:65535", tier=1),
            }
        )
        self.assertEqual({type(each) for each in recalled.values()}, {TCPBackend})

    def test_ids(self) -> None:
        """Ids are any text, in any script."""
        self.assertRemembered({id: self.tcp("192.0.2.1:1") for id in ("a b", "größe", '"', "\\", "源", "192.0.2.1:1")})

    def test_endpoints(self) -> None:
        """Endpoints come back by what they were made of."""
        recalled = self.assertRemembered({"a": self.unix("/run/a.sock", "unix:/run/a.sock", tier=2)})
        recalled["a"].connect(None)  # type: ignore[arg-type]
        self.assertEqual(self.reactor.unixClients[0][0], "/run/a.sock")

    def test_connects(self) -> None:
        """What comes back leads where the former did."""
        self.keep(self.cps(1))
        self.recalled()["cp-1"].connect(None)  # type: ignore[arg-type]
        self.assertEqual(self.reactor.tcpClients[0][:2], ("192.0.2.1", 6443))

    def test_latest(self) -> None:
        """The last set takes the place of the former, as a whole."""
        self.keep(self.cps(1, 2))
        self.keep(self.cps(2, 3))
        self.assertEqual(list(self.recalled()), ["cp-2", "cp-3"])

    def test_sources(self) -> None:
        """It is remembered whose it is; of another source there is nothing."""
        self.keep(self.cps(1), "dns cp.example:6443")
        self.assertEqual(list(self.recalled("dns cp.example:6443")), ["cp-1"])
        self.assertEqual(list(self.recalled("dns cp.example:6444")), [])

    def test_nothingYet(self) -> None:
        """Before there is a file there is nothing to remember, which is worth no line in the log."""
        self.assertEqual((list(self.recalled()), self.lines), ([], []))

    def test_recallWritesNothing(self) -> None:
        """Recalling touches nothing on the disk."""
        self.recalled()
        self.assertEqual(self.names, [])

    def test_readable(self) -> None:
        """It is a JSON document that people can read: the source, and backends as a backends file has them."""
        self.keep(BackendSet({"b": self.tcp("192.0.2.1:1", tier=1), "a": self.unix("/s", "unix:/s", weight=2)}))
        self.assertEqual(
            json.loads(self.path.read_text()),
            {
                "source": SOURCE,
                "backends": {
                    "a": {"endpoint": "unix:/s", "tier": 0, "weight": 2},
                    "b": {"address": "192.0.2.1:1", "tier": 1, "weight": 1},
                },
            },
        )
        self.assertTrue(self.path.read_bytes().endswith(b"}\n"))


class NotRememberedTests(StateCase):
    """What is not worth remembering, or cannot be."""

    def test_empty(self) -> None:
        """A set with nobody in it leaves the file as it is: that is what it is for."""
        self.keep(BackendSet())
        self.assertEqual(self.names, [])
        self.keep(self.cps(1))
        self.keep(BackendSet())
        self.assertEqual(self.kept, ["cp-1"])

    def test_draining(self) -> None:
        """Those who take no new connections are left out, as they are about to go."""
        self.keep(BackendSet({**self.cps(1), "old": self.tcp("192.0.2.9:1", draining=True)}))
        self.assertEqual(self.kept, ["cp-1"])
        self.keep(BackendSet({"old": self.tcp("192.0.2.9:1", draining=True)}))
        self.assertEqual(self.kept, ["cp-1"])

    def test_standby(self) -> None:
        """Those who stand by are on the command line already."""
        layers = LayeredProvider(self.clock, ManualProvider(self.cps(1)), self.cps(1, 2), random=lambda: 0.0)
        watcher = layers.watch()
        published = self.successResultOf(watcher.get())
        watcher.close()
        self.assertEqual(list(published), ["cp-1", "cp-2"])
        self.keep(published)
        self.assertEqual((self.kept, self.lines), (["cp-1"], []))

    def test_unknownEndpoint(self) -> None:
        """One of whose endpoint nobody knows what it was made of is left out; one line names it, once."""
        backends = BackendSet({**self.cps(1), "m": MemoryBackend(self.clock, "m"), "u": self.unix("/run/u.sock")})
        self.keep(backends)
        self.keep(BackendSet({**self.cps(2), **backends}))
        self.assertEqual(self.kept, ["cp-1", "cp-2"])
        [line] = self.lines
        self.assertIn(f"State file {self.path}: 'm', 'u' cannot be remembered", line)

    def test_unknownEndpointAgain(self) -> None:
        """Somebody else of that kind is news."""
        self.keep(BackendSet({**self.cps(1), "m": MemoryBackend(self.clock, "m")}))
        self.keep(self.cps(1))
        self.keep(BackendSet({**self.cps(1), "n": MemoryBackend(self.clock, "n")}))
        self.assertEqual(len(self.lines), 2)

    def test_unprintableId(self) -> None:
        """An id that the file cannot say keeps nobody else from being remembered."""
        self.keep(BackendSet({**self.cps(1), "a\nb": self.tcp("192.0.2.9:1"), "\ud800": self.tcp("192.0.2.8:1")}))
        self.assertEqual(list(self.recalled()), ["cp-1"])


class FileTests(StateCase):
    """The file itself."""

    def test_mode(self) -> None:
        """Only its owner may read or write it, whatever the umask and whatever it was before."""
        former = os.umask(0)
        self.addCleanup(os.umask, former)
        self.keep(self.cps(1))
        self.assertEqual(self.mode, 0o600)
        self.path.chmod(0o644)
        self.keep(self.cps(2))
        self.assertEqual(self.mode, 0o600)

    def test_nothingBesides(self) -> None:
        """Nothing else stays in the folder."""
        self.keep(self.cps(1))
        self.keep(self.cps(2))
        self.assertEqual(self.names, ["state.json"])

    def test_relative(self) -> None:
        """A relative path means the folder that was the current one then, as daemons change theirs."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.state = self.open(path=type(self.path)("state.json"))
        os.chdir("/")
        self.keep(self.cps(1))
        self.assertEqual(self.kept, ["cp-1"])

    def test_link(self) -> None:
        """Where a link leads the file is replaced there, and the link stays."""
        (self.folder / "elsewhere").mkdir()
        self.path.symlink_to("elsewhere/real.json")
        self.state = self.open()
        self.keep(self.cps(1))
        self.assertTrue(self.path.is_symlink())
        self.assertEqual((self.folder / "elsewhere" / "real.json").stat().st_mode & 0o7777, 0o600)
        self.assertEqual(list(self.recalled()), ["cp-1"])

    def test_notRegular(self) -> None:
        """A device or a pipe is not replaced by a file; that it cannot be written is told."""
        os.mkfifo(self.path)
        self.keep(self.cps(1))
        self.assertTrue(self.path.is_fifo())
        self.assertIn("not a regular file", str(self.state.error))
        self.assertEqual(self.names, ["state.json"])
