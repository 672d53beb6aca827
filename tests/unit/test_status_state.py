"""The state, told in parts."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tests.unit.servicecase import ServiceTestCase
from tinylb import BackendSet, LoadBalancerService
from tinylb.status import state
from tinylb.status.state import BACKENDS_A_PART, States
from tinylb.testing import MemoryBackend, MemoryPeer


class StateTests(ServiceTestCase):
    """See L{States}."""

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

    def publish(self, count: int) -> None:
        """Make a set of so many backends the current one."""
        ids = [f"b{number:04}" for number in range(count)]
        self.provider.set(BackendSet({id: MemoryBackend(self.clock, id) for id in ids}))

    def big(self, count: int) -> LoadBalancerService:
        """A service with so many backends."""
        self.publish(count)
        return self.started()

    def read(self, parts: Iterator[bytes]) -> Any:
        """What is told in these parts."""
        return json.loads(b"".join(parts))

    def test_asDescribed(self) -> None:
        """It is what the service describes."""
        service, _ = self.busy(3)
        told = self.read(States(service).ask())
        self.assertEqual(told, service.describe())
        self.assertEqual(told["backends"][0]["bytesOut"], 18)

    def test_manyBackends(self) -> None:
        """Of any number of backends each is told, and few in one part."""
        service = self.big(0)
        for count in (0, 1, BACKENDS_A_PART, BACKENDS_A_PART + 1, 3 * BACKENDS_A_PART):
            self.publish(count)
            parts = list(States(service).ask())
            self.assertEqual(self.read(iter(parts)), service.describe())
            self.assertLessEqual(max(part.count(b'"target"') for part in parts), BACKENDS_A_PART)

    def test_manyConnections(self) -> None:
        """Of many connections it looks at some, then others have their turn; one that ends meanwhile counts once."""
        self.patch(state, "PAIRS_A_TURN", 2)
        service, clients = self.busy(5)
        parts = States(service).ask()
        self.assertEqual([next(parts) for _ in range(3)], [b""] * 3)
        clients[0].reset()
        clients[4].reset()
        self.clock.advance(0)
        self.assertEqual(service.balancer.connections, 3)
        (told,) = self.read(parts)["backends"]
        self.assertEqual((told["connections"], told["bytesIn"], told["bytesOut"]), (5, 25, 30))

    def test_notBegun(self) -> None:
        """For who does not read the beginning of the answer nothing is made: what it is told is so when it reads on."""
        service, clients = self.busy(1)
        parts = States(service).ask()
        self.assertEqual(next(parts), b"")
        clients[0].reset()
        self.clock.advance(0)
        self.assertEqual(self.read(parts)["connections"], 0)

    def test_meanwhile(self) -> None:
        """Who asks while one is made for others waits for the next; it has nothing that was so only before."""
        service, clients = self.busy(1)
        states = States(service)
        first = states.ask()
        for _ in range(3):
            next(first)
        clients[0].reset()
        self.clock.advance(0)
        self.assertEqual(self.read(states.ask())["connections"], 0)
        self.assertEqual(self.read(first)["connections"], 1)

    def test_whoGoes(self) -> None:
        """Who goes meanwhile keeps nobody from having the state, whether one was made for it or was to be."""
        service = self.big(2 * BACKENDS_A_PART)
        states = States(service)
        for steps in range(6):
            one, other = states.ask(), states.ask()
            for _ in range(steps):
                next(one)
            next(other)
            one.close()
            self.assertEqual(self.read(other), service.describe())

    def test_failure(self) -> None:
        """Where making one fails, it is the one whose turn it was that fails; others that wait for it have it made."""
        service, _ = self.busy(1)
        described = service.describe()
        failures = [ZeroDivisionError()]

        def describe(*, addsUp: bool) -> dict[str, Any]:
            if failures:
                raise failures.pop()
            return LoadBalancerService.describe(service, addsUp=addsUp)

        self.patch(service, "describe", describe)
        states = States(service)
        one, other = states.ask(), states.ask()
        self.assertEqual([next(parts) for parts in (one, other) * 2], [b""] * 4)
        self.assertRaises(ZeroDivisionError, next, one)
        self.assertEqual(self.read(islice(other, 20)), described)

    def test_notReading(self) -> None:
        """However many ask and do not read on, there is one text for all of them, and nothing else."""
        service = self.big(10 * BACKENDS_A_PART)
        states = States(service)
        size = sum(map(len, states.ask()))
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        asking = [states.ask() for _ in range(20)]
        waiting = asking
        while waiting:
            waiting = [parts for parts in waiting if not next(parts)]
        now, peak = tracemalloc.get_traced_memory()
        self.assertLess(now, 2 * size)
        self.assertLess(peak, 10 * size)
