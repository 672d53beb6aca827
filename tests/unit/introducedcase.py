"""What tests of introductions share: clients that are proxies, and send a header of the PROXY protocol."""

from __future__ import annotations

from twisted.internet.address import IPv4Address

from tests.unit.rigs import BalancerTestCase, told
from tinylb import ClientUnserved
from tinylb.testing import MemoryBalancer, MemoryEndpoint, MemoryPeer

LINE = b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 443\r\n"
CLIENT = IPv4Address("TCP", "192.0.2.7", 4711)
PROXY = IPv4Address("TCP", "127.0.0.1", 50000)


class IntroducedCase(BalancerTestCase):
    """Tests of balancers with a listener whose clients have to send an introduction."""

    def introduced(self, kit: MemoryBalancer) -> MemoryPeer:
        """A proxy connects, and has sent nothing yet."""
        endpoint = MemoryEndpoint(kit.clock)
        endpoint.listen(kit.balancer.entrance(proxyProtocol=True))
        return endpoint.connect()

    def saying(self, *pieces: bytes, **options: object) -> tuple[MemoryBalancer, MemoryPeer]:
        """A balancer over C{a}, and a proxy that sends these pieces."""
        kit = self.balancer("a", **options)
        client = self.introduced(kit)
        for piece in pieces:
            client.send(piece)
            kit.advance()
        return kit, client

    def unserved(self, kit: MemoryBalancer) -> ClientUnserved:
        """The one client that got no backend."""
        (event,) = told(kit.events, ClientUnserved)
        return event
