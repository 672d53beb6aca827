"""
Whatever comes in whatever order, clients, sets, verdicts, ends, stops, the promises about what is alive hold.
What is alive is worked out from events alone, and compared with what the balancer says.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.rigs import KIB
from tinylb import (
    BackendPicked,
    BackendSet,
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    PairClosed,
    PairHalfClosed,
    PairOpened,
    TargetRemoved,
    Verdict,
)
from tinylb.events import Event
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer, MemoryPeer, join

TARGETS = ("one", "two", "three")
EVERYBODY = {"a": "one", "b": "two", "c": "three"}
sets = st.dictionaries(st.sampled_from(("a", "b", "c", "d")), st.sampled_from(TARGETS)) | st.just(EVERYBODY)
rarely = st.integers(0, 4).map(lambda number: number == 4)
targets = st.sampled_from(TARGETS)
acts = st.sampled_from(("send", "much", "finish", "close", "reset", "pause", "resume"))
numbers = st.integers(0, 1000)


class History:
    """
    What events say of the state of things.

    @ivar current: the targets of the set.
    @ivar open: the target of each open pair, by client.
    @ivar ends: the reasons that each client's connection has ended for.
    @ivar removed: how many pairs have ended for the removal of each target, and C{saidRemoved}: how many
        it was said that would.
    @ivar unserved: how many clients got no backend.
    """

    def __init__(self) -> None:
        self.current: set[str] = set()
        self.open: dict[object, str] = {}
        self.ends: defaultdict[object, list[CloseReason]] = defaultdict(list)
        self.removed: Counter[str] = Counter()
        self.saidRemoved: Counter[str] = Counter()
        self.unserved = 0
        self._read = 0

    def read(self, events: list[Event]) -> None:
        """Read on. Each event has to make sense after those before it."""
        for event in events[self._read :]:
            if isinstance(event, BackendsReplaced):
                self.current = {target for _, target in event.backends}
            elif isinstance(event, TargetRemoved):
                self.saidRemoved[event.target] += event.pairs
            elif isinstance(event, BackendPicked):
                assert event.target in self.current
                assert event.client not in self.open
                assert not self.ends[event.client]
            elif isinstance(event, PairOpened):
                assert event.target in self.current
                assert event.client not in self.open
                assert not self.ends[event.client]
                self.open[event.client] = event.target
            elif isinstance(event, PairHalfClosed):
                assert self.open[event.client] == event.target
            elif isinstance(event, PairClosed):
                assert self.open.pop(event.client) == event.target
                self.ends[event.client].append(event.reason)
                self.removed[event.target] += event.reason is CloseReason.TARGET_REMOVED
                assert min(event.bytesIn, event.bytesOut, event.duration) >= 0
            elif isinstance(event, ClientUnserved):
                assert event.client not in self.open
                self.ends[event.client].append(event.reason)
                self.unserved += 1
        self._read = len(events)


class Machine(RuleBasedStateMachine):
    """A balancer, and a world that does as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.kit = MemoryBalancer(halfCloseTimeout=5, dialTimeout=3)
        self.backends = {target: MemoryBackend(self.kit.clock, target) for target in TARGETS}
        self.clients: list[MemoryPeer] = []
        self.history = History()
        self.isSettled = True
        self.publish(EVERYBODY)

    @rule(ids=sets)
    def publish(self, ids: dict[str, str]) -> None:
        backends = {id: self.backends[target] for id, target in ids.items()}
        self.kit.balancer.replaceBackends(BackendSet(backends))
        self.isSettled = False

    @rule(many=st.integers(1, 4), now=st.booleans())
    def connect(self, many: int, now: bool) -> None:
        for _ in range(many):
            client = MemoryPeer()
            address = IPv4Address("TCP", "192.0.2.1", len(self.clients))
            join(self.kit.clock, client, self.kit.balancer.buildProtocol(address))
            self.clients.append(client)
        if now:
            self.advance(0.0)

    @rule(at=targets, behaviour=st.sampled_from(Behaviour), now=st.booleans())
    def behave(self, at: str, behaviour: Behaviour, now: bool) -> None:
        self.backends[at].behaviour = behaviour
        if now:
            self.backends[at].answer()

    @rule(at=targets, really=rarely)
    def vanish(self, at: str, really: bool) -> None:
        if really:
            self.backends[at].vanish()

    @rule(at=targets, verdict=st.sampled_from(Verdict) | st.just(Verdict.READY))
    def judge(self, at: str, verdict: Verdict) -> None:
        self.kit.balancer.setVerdict(at, verdict, "so it is")

    @precondition(lambda self: self.clients)
    @rule(which=numbers, act=acts)
    def clientActs(self, which: int, act: str) -> None:
        self.act(self.clients[which % len(self.clients)], act)

    @rule(at=targets, which=numbers, act=acts)
    def serverActs(self, at: str, which: int, act: str) -> None:
        servers = self.backends[at].connections
        if servers:
            self.act(servers[which % len(servers)], act)

    def act(self, peer: MemoryPeer, act: str) -> None:
        does: dict[str, Callable[[], Any]] = {
            "send": lambda: peer.send(b"x"),
            "much": lambda: peer.send(b"x" * 100 * KIB),
            "finish": peer.finish,
            "close": peer.close,
            "reset": peer.reset,
            "pause": peer.pause,
            "resume": peer.resume,
        }
        does[act]()

    @rule(seconds=st.sampled_from((0.0, 0.25, 1.0, 5.0)))
    def advance(self, seconds: float) -> None:
        self.kit.advance(seconds)
        self.isSettled = True

    @rule(seconds=st.sampled_from((0.0, 1.0)), really=rarely)
    def stop(self, seconds: float, really: bool) -> None:
        if really:
            self.kit.balancer.drain(seconds)

    @rule()
    def resume(self) -> None:
        self.kit.balancer.resume()

    @invariant()
    def promisesHold(self) -> None:
        self.history.read(self.kit.events)
        self.nothingGoneIsAlive()
        self.countsAreRight()
        assert all(len(reasons) <= 1 for reasons in self.history.ends.values())

    def nothingGoneIsAlive(self) -> None:
        """Once the turn after a change has ended."""
        if self.isSettled:
            assert set(self.history.open.values()) <= set(self.kit.balancer.backends.targets)
            gone = [backend for target, backend in self.backends.items() if target not in self.history.current]
            assert not any(backend.pending for backend in gone)

    def countsAreRight(self) -> None:
        known = self.kit.balancer.describe()
        assert known["connections"] == len(self.history.open)
        alive = Counter(self.history.open.values())
        for backend in known["backends"]:
            assert backend["connections"] == alive[backend["target"]]
            assert min(value for value in backend.values() if isinstance(value, int)) >= 0
        assert known["dialing"] >= 0
        assert sum(known["unserved"].values()) == self.history.unserved

    def teardown(self) -> None:
        """With a stop everything ends: each client's connection once, and nothing is left to happen."""
        drained: list[None] = []
        self.kit.balancer.drain(0).addCallback(drained.append)
        self.kit.advance()
        assert drained == [None]
        self.history.read(self.kit.events)
        assert self.history.open == {}
        assert [len(self.history.ends[client]) for client in self.addresses()] == [1] * len(self.clients)
        assert not any(backend.pending for backend in self.backends.values())
        assert self.kit.balancer.describe()["connections"] == self.kit.balancer.describe()["dialing"] == 0
        assert self.kit.clock.getDelayedCalls() == []
        assert all(self.history.removed[target] <= self.history.saidRemoved[target] for target in TARGETS)

    def addresses(self) -> list[IPv4Address]:
        return [IPv4Address("TCP", "192.0.2.1", number) for number in range(len(self.clients))]


class RegistryProperties(SynchronousTestCase):
    """See L{Registry <tinylb.registry.Registry>}, and what keeps it."""

    def test_alive(self) -> None:
        """Never a pair of a target that is gone; counts that are right; one end for each; and an end to everything."""
        run_state_machine_as_test(Machine, settings=settings(REPEATABLE, max_examples=100, stateful_step_count=40))
