"""The command line's service, on a reactor in memory: what the options bring about, and what stops the start."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Any

import twisted.internet.reactor
from twisted.application.service import IService
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb import LoadBalancerService, tap
from tinylb.limits import clientsFor
from tinylb.tap import Options, makeService
from tinylb.testing import MemoryPeer, join

LISTEN = ("--listen", "tcp:6443:interface=127.0.0.1")
BACKEND = ("--backend", "cp-1=192.0.2.11:6443")
DESCRIPTORS = 256


class ProgramCase(SynchronousTestCase):
    """The program of a command line, in a reactor that opens no socket and has the time from the test."""

    def setUp(self) -> None:
        """A machine with 256 descriptors for each process."""
        self.reactor = MemoryReactorClock()
        self.patch(twisted.internet, "reactor", self.reactor)
        self.patch(tap, "raiseDescriptorLimit", lambda: DESCRIPTORS)
        self.patch(signal, "signal", lambda *_: None)
        self.lines = logLines(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "b.json"

    def make(self, *arguments: str) -> IService:
        """The service of a command line."""
        options = Options()
        options.parseOptions(list(arguments))
        return makeService(options)

    def start(self, *arguments: str) -> IService:
        """The same, started."""
        service = self.make(*arguments)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: IService) -> None:
        """Stop, let everything end, and see that no timer is left."""
        stopping = service.stopService()
        self.reactor.pump([1.0] * 400)
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def connect(self, endpoint: int = 0) -> MemoryPeer:
        """A client connects, to the first endpoint unless another is named."""
        _, factory, _, _ = self.reactor.tcpServers[endpoint]
        protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 50000))
        assert protocol is not None
        client = MemoryPeer()
        join(self.reactor, client, protocol)
        self.reactor.advance(0)
        return client

    def accept(self, number: int = 0) -> MemoryPeer:
        """The backend of an attempt to connect accepts it."""
        _, _, factory, _, _ = self.reactor.tcpClients[number]
        protocol = factory.buildProtocol(IPv4Address("TCP", "192.0.2.11", 6443))
        assert protocol is not None
        server = MemoryPeer()
        join(self.reactor, server, protocol)
        self.reactor.advance(0)
        return server

    def dialled(self) -> list[str]:
        """Where attempts to connect went, in order."""
        return [client[0] for client in self.reactor.tcpClients]

    def served(self, count: int) -> list[bool]:
        """So many clients connect: which of them are not closed at once."""
        clients = [self.connect() for _ in range(count)]
        self.reactor.pump([0.0] * 5)
        return [not self.isOver(client) for client in clients]

    def isOver(self, client: MemoryPeer) -> bool:
        """Whether the program has closed or reset a client's connection."""
        return client.hasFinished or client.ending is not None

    def assertEndsAfter(self, client: MemoryPeer, seconds: float) -> None:
        """The client's connection ends then, and not before."""
        self.reactor.pump([0.01] * round(seconds * 100 - 2))
        self.assertFalse(self.isOver(client))
        self.reactor.pump([0.01] * 6)
        self.assertTrue(self.isOver(client))


class EndpointTests(ProgramCase):
    """What is listened on."""

    def test_listens(self) -> None:
        """Each endpoint is listened on once the service is started, and not before."""
        service = self.make(*LISTEN, "--listen", "tcp:6444", "--listen", "unix:/run/lb.sock", *BACKEND)
        self.assertEqual((self.reactor.tcpServers, self.reactor.unixServers), ([], []))
        service.startService()
        self.addCleanup(self.stop, service)
        self.assertEqual(
            [(port, where) for port, _, _, where in self.reactor.tcpServers], [(6443, "127.0.0.1"), (6444, "")]
        )
        self.assertEqual([path for path, *_ in self.reactor.unixServers], ["/run/lb.sock"])

    def test_backlog(self) -> None:
        """The backlog is 1024 unless another one is given."""
        self.start("--listen", "tcp:1", "--listen", "tcp:2:backlog=5", "--listen", "unix:/run/lb.sock", *BACKEND)
        self.assertEqual([backlog for _, _, backlog, _ in self.reactor.tcpServers], [1024, 5])
        self.assertEqual([backlog for _, _, backlog, *_ in self.reactor.unixServers], [1024])

    def test_backlogOfWrapped(self) -> None:
        """That holds behind the PROXY protocol, too."""
        self.start("--listen", "haproxy:tcp:1", *BACKEND)
        self.assertEqual([backlog for _, _, backlog, _ in self.reactor.tcpServers], [1024])

    def test_withoutBacklog(self) -> None:
        """An endpoint that knows no backlog is given none."""
        for description in ("stdio:", "haproxy:stdio:"):
            self.make("--listen", description, *BACKEND)

    def test_escapes(self) -> None:
        """Colons in a description are escaped as Twisted has it."""
        self.start("--listen", r"tcp:6443:interface=\:\:1", *BACKEND)
        self.assertEqual([where for *_, where in self.reactor.tcpServers], ["::1"])

    def test_setBeforeListening(self) -> None:
        """The first client finds a backend."""
        self.start(*LISTEN, *BACKEND)
        self.connect()
        self.assertEqual(self.dialled(), ["192.0.2.11"])


class BackendTests(ProgramCase):
    """Where the set comes from."""

    def test_fixed(self) -> None:
        """Fixed backends are the set."""
        self.start(*LISTEN, *BACKEND, "--backend", "192.0.2.12:6443")
        self.connect()
        self.connect()
        self.assertEqual(sorted(self.dialled()), ["192.0.2.11", "192.0.2.12"])

    def test_file(self) -> None:
        """A file is followed: what it says is dialled, then what it says later."""
        self.path.write_text('{"backends": {"cp-1": "192.0.2.11:6443"}}')
        self.start(*LISTEN, "--backends-file", str(self.path))
        self.connect()
        self.path.write_text('{"backends": {"cp-1": "192.0.2.12:6443"}}')
        self.reactor.pump([0.1] * 50)
        self.connect()
        self.assertEqual(self.dialled()[0], "192.0.2.11")
        self.assertEqual(self.dialled()[-1], "192.0.2.12")


class OptionTests(ProgramCase):
    """What the numbers bring about."""

    def test_dialTimeout(self) -> None:
        """A client waits for a backend as long as it is told to."""
        self.start(*LISTEN, *BACKEND, "--dial-timeout", "3")
        self.assertEndsAfter(self.connect(), 3)

    def test_attemptDelay(self) -> None:
        """The next backend is tried beside the first after the delay."""
        self.start(*LISTEN, *BACKEND, "--backend", "192.0.2.12:6443", "--attempt-delay", "2")
        self.connect()
        self.reactor.pump([0.01] * 199)
        self.assertEqual(len(self.dialled()), 1)
        self.reactor.pump([0.01] * 2)
        self.assertEqual(sorted(self.dialled()), ["192.0.2.11", "192.0.2.12"])

    def test_idleTimeout(self) -> None:
        """An idle connection ends when it is told to."""
        self.start(*LISTEN, *BACKEND, "--idle-timeout", "2")
        client = self.connect()
        self.accept()
        self.assertEndsAfter(client, 2)

    def test_noIdleTimeout(self) -> None:
        """By default it does not end."""
        self.start(*LISTEN, *BACKEND)
        client = self.connect()
        self.accept()
        self.reactor.pump([60.0] * 60)
        self.assertFalse(self.isOver(client))

    def test_halfCloseTimeout(self) -> None:
        """So does a half-closed one."""
        self.start(*LISTEN, *BACKEND, "--half-close-timeout", "2")
        client = self.connect()
        self.accept()
        client.finish()
        self.assertEndsAfter(client, 2)

    def test_keepalive(self) -> None:
        """The keepalive, which shows on real sockets only, reaches the service that sets it."""
        given: list[object] = []

        class Service(LoadBalancerService):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                given.append(options["keepalive"])
                super().__init__(*arguments, **options)

        self.patch(tap, "LoadBalancerService", Service)
        for arguments in ([], ["--keepalive", "7"], ["--keepalive", "0"]):
            self.make(*LISTEN, *BACKEND, *arguments)
        self.assertEqual(given, [30.0, 7.0, 0.0])

    def test_drain(self) -> None:
        """After a stop open connections may finish for so long."""
        service = self.start(*LISTEN, *BACKEND, "--drain", "2")
        client = self.connect()
        self.accept()
        stopping = service.stopService()
        self.assertEndsAfter(client, 2)
        self.successResultOf(stopping)

    def test_maxConnections(self) -> None:
        """A client beyond the number is refused at once."""
        self.start(*LISTEN, *BACKEND, "--max-connections", "2")
        self.assertEqual(self.served(3), [True, True, False])

    def test_defaultMaximum(self) -> None:
        """By default it follows from the descriptors there are."""
        self.start(*LISTEN, *BACKEND)
        most = clientsFor(DESCRIPTORS)
        self.assertEqual(self.served(most + 3), [True] * most + [False] * 3)

    def test_loweredMaximum(self) -> None:
        """A number that the descriptors cannot carry is lowered, and the log says so."""
        self.start(*LISTEN, *BACKEND, "--max-connections", "100000")
        most = clientsFor(DESCRIPTORS)
        warnings = [line for line in self.lines if line.startswith("warn")]
        self.assertEqual(
            warnings,
            [f"warn: --max-connections 100000 is lowered to {most}: the limit of open descriptors is {DESCRIPTORS}"],
        )
        self.assertEqual(self.served(most + 3), [True] * most + [False] * 3)


class WrongUsageTests(ProgramCase):
    """What is found wrong when the service is made: one line, and nothing has been listened on."""

    def assertWrong(self, arguments: tuple[str, ...], *words: str) -> None:
        """It ends the program with status 1 and one line, which has these words."""
        line: Any = self.assertRaises(SystemExit, self.make, *arguments).code
        self.assertIsInstance(line, str)
        self.assertTrue(line.startswith("tinylb: "), line)
        self.assertTrue(line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)
        self.assertEqual((self.reactor.tcpServers, self.reactor.unixServers), ([], []))

    def test_endpoints(self) -> None:
        """A bad endpoint description is named, with what is wrong with it and what a good one looks like."""
        for description, wrong in (
            ("tcp", "port"),
            ("tcp:https-alt", "https-alt"),
            ("tcp:6443:interface=::1", "interface"),
            ("tcp:6443:color=red", "color"),
            ("tcp:6443:backlog=many", "many"),
            ("nope:1", "nope"),
            ("", "''"),
        ):
            self.assertWrong(
                (*LISTEN, "--listen", description, *BACKEND),
                f"--listen {description}: ",
                wrong,
                "tcp:6443:interface=127.0.0.1",
            )

    def test_endpointOnOneLine(self) -> None:
        """Whatever the description, it stays one line."""
        self.assertWrong(("--listen", "tcp:1:a\nb=1", *BACKEND), "\\n")

    def test_file(self) -> None:
        """A missing or invalid file is named, with what is wrong and what would be right."""
        arguments = (*LISTEN, "--backends-file", str(self.path))
        self.assertWrong(arguments, f"--backends-file {self.path}: ", "no such file", "JSON")
        self.path.write_text("{")
        self.assertWrong(arguments, f"--backends-file {self.path}: ", "line 1 column 2", '{"backends":')
        self.path.write_text('{"backends": {"cp-1": "192.0.2.11"}}')
        self.assertWrong(arguments, f"--backends-file {self.path}: ", "cp-1", "192.0.2.11", "HOST:PORT")
        self.path.unlink()
        self.path.mkdir()
        self.assertWrong(arguments, f"--backends-file {self.path}: ", "JSON file")
