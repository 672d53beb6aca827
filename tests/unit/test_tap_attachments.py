"""The command line's attachments: the status endpoint and the access log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.unit.test_tap_service import BACKEND, DESCRIPTORS, LISTEN, ProgramCase
from tinylb.accesslog import AccessLog
from tinylb.limits import clientsFor
from tinylb.program import Program


class StatusTests(ProgramCase):
    """C{--status}."""

    def interfaceOf(self, description: str) -> str:
        """Where the status endpoint listens, beside the balancer."""
        self.reactor.tcpServers.clear()
        service = self.make(*LISTEN, *BACKEND, "--status", description)
        service.startService()
        self.stop(service)
        [interface] = [where for port, _, _, where in self.reactor.tcpServers if port == 9090]
        return str(interface)

    def test_loopback(self) -> None:
        """A port alone is one of the loopback interface; another interface has to be named."""
        for description in ("tcp:9090", "tcp:port=9090", "tcp:9090:backlog=5"):
            self.assertEqual(self.interfaceOf(description), "127.0.0.1")
        for description in ("tcp6:9090", "TCP6:9090"):
            self.assertEqual(self.interfaceOf(description), "::1")
        self.assertEqual(self.interfaceOf(r"tcp:9090:interface=\:\:1"), "::1")
        self.assertEqual(self.interfaceOf("tcp:9090:interface=0.0.0.0"), "0.0.0.0")
        self.assertEqual(self.interfaceOf("tcp:9090:192.0.2.1"), "192.0.2.1")

    def test_wrong(self) -> None:
        """What is no endpoint ends the program with a line that names the option."""
        ending = self.assertRaises(SystemExit, self.make, *LISTEN, *BACKEND, "--status", "9090")
        self.assertTrue(str(ending.code).startswith("tinylb: --status 9090: not a server endpoint"), ending.code)

    def test_socketMode(self) -> None:
        """A UNIX socket is its owner's and group's, unless another mode is given."""
        for more, mode in (("", 0o660), (":mode=600", 0o600)):
            self.reactor.unixServers.clear()
            service = self.make(*LISTEN, *BACKEND, "--status", f"unix:/run/status.sock{more}")
            service.startService()
            self.stop(service)
            self.assertEqual([given[3] for given in self.reactor.unixServers], [mode])

    def test_proxied(self) -> None:
        """A status endpoint behind a proxy would listen everywhere, which is to be asked for."""
        for description in ("haproxy:tcp:9090", "HAProxy:tcp:9090"):
            ending = self.assertRaises(SystemExit, self.make, *LISTEN, *BACKEND, "--status", description)
            expected = f"tinylb: --status {description}: haproxy: cannot be used for the status endpoint; "
            self.assertTrue(str(ending.code).startswith(expected), ending.code)

    def test_twice(self) -> None:
        """There can be only one; the line names both."""
        ending = self.assertRaises(SystemExit, self.make, *LISTEN, *BACKEND, "--status", "tcp:1", "--status", "tcp:2")
        self.assertEqual(ending.code, "tinylb: --status tcp:2: --status tcp:1 is given already; there can be only one")

    def test_descriptors(self) -> None:
        """What its own clients may take is not promised to the balancer's."""
        self.start(*LISTEN, *BACKEND, "--status", "tcp:9090")
        most = clientsFor(DESCRIPTORS, others=DESCRIPTORS // 16)
        clients = [self.connect(1) for _ in range(most + 3)]
        self.reactor.pump([0.0] * 5)
        self.assertEqual([self.isOver(client) for client in clients], [False] * most + [True] * 3)

    def test_notImported(self) -> None:
        """Who does not want it does not pay for it."""
        modules = "any(name.startswith(('twisted.web', 'prometheus')) for name in sys.modules)"
        code = f"import sys, tinylb.tap; sys.exit({modules})"
        self.assertEqual(subprocess.run([sys.executable, "-c", code], timeout=60).returncode, 0)


class AccessLogTests(ProgramCase):
    """C{--access-log}."""

    def wrong(self, path: str) -> str:
        """The line that a path ends the program with."""
        return str(self.assertRaises(SystemExit, self.make, *LISTEN, *BACKEND, "--access-log", path).code)

    def test_made(self) -> None:
        """The file is there from the start, and only its owner and group may read it."""
        path = self.path.with_name("access.log")
        self.addCleanup(os.umask, os.umask(0o022))
        self.start(*LISTEN, *BACKEND, "--access-log", str(path))
        self.assertEqual((path.read_bytes(), path.stat().st_mode & 0o777), (b"", 0o640))

    def test_wrong(self) -> None:
        """A file that cannot be opened ends the program with a line that says why."""
        folder = self.path.parent
        missing = folder / "missing" / "access.log"
        expected = "expected: a file in a folder that exists, or - for standard output"
        self.assertEqual(
            self.wrong(str(missing)), f"tinylb: --access-log {missing}: no such file or directory; {expected}"
        )
        self.assertEqual(self.wrong(str(folder)), f"tinylb: --access-log {folder}: is a directory; {expected}")

    def test_twice(self) -> None:
        """There can be only one."""
        ending = self.assertRaises(SystemExit, self.make, *LISTEN, "--access-log", "a.log", "--access-log", "-")
        self.assertIn("--access-log -: --access-log a.log is given already", str(ending.code))

    def test_otherFile(self) -> None:
        """A file that something else is in is refused, by whatever path, and stays as it was."""
        link = self.path.with_name("link.json")
        link.symlink_to(self.path)
        state = self.path.with_name("state.json")
        self.path.write_text('{"backends": {}}')
        for path, name in ((self.path, "backends-file"), (link, "backends-file"), (state, "state-file")):
            files = ("--backends-file", str(self.path), "--state-file", str(state))
            ending = self.assertRaises(SystemExit, self.make, *LISTEN, *files, "--access-log", str(path))
            self.assertEqual(
                ending.code,
                f"tinylb: --access-log {path}: this is the file of --{name}; a file of its own is expected",
            )
        self.assertEqual((self.path.read_text(), state.exists()), ('{"backends": {}}', False))

    def test_observes(self) -> None:
        """It is one of the balancer's observers."""
        program = self.make(*LISTEN, *BACKEND, "--access-log", str(Path(os.devnull)))
        assert isinstance(program, Program)
        self.assertIn(AccessLog, [type(observer) for observer in program._balancer.balancer.observers])


class InheritedTests(ProgramCase):
    """C{systemd:}."""

    def test_nothingInherited(self) -> None:
        """Without systemd there is no socket to listen on, and the line says what to do."""
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            self.patch(os, "environ", {key: value for key, value in os.environ.items() if key != name})
        byIndex = "systemd:domain=INET:index=0"
        for description in (byIndex, "systemd:domain=INET:name=tinylb", f"haproxy:{byIndex}"):
            ending = self.assertRaises(SystemExit, self.make, "--listen", description, *BACKEND)
            self.assertIn("systemd has handed over no such socket; start tinylb by its socket unit", str(ending.code))
