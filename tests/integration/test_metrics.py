"""Metrics of a running service: they agree with what clients did, with what the balancer says, and cost little."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import pytest_twisted
from twisted.internet.task import Clock

from tests.integration.bench import Balanced, Bench, backend
from tests.integration.servers import NamedServer, Refusing, Server
from tests.integration.sockets import Ending, eventually, reactor
from tests.unit.metricscase import Scrape
from tinylb import BackendSet, ClientUnserved, DialFailed, LoadBalancerService, PairClosed, Value
from tinylb.clock import monotonicClock
from tinylb.metrics import LoopDelay, Metrics
from tinylb.testing import MemoryBackend, MemoryEndpoint

CPU_OF_A_SCRAPE = 0.05
"""Seconds, with 200 backends."""

HELD_UP = 0.01
"""Seconds for which a scrape may hold anybody up."""


REASONS = ("client-reset", "client-closed", "backend-closed")


@pytest.fixture
def counting() -> Iterator[list[Metrics]]:
    """What is in here is stopped when the test is over."""
    metrics: list[Metrics] = []
    yield metrics
    for each in metrics:
        each.stop()


def count(balanced: Balanced, counting: list[Metrics]) -> Metrics:
    """Count what happens in a balancer from now on."""
    metrics = Metrics(balanced.service)
    counting.append(metrics)
    metrics.start()
    return metrics


def agrees(scrape: Scrape, balanced: Balanced) -> None:
    """What C{describe()} says is what metrics say."""
    known = balanced.service.describe()
    for each in known["backends"]:
        id = each["id"]
        assert scrape("backend_connections", backend=id) == each["connections"]
        assert scrape("backend_connections_opened_total", backend=id) == each["opened"]
        assert scrape.of("backend_relayed_bytes_total", backend=id) == {"in": each["bytesIn"], "out": each["bytesOut"]}
        assert scrape("backend_state", backend=id, state=each["state"]) == 1
    assert scrape("set_revision") == known["revision"]
    assert scrape("connections") == known["connections"]


@pytest_twisted.ensureDeferred
async def test_traffic(bench: Bench, counting: list[Metrics]) -> None:
    """After real traffic, some of it still going on, each count is what clients did."""
    servers = {id: bench.add(NamedServer(id)) for id in ("a", "b")}
    balanced = await bench.balance()
    metrics = count(balanced, counting)
    balanced.publish(**{id: backend(server) for id, server in servers.items()}, c=backend(bench.add(Refusing())))
    clients = [bench.connect(balanced) for _ in range(12)]
    for client in clients:
        greeting = await client.receive(2)
        assert greeting in (b"a\n", b"b\n")
        await client.send(b"x" * 1000)
        assert await client.receive(1000) == b"x" * 1000
    for client in clients[:3]:
        client.reset()
    for client in clients[3:8]:
        client.finish()
        assert await client.receiveToEnd() == (b"", Ending.FIN)
    await balanced.hear(PairClosed, 8)
    scrape = Scrape(metrics)
    agrees(scrape, balanced)
    assert sum(scrape.of("backend_connections").values()) == 4
    assert sum(scrape.of("backend_connections_opened_total").values()) == 12
    assert sum(scrape.of("backend_relayed_bytes_total", direction="in").values()) == 12 * 1000
    assert sum(scrape.of("backend_relayed_bytes_total", direction="out").values()) == 12 * 1002
    ends = {reason: sum(scrape.of("backend_connections_closed_total", reason=reason).values()) for reason in REASONS}
    assert ends == {"client-reset": 3, "client-closed": 5, "backend-closed": 0}
    assert sum(scrape.of("backend_connection_duration_seconds_count").values()) == 8
    refused = len(balanced.told(DialFailed))
    assert refused > 0
    assert scrape("backend_dial_failures_total", backend="c", kind="refused") == refused
    assert sum(scrape.of("backend_picked_total").values()) == 12 + refused
    assert scrape.of("backend_dial_seconds_count") == scrape.of("backend_connections_opened_total")


@pytest_twisted.ensureDeferred
async def test_removal(bench: Bench, counting: list[Metrics]) -> None:
    """What a removal ended is told after it, and clients that found nobody are counted."""
    server = bench.add(Server())
    balanced = await bench.balance()
    metrics = count(balanced, counting)
    balanced.publish(a=backend(server))
    pairs = [await bench.joinBy(balanced, server) for _ in range(5)]
    await pairs[0].client.send(b"four")
    assert await pairs[0].serving.receive(4) == b"four"
    balanced.publish()
    await balanced.hear(PairClosed, 5)
    bench.connect(balanced)
    await balanced.hear(ClientUnserved)
    scrape = Scrape(metrics)
    agrees(scrape, balanced)
    assert scrape("backend_connections_closed_total", backend="a", reason="target-removed") == 5
    assert scrape("backend_relayed_bytes_total", backend="a", direction="in") == 4
    assert scrape.backends("backend_state") == set()
    assert scrape("unserved_total", reason="no-backends") == 1


@pytest_twisted.ensureDeferred
async def test_listener(bench: Bench, counting: list[Metrics]) -> None:
    """A listener that listens accepts, and does not when it is closed."""
    balanced = await bench.balance()
    metrics = count(balanced, counting)
    assert isinstance(balanced.address, tuple)
    assert Scrape(metrics).of("listener_accepting") == {f"127.0.0.1:{balanced.address[1]}": 1}
    await balanced.service.stopService()
    assert set(Scrape(metrics).of("listener_accepting").values()) == {0}


@pytest_twisted.ensureDeferred
async def test_heldUpLoop(bench: Bench, counting: list[Metrics]) -> None:
    """A loop that was held up says for how long."""
    balanced = await bench.balance()
    metrics = count(balanced, counting)
    await eventually(lambda: Scrape(metrics)("event_loop_delay_seconds_count") > 0, "a first timer")

    def holdUp() -> None:
        time.sleep(1.25)  # longer than it takes to the next timer

    reactor.callLater(0, holdUp)
    await eventually(lambda: Scrape(metrics)("event_loop_delay_longest_seconds") >= 0.25, "a long delay")
    assert Scrape(metrics)("event_loop_delay_longest_seconds") < 60

    def longDelays() -> float:
        buckets = Scrape(metrics).of("event_loop_delay_seconds_bucket")
        return buckets["+Inf"] - buckets["0.1"]

    await eventually(lambda: longDelays() > 0, "the delay in the histogram")


@pytest_twisted.ensureDeferred
async def test_nothingLeft() -> None:
    """Once stopped, nothing of the loop's timer is left in the reactor, though no balancer was there to see to it."""
    delay = LoopDelay(monotonicClock(reactor))
    delay.start()
    await eventually(lambda: sum(delay.histogram.counts) > 0, "a first timer")
    readers = len(reactor.getReaders())
    delay.stop()
    assert len(reactor.getReaders()) < readers


def test_cost() -> None:
    """With 200 backends, each with all there can be, a scrape is cheap, and none of its parts holds anybody up."""
    clock = Clock()
    backends = {f"cp-{number:03}": MemoryBackend(clock, f"192.0.2.{number}:6443") for number in range(200)}
    service = LoadBalancerService(MemoryEndpoint(clock), Value(BackendSet(backends)), reactor=clock)
    service.startService()
    metrics = Metrics(service)
    metrics.start()
    # What this is about is the program, not whoever else keeps the machine busy: there are five tries.
    for _ in range(5):
        started, longest = time.process_time(), 0.0
        parts, before = 0, time.thread_time()
        for _ in metrics.expose():
            now = time.thread_time()
            longest, before, parts = max(longest, now - before), now, parts + 1
        seconds = time.process_time() - started
        if seconds < CPU_OF_A_SCRAPE and longest < HELD_UP:
            break
    metrics.stop()
    service.stopService()
    assert seconds < CPU_OF_A_SCRAPE
    assert longest < HELD_UP
    assert parts > 200 // 10
