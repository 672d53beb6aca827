"""Which names a request may call the status endpoint by."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.statuscase import StatusTestCase, responses
from tinylb.status.hosts import isLoopback, isOurs
from tinylb.testing import MemoryEndpoint


class HostTests(SynchronousTestCase):
    """A Host header."""

    def test_ours(self) -> None:
        """IP addresses and localhost are taken, with a port or without one: nobody can make them lead elsewhere."""
        for host in (
            "localhost", "localhost:9090", "LocalHost", "127.0.0.1", "127.0.0.1:9090", "192.0.2.7:80", "localhost:",
            "[::1]", "[::1]:9090", "[2001:DB8::1]:80", "[::ffff:192.0.2.1]",
        ):  # fmt: skip
            self.assertTrue(isOurs(host.encode()), host)

    def test_names(self) -> None:
        """Every name that somebody may own is refused, whatever it looks like."""
        for host in (
            "evil.example", "evil.example:9090", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost",
            "localhost.", "1.2.3.4.example:80",
        ):  # fmt: skip
            self.assertFalse(isOurs(host.encode()), host)

    def test_nonsense(self) -> None:
        """What is no host at all is refused."""
        for host in (
            b"", b":", b":80", b"[]", b"[::1", b"::1", b"[127.0.0.1]", b"[localhost]", b"127.0.0.1:80:80", b"256.0.0.1",
            b"localhost:port", b"localhost@evil.example", b"evil.example,localhost", b"127.1", b"\xff\x00",
            b"localhost\n", b"127.0.0.1 ", b"0x7f.0.0.1",
        ):  # fmt: skip
            self.assertFalse(isOurs(host), host)


class LoopbackTests(SynchronousTestCase):
    """The addresses listened on."""

    def assertLoopback(self, expected: bool, *hosts: IAddress) -> None:
        self.assertIs(isLoopback(hosts), expected)

    def test_loopback(self) -> None:
        """Those of the loopback interface are reached from this machine alone."""
        self.assertLoopback(True, IPv4Address("TCP", "127.0.0.1", 80))
        self.assertLoopback(True, IPv4Address("TCP", "127.8.9.1", 80))
        self.assertLoopback(True, IPv6Address("TCP", "::1", 80))

    def test_elsewhere(self) -> None:
        """Others, and all of them, are not; a UNIX socket is out of a browser's reach."""
        self.assertLoopback(False, IPv4Address("TCP", "0.0.0.0", 80))
        self.assertLoopback(False, IPv6Address("TCP", "::", 80))
        self.assertLoopback(False, IPv6Address("TCP", "fe80::1%eth0", 80))
        self.assertLoopback(False, UNIXAddress(b"/run/status.sock"))
        self.assertLoopback(False)


class _Elsewhere(MemoryEndpoint):
    """An endpoint that is listened on at an address which others can reach, or at none."""

    def __init__(self, case: StatusTestCase, host: IAddress) -> None:
        super().__init__(case.clock, 9090)
        self._case = case
        self._host = host

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        return super().listen(factory).addCallback(self._named)

    def _named(self, port: IListeningPort) -> IListeningPort:
        port.getHost = lambda: self._host  # type: ignore[method-assign]
        return port


class RequestTests(StatusTestCase):
    """A request."""

    def askAs(self, *hosts: str, version: str = "HTTP/1.1", target: str = "/healthz") -> tuple[int, bytes]:
        """How a request with these Host headers is answered."""
        peer = self.door.connect()
        peer.send("\r\n".join((f"GET {target} {version}", *(f"Host: {host}" for host in hosts), "", "")).encode())
        self.settle()
        (response,) = responses(peer.received)
        return response.code, response.body

    def test_foreign(self) -> None:
        """On a loopback address a request under a foreign name is refused, and told what would be right."""
        self.serve()
        self.assertEqual(
            self.askAs("evil.example:9090"),
            (421, b"ask by an IP address or localhost: on loopback, no other Host is answered\n"),
        )
        self.assertEqual(self.askAs("127.0.0.1:9090"), (200, b"ok\n"))

    def test_absolute(self) -> None:
        """A host that the target names counts instead of the header's."""
        self.serve()
        for target in ("http://evil.example/healthz", "http://localhost@evil.example/healthz", "http:///healthz"):
            self.assertEqual(self.askAs("localhost", target=target)[0], 421, target)
        self.assertEqual(self.askAs("evil.example", target="http://localhost:9090/healthz"), (200, b"ok\n"))

    def test_noneOrMany(self) -> None:
        """Exactly one Host is expected, as RFC 9112 has it; HTTP/1.0 knows none."""
        self.serve()
        for hosts in ((), ("localhost", "localhost"), ("localhost", "evil.example")):
            self.assertEqual(self.askAs(*hosts), (400, b"one Host header is expected\n"))
        self.assertEqual(self.askAs(version="HTTP/1.0"), (200, b"ok\n"))
        self.assertEqual(self.askAs("evil.example", version="HTTP/1.0")[0], 421)

    def test_elsewhere(self) -> None:
        """An address that others can reach may have any name."""
        self.door = _Elsewhere(self, IPv4Address("TCP", "192.0.2.1", 9090))
        self.serve()
        self.assertEqual(self.askAs("status.example"), (200, b"ok\n"))

    def test_unixSocket(self) -> None:
        """What a client of a UNIX socket takes for the name does not matter."""
        self.door = _Elsewhere(self, UNIXAddress(b"/run/status.sock"))
        self.serve()
        self.assertEqual(self.askAs("status"), (200, b"ok\n"))
