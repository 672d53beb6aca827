"""What tests of resting backends share."""

from __future__ import annotations

from tests.unit.rigs import BalancerTestCase, told
from tinylb import ClientUnserved, CloseReason, PairOpened
from tinylb.testing import Behaviour, MemoryBalancer

DELAY = 0.25


class RestingCase(BalancerTestCase):
    """Tests of failing backends under a steady stream of clients. Without jitter the first rest takes a second."""

    def crowd(self, kit: MemoryBalancer, seconds: float, each: int = 1) -> list[float]:
        """Clients come, so many each eighth of a second, and leave. Returns how long each served client waited."""
        before = len(told(kit.events, PairOpened))
        for _ in range(int(seconds * 8)):
            for _ in range(each):
                kit.connect()
            kit.advance(0.125)
            for backend in kit.backends.values():
                while backend.connections:
                    backend.connections.pop().reset()
        return [event.dialSeconds for event in told(kit.events, PairOpened)[before:]]

    def wait(self, kit: MemoryBalancer, seconds: float) -> None:
        """Let time pass without clients."""
        kit.clock.pump([0.125] * int(seconds * 8))

    def suspects(self, *ids: str, **options: float) -> MemoryBalancer:
        """A balancer over backends of which each has refused a client, is resting, and hangs from now on."""
        kit = self.balancer(*ids, **options)
        for behaviour in (Behaviour.REFUSES, Behaviour.HANGS):
            for backend in kit.backends.values():
                backend.behaviour = behaviour
            if behaviour is Behaviour.REFUSES:
                kit.connect()
        self.assertEqual({known["state"] for known in kit.balancer.describe()["backends"]}, {"resting"})
        return kit

    def pending(self, kit: MemoryBalancer) -> dict[str, int]:
        """How many attempts are under way, by id."""
        return {id: backend.pending for id, backend in kit.backends.items()}

    def unserved(self, kit: MemoryBalancer) -> list[CloseReason]:
        """Why clients were not served, so far."""
        return [event.reason for event in told(kit.events, ClientUnserved)]
