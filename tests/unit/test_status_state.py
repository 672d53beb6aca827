"""The state, told in parts."""

from __future__ import annotations

import json

from tests.unit.servicecase import ServiceTestCase
from tinylb import LoadBalancerService
from tinylb.status import state
from tinylb.testing import MemoryPeer


class StateTests(ServiceTestCase):
    """See L{state.state}."""

    def busy(self, count: int) -> tuple[LoadBalancerService, list[MemoryPeer]]:
        """A service with so many clients, each of which has sent five bytes, and got six back."""
        self.provider.set(self.set)
        service = self.started()
        clients = [self.endpoint.connect() for _ in range(count)]
        for client, server in zip(clients, self.backend.connections, strict=True):
            client.send(b"hello")
            server.send(b"answer")
        self.clock.advance(0)
        return service, clients

    def test_asDescribed(self) -> None:
        """It is what the service describes, in one part where there are few connections."""
        service, _ = self.busy(3)
        (told,) = state.state(service)
        self.assertEqual(json.loads(told), service.describe())
        self.assertEqual(json.loads(told)["backends"][0]["bytesOut"], 18)

    def test_manyConnections(self) -> None:
        """Of many connections it looks at some, then others have their turn; one that ends meanwhile counts once."""
        self.patch(state, "PAIRS_A_TURN", 2)
        service, clients = self.busy(5)
        parts = state.state(service)
        self.assertEqual(next(parts), b"")
        clients[0].reset()
        clients[4].reset()
        self.clock.advance(0)
        self.assertEqual(service.balancer.connections, 3)
        rest = list(parts)
        self.assertEqual(rest[:-1], [b""])
        (told,) = json.loads(rest[-1])["backends"]
        self.assertEqual((told["connections"], told["bytesIn"], told["bytesOut"]), (5, 25, 30))
