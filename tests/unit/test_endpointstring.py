"""Balanced endpoints as text: what each word of it means, and what is said of words that mean nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BalancedEndpoint, Verdict
from tinylb.endpointstring import parseBalanced


class ParseCase(SynchronousTestCase):
    """Parsing needs a reactor that connects to nothing."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = str(self.folder / "backends.json")
        Path(self.file).write_text('{"backends": {"cp-1": "192.0.2.1:6443", "cp-2": "192.0.2.2:6443"}}')

    def parse(self, /, *words: str, **given: str) -> BalancedEndpoint:
        """An endpoint."""
        return parseBalanced(self.reactor, *words, **given)

    def attempts(self, endpoint: BalancedEndpoint, *seconds: float) -> list[str]:
        """To whom there are attempts when somebody has been connecting for so long, until he gives up."""
        connecting = endpoint.connect(Factory.forProtocol(Protocol))
        self.reactor.pump((0.0, *seconds))
        attempts = [f"{host}:{port}" for host, port, *_ in self.reactor.tcpClients]
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.getReaders()), ([], []))
        return attempts

    def assertWrong(self, pattern: str, /, *words: str, **given: str) -> None:
        """This is no endpoint; one line says why, and begins with what was wrong."""
        with self.assertRaises(ValueError) as caught:
            self.parse(*words, **given)
        self.assertRegex(str(caught.exception), f"^tinylb:{pattern}")
        self.assertNotIn("\n", str(caught.exception))


class MeaningTests(ParseCase):
    """What each word means."""

    def test_file(self) -> None:
        """A backends file."""
        self.assertIn(self.attempts(self.parse(file=self.file))[0], ("192.0.2.1:6443", "192.0.2.2:6443"))

    def test_backends(self) -> None:
        """Fixed backends, with an id or without."""
        endpoint = self.parse(backends="cp-1=192.0.2.1:6443,[2001:db8::2]:6443")
        self.attempts(endpoint)
        self.assertEqual(
            [(each["id"], each["target"]) for each in endpoint.describe()["backends"]],
            [("[2001:db8::2]:6443", "[2001:db8::2]:6443"), ("cp-1", "192.0.2.1:6443")],
        )

    def test_backendsBesideASource(self) -> None:
        """Beside a source they stand by."""
        endpoint = self.parse(file=self.file, backends="192.0.2.9:6443")
        self.attempts(endpoint)
        tiers = {each["target"]: each["tier"] for each in endpoint.describe()["backends"]}
        self.assertEqual(tiers, {"192.0.2.1:6443": 0, "192.0.2.2:6443": 0, "192.0.2.9:6443": 1})

    def test_missingFile(self) -> None:
        """With something to begin with, a file that is not there is waited for."""
        endpoint = self.parse(file=str(self.folder / "later.json"), backends="192.0.2.9:6443")
        self.assertEqual(self.attempts(endpoint), ["192.0.2.9:6443"])

    def test_names(self) -> None:
        """Addresses and SRV records of names."""
        self.assertIn("api.example.com:6443", repr(self.parse(dns="api.example.com:6443")))
        self.assertIn("_api._tcp.example.com", repr(self.parse(srv="_api._tcp.example.com")))

    def test_attemptDelay(self) -> None:
        """How soon another backend is tried."""
        endpoint = self.parse(file=self.file, attemptDelay="0.5")
        self.assertEqual(len(self.attempts(endpoint, 0.4)), 1)
        self.reactor.tcpClients.clear()
        self.assertEqual(len(self.attempts(endpoint, 0.5)), 2)

    def test_dialTimeout(self) -> None:
        """How long it may take in all."""
        endpoint = self.parse(file=self.file, dialTimeout="2.5")
        connecting = endpoint.connect(Factory.forProtocol(Protocol))
        self.reactor.advance(2.4)
        self.assertNoResult(connecting)
        self.reactor.advance(0.1)
        self.failureResultOf(connecting)

    def opened(self, endpoint: BalancedEndpoint) -> tuple[str, StringTransportWithDisconnection]:
        """To whom a connection goes that is made now, and its transport."""
        connecting = endpoint.connect(Factory.forProtocol(Protocol))
        host, _, factory, *_ = self.reactor.tcpClients[-1]
        near = factory.buildProtocol(IPv4Address("TCP", host, 6443))
        assert near is not None
        transport = StringTransportWithDisconnection()
        transport.protocol = near
        near.makeConnection(transport)
        self.successResultOf(connecting)
        return host, transport

    def test_policy(self) -> None:
        """One of the command line's: turns, or the fewest connections."""
        for policy, isLast in (("round-robin", False), ("least-connections", True)):
            endpoint = self.parse(file=self.file, policy=policy)
            first, last = self.opened(endpoint), self.opened(endpoint)
            last[1].loseConnection()
            third = self.opened(endpoint)
            self.assertEqual(third[0] == last[0], isLast)
            for each in (first, third):
                each[1].loseConnection()

    def test_onDown(self) -> None:
        """What becomes of the connections of a target that is dead."""
        for onDown in ("abort", "keep"):
            endpoint = self.parse(file=self.file, onDown=onDown)
            host, transport = self.opened(endpoint)
            endpoint.setVerdict(f"{host}:6443", Verdict.DEAD, "it is gone")
            self.assertEqual(transport.connected, onDown == "keep")
            transport.loseConnection()


class WrongUsageTests(ParseCase):
    """Whatever is wrong is told in one line: what was given, what is wrong with it, and what would be right."""

    def test_nothing(self) -> None:
        """Nothing to connect to."""
        for given in ({}, {"backends": ""}, {"backends": ","}, {"policy": "round-robin"}, {"state": "state.json"}):
            self.assertWrong(" no backends; expected for example tinylb:file=backends.json$", **given)

    def test_noName(self) -> None:
        """A value without a name."""
        self.assertWrong("backends.json: not NAME=VALUE; .*tinylb:file=", "backends.json")
        self.assertWrong(".*tinylb:file=", "")

    def test_colon(self) -> None:
        r"""A colon that was not written \: ends a value; what comes after it is told, and what to do about it."""
        self.assertWrong(r"6443: not NAME=VALUE; .*\\:", "6443", backends="192.0.2.1")

    def test_unknownName(self) -> None:
        """A name that there is not, whatever Python thinks of it."""
        for name in ("host", "reactor", "words", "given", "self", "dial-timeout"):
            self.assertWrong(f"{name}=1: there is no {name}; expected: file, ", **{name: "1"})

    def test_twoSources(self) -> None:
        """One source can be followed."""
        self.assertWrong("dns=a.example:1: file= is followed already", file=self.file, dns="a.example:1")

    def test_ofUseElsewhere(self) -> None:
        """What is of use with something else only."""
        self.assertWrong("state=s.json: of use with a source only", backends="192.0.2.1:1", state="s.json")
        self.assertWrong("service=a/b: of use with kubernetes= only", file=self.file, service="a/b")

    def test_file(self) -> None:
        """A file that is missing, none, or none of backends."""
        there = str(self.folder.absolute())
        self.assertWrong(f"file={there}/no.json: there is no such file; ", file=f"{there}/no.json")
        self.assertWrong(f"file={there}: is a directory; ", file=there)
        Path(self.file).write_text('{"backends": {"cp-1": 6443}}')
        self.assertWrong(r"file=.*/backends.json: .*cp-1", file=self.file)

    def test_addresses(self) -> None:
        """What is no address, or no name."""
        self.assertWrong("backends=cp-1: 'cp-1' is not HOST:PORT; ", backends="cp-1")
        self.assertWrong("backends=192.0.2.1:0: .* no port ", backends="192.0.2.2:1,192.0.2.1:0")
        self.assertWrong("backends=a=192.0.2.2:1: the id a is given twice", backends="a=192.0.2.1:1,a=192.0.2.2:1")
        self.assertWrong("dns=192.0.2.1:1: 192.0.2.1 is an address ", dns="192.0.2.1:1")
        self.assertWrong("dns=a.example: not HOST:PORT; write for example api.example.com", dns="a.example")
        self.assertWrong("srv=192.0.2.1: .* is an address", srv="192.0.2.1")

    def test_kubernetes(self) -> None:
        """A kubeconfig that is not there; or nothing there that could read it."""
        self.assertWrong("kubernetes=/no/such.conf: ", kubernetes="/no/such.conf")

    def test_numbers(self) -> None:
        """What is no number of seconds; an example is of the right size."""
        for value in ("", "x", "0", "-1", "nan", "inf", "1e400"):
            self.assertWrong(f"dialTimeout={value}: .*dialTimeout=10$", file=self.file, dialTimeout=value)
            self.assertWrong(f"attemptDelay={value}: .*attemptDelay=0.25$", file=self.file, attemptDelay=value)

    def test_choices(self) -> None:
        """What is none of the choices."""
        self.assertWrong(
            "policy=random: there is no such choice; expected: round-robin or least-connections$",
            file=self.file,
            policy="random",
        )
        self.assertWrong("onDown=drop: .*abort or keep$", file=self.file, onDown="drop")
