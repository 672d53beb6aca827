"""Backends that want to hear, before anything else, for whom a connection is made."""

from __future__ import annotations

from twisted.internet.error import NoProtocol
from zope.interface import implementer

from tests.unit.checkrig import ChecksCase, listen
from tests.unit.endpointcase import Application, EndpointCase
from tests.unit.rigs import BalancerTestCase, HandBackend, TLSLikeBackend, told
from tests.unit.test_proxyheader import LOCAL, SIGNATURE
from tinylb import BackendSet, BackendsReplaced, HTTPCheck, PairClosed
from tinylb.health import TCPCheck
from tinylb.interfaces import IProxyProtocol
from tinylb.probe import ConnectProbe
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer, MemoryPeer

# Of any client in memory, of the balancers' and the backends' sockets there.
CLIENT = {
    "v1": b"PROXY TCP4 127.0.0.1 127.0.0.1 50000 6443\r\n",
    "v2": SIGNATURE + bytes.fromhex("21 11 000C 7F000001 7F000001 C350 192B"),
}
OWN = {"v1": b"PROXY TCP4 127.0.0.1 127.0.0.1 50000 1\r\n", "v2": LOCAL}


@implementer(IProxyProtocol)
class ProxiedHand(HandBackend):
    """A backend that is answered by hand, and wants a header."""

    proxyProtocol = "v2"


class Eager(MemoryPeer):
    """An application's protocol that speaks first."""

    def connectionMade(self) -> None:
        self.send(b"hello")


class ProxiedCase(BalancerTestCase):
    """Balancers over C{a}, which wants a header."""

    def open(self, version: str) -> tuple[MemoryBalancer, MemoryBackend]:
        """One of them."""
        kit = self.balancer()
        backend = kit.backends["a"] = MemoryBackend(kit.clock, "a", proxyProtocol=version)
        kit.publish("a")
        return kit, backend


class HeaderTests(ProxiedCase):
    """What such a backend hears."""

    def test_first(self) -> None:
        """The header comes first, once, and then what the client says; it is counted as nobody's bytes."""
        for version, header in CLIENT.items():
            kit, _ = self.open(version)
            client = kit.connect()
            for word in (b"hello, ", b"world"):
                client.send(word)
                kit.advance()
            self.assertEqual(kit.server("a").received, header + b"hello, world")
            kit.server("a").send(b"and you")
            kit.advance()
            self.assertEqual(client.received, b"and you")
            [described] = kit.balancer.describe()["backends"]
            self.assertEqual((described["bytesIn"], described["bytesOut"]), (12, 7))

    def test_silentClient(self) -> None:
        """The header does not wait for the client to say something, as its backend may be the one to speak first."""
        kit, _ = self.open("v2")
        client = kit.connect()
        kit.advance()
        self.assertEqual(kit.server("a").received, CLIENT["v2"])
        kit.server("a").send(b"220 welcome")
        kit.advance()
        self.assertEqual(client.received, b"220 welcome")

    def test_clientFinishesAtOnce(self) -> None:
        """A client that half-closes at once, without a word, is announced and gets its reply."""
        kit, backend = self.open("v1")
        backend.behaviour = Behaviour.HANGS
        client = kit.connect()
        client.finish()
        kit.advance()
        backend.behaviour = Behaviour.CONNECTS
        backend.answer()
        kit.advance()
        server = kit.server("a")
        self.assertEqual((server.received, server.hasFinished), (CLIENT["v1"], True))
        server.send(b"reply")
        server.close()
        kit.advance()
        self.assertEqual(client.received, b"reply")
        self.assertEqual(told(kit.events, PairClosed)[0].bytesIn, 0)

    def test_early(self) -> None:
        """What the client said while it was waiting comes behind the header, too."""
        kit = self.balancer()
        backend = ProxiedHand(kit.clock, "a")
        kit.balancer.replaceBackends(BackendSet({"a": backend}))
        client = kit.connect()
        client.send(b"early, ")
        kit.advance()
        backend.succeed()
        client.send(b"late")
        kit.advance()
        self.assertEqual(backend.server.received, CLIENT["v2"] + b"early, late")

    def test_winnerOnly(self) -> None:
        """Of two attempts side by side only the winner's connection begins with a header, and with its own."""
        kit, slow = self.open("v1")
        kit.backends["b"] = MemoryBackend(kit.clock, "b", proxyProtocol="v2")
        kit.publish("a", "b")
        slow.behaviour = Behaviour.HANGS
        kit.connect()
        kit.advance(0.25)
        kit.advance()
        self.assertEqual(kit.server("b").received, CLIENT["v2"])
        self.assertEqual((slow.attempts, slow.connections), (1, []))

    def test_otherBackends(self) -> None:
        """Who wants no header gets none."""
        kit, _ = self.open("v1")
        kit.publish("a", "b")
        for _ in range(2):
            kit.connect().send(b"hello")
            kit.advance()
        self.assertEqual(kit.server("b").received, b"hello")
        self.assertEqual(kit.server("a").received, CLIENT["v1"] + b"hello")

    def test_withinTLS(self) -> None:
        """Where the endpoint is a TLS one, the header goes through it as all else does."""
        kit = self.balancer()
        backend = kit.backends["a"] = TLSLikeBackend(kit.clock, "a", proxyProtocol="v2")
        kit.publish("a")
        kit.connect().send(b"hello")
        kit.advance()
        self.assertEqual(backend.connections[0].received, CLIENT["v2"] + b"hello")

    def test_resetMeanwhile(self) -> None:
        """A backend that resets as soon as it has accepted ends its client as ever."""
        kit, _ = self.open("v1")
        client = kit.connect()
        kit.server("a").reset()
        kit.advance()
        self.assertEqual(client.ending, "reset")


class SetTests(ProxiedCase):
    """What a set makes of it."""

    def test_change(self) -> None:
        """Another version is another set; connections stay, and new clients are announced as it says."""
        kit, _ = self.open("v1")
        first = kit.connect()
        kit.backends["a"] = MemoryBackend(kit.clock, "a", proxyProtocol="v2")
        kit.publish("a")
        kit.connect()
        kit.advance()
        self.assertEqual(len(told(kit.events, BackendsReplaced)), 3)  # the first was empty
        self.assertIsNone(first.ending)
        self.assertEqual(kit.server("a").received, CLIENT["v2"])
        kit.backends["a"] = MemoryBackend(kit.clock, "a", proxyProtocol="v2")
        kit.publish("a")
        self.assertEqual(len(told(kit.events, BackendsReplaced)), 3)

    def test_readOnce(self) -> None:
        """A backend that changes its mind while it is in a set is taken as it was."""
        kit, backend = self.open("v1")
        backend.proxyProtocol = "v2"
        kit.connect()
        kit.advance()
        self.assertEqual(kit.server("a").received, CLIENT["v1"])

    def test_wrong(self) -> None:
        """A version that there is not is refused with the set, in words that name it."""
        kit = self.balancer()
        for version in ("v3", "", 2):
            backend = MemoryBackend(kit.clock, "a", proxyProtocol=version)  # type: ignore[arg-type]
            error = self.assertRaises(ValueError, BackendSet, {"a": backend})
            self.assertIn(repr(version), str(error))
            self.assertIn("'v1', 'v2' or None", str(error))


class OwnConnectionTests(ChecksCase):
    """Connections that are nobody's but tinylb's own say so: the backend might wait for a header, or refuse."""

    def backend(self, version: str) -> tuple[MemoryBalancer, MemoryBackend]:
        """A backend that wants a header, and a balancer over it."""
        kit = self.balancer()
        backend = kit.backends["a"] = MemoryBackend(kit.clock, "a", proxyProtocol=version)
        kit.publish("a")
        return kit, backend

    def test_httpCheck(self) -> None:
        """A check over HTTP begins with a header."""
        for version, header in OWN.items():
            kit, _ = self.backend(version)
            self.checks(kit, HTTPCheck("/healthz"))
            kit.advance()
            question = kit.server("a").received
            self.assertTrue(question.startswith(header + b"GET /healthz HTTP/1.1\r\n"), question)
            kit.server("a").send(b"HTTP/1.1 200 OK\r\n\r\n")
            kit.advance()
            self.assertEqual(self.states(kit), {"a": "ready"})

    def test_tcpCheck(self) -> None:
        """So does one that only connects."""
        kit, _ = self.backend("v2")
        self.checks(kit, TCPCheck())
        listen(kit.clock, 1)
        self.assertEqual(kit.server("a").received, LOCAL)
        self.assertEqual(self.states(kit), {"a": "ready"})

    def test_probe(self) -> None:
        """So does a question whether anybody is there."""
        kit, backend = self.backend("v1")
        answer = ConnectProbe(kit.clock).anyAnswers([backend])
        kit.advance()
        self.assertEqual(kit.server("a").received, OWN["v1"])
        kit.clock.pump([0.125])
        self.assertTrue(self.successResultOf(answer))


class OutgoingTests(EndpointCase):
    """What an application connects to through a balanced endpoint."""

    def test_header(self) -> None:
        """Its connections begin with a header, before the first word of the application's protocol."""

        for version, header in OWN.items():
            endpoint = self.endpoint()
            backend = self.backends["a"] = MemoryBackend(self.clock, "a", proxyProtocol=version)
            self.publish("a")
            connecting = endpoint.connect(Application(Eager()))
            self.clock.advance(0)
            self.successResultOf(connecting)
            self.assertEqual(backend.connections[0].received, header + b"hello")
            backend.vanish()
            self.clock.pump([0, 0])

    def test_noProtocol(self) -> None:
        """A factory that gives no protocol is answered as ever."""
        endpoint = self.endpoint()
        self.backends["a"] = MemoryBackend(self.clock, "a", proxyProtocol="v2")
        self.publish("a")
        connecting = endpoint.connect(Application())
        self.clock.advance(0)
        self.failureResultOf(connecting, NoProtocol)
        self.clock.advance(0)
        self.assertEqual(self.backends["a"].connections[0].ending, "reset")
