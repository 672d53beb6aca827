"""What the command line adds to the descriptions of server endpoints."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from tinylb.serverendpoints import serverEndpoint


class DefaultsTests(SynchronousTestCase):
    """What a description leaves open."""

    def tcp(self, description: str, *, isPrivate: bool = True) -> tuple[str, int]:
        """The interface and the backlog that it is listened on with."""
        reactor = MemoryReactor()
        serverEndpoint(reactor, "status", description, isPrivate=isPrivate).listen(Factory())
        servers: list[Any] = [*reactor.tcpServers, *reactor.sslServers]
        ((*_, backlog, interface),) = servers
        return interface, backlog

    def unix(self, description: str) -> tuple[int, int]:
        """The mode and the backlog."""
        reactor = MemoryReactor()
        serverEndpoint(reactor, "status", description, isPrivate=True).listen(Factory())
        ((_, _, backlog, mode, _),) = reactor.unixServers
        return mode, backlog

    def test_open(self) -> None:
        """A private port is one of the loopback interface; any other one as Twisted has it. The backlog is 1024."""
        for description in ("tcp:9090", "tcp:port=9090"):
            self.assertEqual(self.tcp(description), ("127.0.0.1", 1024))
        for description in ("tcp6:9090", "TCP6:9090"):
            self.assertEqual(self.tcp(description), ("::1", 1024))
        self.assertEqual(self.tcp("tcp:9090", isPrivate=False), ("", 1024))
        self.assertEqual(self.tcp("haproxy:tcp:9090", isPrivate=False), ("", 1024))
        self.assertEqual(self.unix("unix:/run/lb.sock"), (0o660, 1024))

    def test_named(self) -> None:
        """What is named is as it is said."""
        self.assertEqual(self.tcp("tcp:9090:interface=0.0.0.0"), ("0.0.0.0", 1024))
        self.assertEqual(self.tcp("tcp:9090:backlog=5"), ("127.0.0.1", 5))
        self.assertEqual(self.tcp(r"tcp:9090:backlog=5:interface=\:\:1"), ("::1", 5))
        self.assertEqual(self.unix("unix:/run/lb.sock:mode=600:backlog=5"), (0o600, 5))

    def test_inPlace(self) -> None:
        """So is what stands in its place, where each kind has another one."""
        self.assertEqual(self.tcp("tcp:9090:192.0.2.1"), ("192.0.2.1", 1024))
        self.assertEqual(self.tcp("tcp:9090:192.0.2.1:5"), ("192.0.2.1", 5))
        self.assertEqual(self.tcp(r"tcp6:9090:5"), ("::1", 5))
        self.assertEqual(self.tcp(r"tcp6:9090:5:\:\:"), ("::", 5))
        self.assertEqual(self.tcp("haproxy:tcp:9090:192.0.2.1:5", isPrivate=False), ("192.0.2.1", 5))
        self.assertEqual(self.unix("unix:/run/lb.sock:600"), (0o600, 1024))
        self.assertEqual(self.unix("unix:/run/lb.sock:600:5"), (0o600, 5))
        self.assertEqual(self.unix(r"unix:/run/a\:mode\=b"), (0o660, 1024))

    def test_empty(self) -> None:
        """A colon too many does not open a private port to everybody."""
        for description in ("tcp:9090:", "tcp:9090::", "tcp:9090::50", "tcp6:9090:", "tcp6:9090:50:"):
            ending = self.assertRaises(SystemExit, self.tcp, description)
            self.assertIn("not a server endpoint", str(ending.code))

    def test_secure(self) -> None:
        """A key, a certificate or their folder is no interface."""
        pem = self.certificate()
        folder = pem.parent
        for description in (
            f"tls:{folder}:9090",
            f"tls:{folder}:9090:interface=127.0.0.1",
            f"tls:{folder}:9090:1024",
            f"ssl:9090:{pem}",
            f"ssl:9090:{pem}:{pem}",
            f"ssl:9090:privateKey={pem}:backlog=1024",
        ):
            self.assertEqual(self.tcp(description), ("127.0.0.1", 1024), description)
        self.assertEqual(self.tcp(rf"tls:{folder}:9090:5:\:\:"), ("::", 5))
        self.assertEqual(self.tcp(f"tls:{folder}:9090", isPrivate=False), ("::", 1024))

    def test_fileMissing(self) -> None:
        """A key that is not there is named as the file that it is."""
        self.certificate()
        ending = self.assertRaises(SystemExit, self.tcp, "ssl:9090:privateKey=/nowhere/key.pem")
        self.assertEqual(
            ending.code,
            "tinylb: --status ssl:9090:privateKey=/nowhere/key.pem: /nowhere/key.pem: no such file or directory",
        )

    def certificate(self) -> Path:
        """A key and its certificate, in the only file of its folder."""
        try:
            from tests.certificates import Authority
        except ImportError as error:
            raise SkipTest(f"TLS is not installed: {error}") from None
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        alone = Path(folder.name, "alone")
        alone.mkdir()
        return Authority(Path(folder.name)).issue("server", ["localhost"]).rename(alone / "server.pem")
