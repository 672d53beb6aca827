"""A client that introduces itself by the PROXY protocol, and is served as the one that it names."""

from __future__ import annotations

from twisted.internet.endpoints import _WrapperServerEndpoint
from twisted.protocols.haproxy import proxyEndpoint
from twisted.protocols.policies import WrappingFactory

from tests.unit.introducedcase import CLIENT, LINE, PROXY, IntroducedCase
from tests.unit.rigs import MIB, TLSLikeFactory, pattern, told
from tests.unit.servicecase import ServiceTestCase
from tests.unit.test_proxyheader import LOCAL, SIGNATURE
from tinylb import BackendPicked, CloseReason, PairClosed, PairOpened
from tinylb.addresses import spell
from tinylb.proxyprotocol.endpoint import unwrapped
from tinylb.testing import Behaviour, MemoryBackend, MemoryEndpoint

BLOCK = SIGNATURE + bytes.fromhex("21 11 0011 C0000207 C0000209 1267 01BB 04 0002 0000")
"""The same in version 2, with padding."""


class ServedTests(IntroducedCase):
    """Clients that say it right."""

    def test_nothingBefore(self) -> None:
        """Nobody is dialled before the header is complete, and then at once."""
        kit, client = self.saying(LINE[:-1])
        self.assertEqual((kit.events[1:], kit.backends["a"].attempts), ([], 0))
        client.send(LINE[-1:])
        kit.advance()
        self.assertEqual(kit.backends["a"].attempts, 1)

    def test_whoItIs(self) -> None:
        """Events have the client that the header names, from the first one on."""
        for header in (LINE, BLOCK):
            kit, client = self.saying(header)
            client.reset()
            kit.advance()
            events = [event for event in kit.events if isinstance(event, (BackendPicked, PairOpened, PairClosed))]
            self.assertEqual([event.client for event in events], [CLIENT] * 3)

    def test_nobodyElse(self) -> None:
        """A proxy that connects for itself, or does not know for whom, is the client."""
        for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
            kit, _ = self.saying(header)
            self.assertEqual(told(kit.events, PairOpened)[0].client, PROXY)

    def test_passedOn(self) -> None:
        """A backend that wants a header gets the client and the destination that ours has; else those of the socket."""
        for header, passedOn in (
            (BLOCK, LINE),
            (LINE, LINE),
            (LOCAL, b"PROXY TCP4 127.0.0.1 127.0.0.1 50000 6443\r\n"),
        ):
            kit = self.balancer()
            kit.backends["a"] = MemoryBackend(kit.clock, "a", proxyProtocol="v1")
            kit.publish("a")
            self.introduced(kit).send(header + b"hello")
            kit.advance()
            self.assertEqual(kit.server("a").received, passedOn + b"hello")

    def test_oneSegment(self) -> None:
        """What comes with the header belongs to the client, and is delivered and counted without it."""
        for header in (LINE, BLOCK):
            kit, client = self.saying(header + b"hello, ", b"world")
            self.assertEqual(kit.server("a").received, b"hello, world")
            client.close()
            kit.server("a").close()
            kit.advance()
            self.assertEqual(told(kit.events, PairClosed)[0].bytesIn, 12)

    def test_byteByByte(self) -> None:
        """A header may come in any pieces."""
        for header in (LINE, BLOCK):
            data = header + b"hello"
            kit, _ = self.saying(*(data[at : at + 1] for at in range(len(data))))
            self.assertEqual(kit.server("a").received, b"hello")

    def test_longHeader(self) -> None:
        """As long as they can be."""
        data = SIGNATURE + bytes.fromhex("21 11 0FF0 C0000207 C0000209 1267 01BB") + bytes(4096 - 28)
        kit, _ = self.saying(data + b"hello")
        self.assertEqual(kit.server("a").received, b"hello")

    def test_looksLikeAHeader(self) -> None:
        """What comes behind the header is the client's own, though it looks like one."""
        kit, _ = self.saying(LINE + LINE, BLOCK)
        self.assertEqual(kit.server("a").received, LINE + BLOCK)

    def test_much(self) -> None:
        """A client that sends without end behind its header is not read on during its dial; nothing is lost."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client, upload = self.introduced(kit), pattern(MIB)
        client.send(LINE + upload)
        client.finish()
        kit.advance()
        self.assertGreater(len(client.transport._buffer), MIB // 2)
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        kit.advance()
        self.assertTrue(kit.server("a").received == upload)
        self.assertTrue(kit.server("a").hasFinished)

    def test_halfClose(self) -> None:
        """A client that finishes with its header gets its reply."""
        kit = self.balancer("a")
        client = self.introduced(kit)
        client.send(LINE + b"request")
        client.finish()
        kit.advance()
        server = kit.server("a")
        self.assertEqual((server.received, server.hasFinished), (b"request", True))
        server.send(b"reply")
        server.close()
        kit.advance()
        self.assertEqual((client.received, client.hasFinished), (b"reply", True))

    def test_resetDuringTheDial(self) -> None:
        """A client that resets behind its header has its dial cancelled, under the name that it gave."""
        kit = self.balancer("a")
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = self.introduced(kit)
        client.send(LINE + b"hello")
        kit.advance()
        client.reset()
        kit.advance()
        self.assertEqual(kit.backends["a"].pending, 0)
        event = self.unserved(kit)
        self.assertEqual((event.client, event.reason), (CLIENT, CloseReason.CLIENT_RESET))

    def test_throughTLS(self) -> None:
        """The header may be within TLS, where a listener speaks that."""
        kit = self.balancer("a")
        endpoint = MemoryEndpoint(kit.clock)
        endpoint.listen(TLSLikeFactory(kit.balancer.entrance(proxyProtocol=True)))
        endpoint.connect().send(LINE + b"hello")
        kit.advance()
        self.assertEqual(kit.server("a").received, b"hello")
        self.assertEqual(told(kit.events, PairOpened)[0].client, CLIENT)


class ListenerTests(ServiceTestCase):
    """Listeners whose clients introduce themselves."""

    def test_service(self) -> None:
        """A service takes Twisted's endpoint for the PROXY protocol for that; what others say is not looked at."""
        wrapped, plain = MemoryEndpoint(self.clock, 1), MemoryEndpoint(self.clock, 2)
        self.provider.set(self.set)
        service = self.started(proxyEndpoint(wrapped), plain)
        self.assertEqual([spell(address) for address in service.hosts], ["127.0.0.1:1", "127.0.0.1:2"])
        for endpoint in (wrapped, plain):
            endpoint.connect().send(LINE + b"hello")
            self.clock.advance(0)
        self.assertEqual([server.received for server in self.backend.connections], [b"hello", LINE + b"hello"])
        opened = told(self.recorder.events, PairOpened)
        self.assertEqual([event.client for event in opened], [CLIENT, PROXY])
        self.assertEqual([event.listener for event in opened], ["127.0.0.1:1", "127.0.0.1:2"])

    def test_otherWrappers(self) -> None:
        """Endpoints that are wrapped in something else are left as they are."""
        inside = MemoryEndpoint(self.clock)
        other = _WrapperServerEndpoint(inside, WrappingFactory)
        self.assertEqual(unwrapped(other), (other, False))
        self.assertEqual(unwrapped(inside), (inside, False))
        self.assertEqual(unwrapped(proxyEndpoint(inside)), (inside, True))
