"""
Whatever a source says, whoever stands by, and whatever is remembered: a connection ends exactly when its target
leaves the source, or everything. Layers and a balancer are compared with a plain model of that sentence.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.layeredcase import shapeOf
from tinylb import BackendSet, PairClosed, PairOpened, Verdict
from tinylb.follower import Follower
from tinylb.providers.layered import LayeredProvider
from tinylb.testing import ManualProvider, MemoryBackend, MemoryBalancer, MemoryPeer, join

TARGETS = "uvwxyz"
sets = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(TARGETS), max_size=4)
tiers = st.lists(st.integers(0, 3), min_size=4, max_size=4)
targets = st.sampled_from(TARGETS)


class Remembered:
    """As much of a state file as layers need: it recalls a set, and keeps the last one that is remembered."""

    error = None

    def __init__(self, backends: BackendSet) -> None:
        self.backends = backends

    def recall(self, source: str) -> BackendSet:
        """See L{StateFile.recall <tinylb.providers.state.StateFile.recall>}."""
        return self.backends

    def remember(self, source: str, backends: BackendSet) -> None:
        """See L{StateFile.remember <tinylb.providers.state.StateFile.remember>}."""
        self.backends = backends or self.backends

    def close(self) -> None:
        """See L{StateFile.close <tinylb.providers.state.StateFile.close>}."""


class Machine(RuleBasedStateMachine):
    """A balancer over layers, and the model: who is the source's, and who stands by."""

    @initialize(standby=sets, remembered=sets, answer=st.none() | sets, tiers=tiers)
    def begin(
        self, standby: dict[str, str], remembered: dict[str, str], answer: dict[str, str] | None, tiers: list[int]
    ) -> None:
        self.kit = MemoryBalancer()
        self.source = ManualProvider() if answer is None else ManualProvider(self.backends(answer, tiers))
        self.hasAnswered = answer is not None
        self.fixed = set(standby.values())
        self.known = set((remembered if answer is None else answer).values())
        self.state = Remembered(self.backends(remembered, tiers))
        layers = LayeredProvider(
            self.kit.clock,
            self.source,
            self.backends(standby, tiers),
            state=self.state,  # type: ignore[arg-type]
        )
        self.follower = Follower(self.kit.clock, layers, self.kit.balancer.replaceBackends)
        self.clients: dict[IPv4Address, MemoryPeer] = {}
        self.open: dict[object, str] = {}
        self.expected: set[object] = set()
        self.ended: set[object] = set()
        self.follower.start()

    def backends(self, targets: dict[str, str], tiers: list[int]) -> BackendSet:
        """A set of these, in several tiers."""
        return BackendSet(
            {
                id: MemoryBackend(self.kit.clock, target, tier=tier)
                for (id, target), tier in zip(targets.items(), tiers, strict=False)
            }
        )

    @rule(answer=sets, tiers=tiers)
    def say(self, answer: dict[str, str], tiers: list[int]) -> None:
        """The source says who is there: by the model, all connections end at targets that it had and has no more."""
        known = set(answer.values())
        everybody = self.known | self.fixed
        gone = (self.known - known) | (everybody - (known | self.fixed))
        self.expected |= {client for client, target in self.open.items() if target in gone}
        self.known, self.hasAnswered = known, True
        self.source.set(self.backends(answer, tiers))
        self.kit.advance()

    @rule()
    def sayAgain(self) -> None:
        """The source repeats what it said."""
        if self.hasAnswered:
            self.source.set(self.successResult())
            self.kit.advance()

    def successResult(self) -> BackendSet:
        """What the source has said last."""
        said: list[BackendSet] = []
        watcher = self.source.watch()
        watcher.get().addCallback(said.append)
        watcher.close()
        return said[0]

    @rule(really=st.integers(0, 3))
    def fail(self, really: int) -> None:
        """The source fails, and recovers by itself."""
        if not really:
            self.source.fail(RuntimeError("no luck"))
            self.kit.advance(31)

    @rule(really=st.integers(0, 3))
    def followAgain(self, really: int) -> None:
        """The balancer stops following for a while; open connections stay."""
        if not really:
            self.follower.stop()
            self.follower.start()
            self.kit.advance()

    @rule(at=targets, verdict=st.sampled_from((Verdict.READY, Verdict.NOT_READY, Verdict.RESTING)))
    def judge(self, at: str, verdict: Verdict) -> None:
        """Somebody finds out something, so that others serve."""
        self.kit.balancer.setVerdict(at, verdict, "so it is")

    @rule(many=st.integers(1, 5))
    def connect(self, many: int) -> None:
        """Clients come."""
        for _ in range(many):
            address = IPv4Address("TCP", "192.0.2.1", len(self.clients))
            self.clients[address] = MemoryPeer()
            join(self.kit.clock, self.clients[address], self.kit.balancer.buildProtocol(address))
            self.kit.advance()
        self.read()

    def read(self) -> None:
        """What became of connections."""
        for event in self.kit.events:
            if isinstance(event, PairOpened):
                assert event.target in self.known | self.fixed
                self.open[event.client] = event.target
            elif isinstance(event, PairClosed):
                del self.open[event.client]
                self.ended.add(event.client)
        del self.kit.events[:]

    @invariant()
    def endedExactly(self) -> None:
        """Those have ended that the model says, and no others; the clients have seen it."""
        if hasattr(self, "kit"):
            self.read()
            assert self.ended == self.expected
            for client in self.ended:
                assert isinstance(client, IPv4Address)
                assert self.clients[client].ending == "reset"

    @invariant()
    def setIsRight(self) -> None:
        """In the set is everybody; the source's are as it has them, and the others stand by behind them."""
        if hasattr(self, "kit"):
            backends = self.kit.balancer.backends
            assert backends.targets == self.known | self.fixed
            assert backends.standing == self.known
            by = [target for target, _ in shapeOf(backends).values() if target.startswith("*")]
            assert {target[1:] for target in by} == self.fixed - self.known
            tiers = [(target.startswith("*"), tier) for target, tier in shapeOf(backends).values()]
            last = max((tier for isStandby, tier in tiers if not isStandby), default=-1)
            if self.hasAnswered:
                assert all(tier > last for isStandby, tier in tiers if isStandby)

    @invariant()
    def isRemembered(self) -> None:
        """The last set with somebody in it is remembered."""
        if hasattr(self, "kit") and self.hasAnswered and self.known:
            assert self.state.backends.targets == self.known

    def teardown(self) -> None:
        """Nothing is left to happen."""
        if hasattr(self, "kit"):
            self.follower.stop()
            self.kit.balancer.drain(0)
            self.kit.advance()
            assert self.kit.clock.getDelayedCalls() == []


class LayersProperties(SynchronousTestCase):
    """See L{LayeredProvider}, and what L{Pool <tinylb.pool.Pool>} makes of it."""

    def test_endsExactly(self) -> None:
        """Connections end when, and only when, their target leaves the source or the whole set."""
        run_state_machine_as_test(Machine, settings=settings(REPEATABLE, max_examples=150, stateful_step_count=30))
