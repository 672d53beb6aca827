"""Whatever comes in whatever order, counters never fall, and agree with what happened and what the balancer says."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.metricscase import COUNTERS, Scrape, Series
from tinylb import BackendPicked, BackendSet, DialFailed, LoadBalancerService, PairClosed, PairOpened
from tinylb.events import Event
from tinylb.metrics import Metrics
from tinylb.testing import Behaviour, ManualProvider, MemoryBackend, MemoryEndpoint, MemoryPeer, Recorder

TARGETS = ("one", "two", "three")
apart = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(TARGETS)).filter(
    lambda ids: len(set(ids.values())) == len(ids)
)
BY_ID: dict[str, tuple[type[PairClosed] | type[DialFailed], str]] = {
    "tinylb_backend_connections_closed_total": (PairClosed, "reason"),
    "tinylb_backend_dial_failures_total": (DialFailed, "kind"),
}
"""What is counted by the ids of events."""


class Machine(RuleBasedStateMachine):
    """A counted balancer whose ids lead to targets of their own, but from set to set to others."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.backends = {target: MemoryBackend(self.clock, target) for target in TARGETS}
        self.provider = ManualProvider()
        self.endpoint = MemoryEndpoint(self.clock)
        self.service = LoadBalancerService(
            self.endpoint, self.provider, reactor=self.clock, random=lambda: 0.0, drain=0.0, dialTimeout=3
        )
        recorder = Recorder()
        self.events: list[Event] = recorder.events
        self.service.balancer.observers.append(recorder)
        self.metrics = Metrics(self.service)
        self.metrics.start()
        self.service.startService()
        self.publish({"a": "one", "b": "two", "c": "three"})
        self.clients: list[MemoryPeer] = []
        self.former: dict[Series, float] = {}

    @rule(ids=apart)
    def publish(self, ids: dict[str, str]) -> None:
        self.provider.set(BackendSet({id: self.backends[target] for id, target in ids.items()}))

    @rule(many=st.integers(1, 3))
    def connect(self, many: int) -> None:
        self.clients += [self.endpoint.connect() for _ in range(many)]

    @rule(at=st.sampled_from(TARGETS), behaviour=st.sampled_from(Behaviour))
    def behave(self, at: str, behaviour: Behaviour) -> None:
        self.backends[at].behaviour = behaviour
        self.backends[at].answer()

    @precondition(lambda self: self.clients)
    @rule(which=st.integers(0, 100), act=st.sampled_from(("send", "finish", "close", "reset")))
    def act(self, which: int, act: str) -> None:
        client = self.clients[which % len(self.clients)]
        client.send(b"x") if act == "send" else getattr(client, act)()

    @rule(seconds=st.sampled_from((0.0, 0.25, 3.0)))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def holds(self) -> None:
        scrape = Scrape(self.metrics)
        self.nothingFalls(scrape)
        self.agreesWithEvents(scrape)
        self.agreesWithTheBalancer(scrape)
        self.former = scrape.values

    def nothingFalls(self, scrape: Scrape) -> None:
        for series, value in self.former.items():
            if series[0].endswith(COUNTERS):
                assert scrape.values[series] >= value, series

    def agreesWithEvents(self, scrape: Scrape) -> None:
        """What is counted by id is exact; what is counted by target is told of each id that it came about for."""
        for name, (kind, label) in BY_ID.items():
            told = Counter((each.backend, getattr(each, label).value) for each in self.events if isinstance(each, kind))
            counted = {}
            for (each, labels), value in scrape.values.items():
                if each == name and value:
                    counted[dict(labels)["backend"], dict(labels)[label]] = value
            assert counted == told
        opened = Counter(each.backend for each in self.events if isinstance(each, PairOpened))
        picked = Counter(each.backend for each in self.events if isinstance(each, BackendPicked))
        for expected, name in ((opened, "connections_opened_total"), (picked, "picked_total")):
            assert sum(scrape.of(f"backend_{name}").values()) == expected.total()
        assert sum(scrape.of("backend_dial_seconds_count").values()) >= opened.total()

    def agreesWithTheBalancer(self, scrape: Scrape) -> None:
        known = self.service.describe()
        described = {each["id"]: float(each["connections"]) for each in known["backends"]}
        assert scrape.of("backend_connections") == described
        assert scrape("connections") == known["connections"]
        assert scrape("dialing") == known["dialing"]
        unserved = {reason: count for reason, count in scrape.of("unserved_total").items() if count}
        assert unserved == known["unserved"]

    def teardown(self) -> None:
        """Nothing of it is left."""
        self.metrics.stop()
        self.service.stopService()
        self.clock.pump((0.0, 0.0))
        assert self.clock.getDelayedCalls() == []


class MetricsProperties(SynchronousTestCase):
    """See L{Metrics}."""

    def test_counts(self) -> None:
        """Nothing falls, nothing is lost, and nothing is counted twice."""
        run_state_machine_as_test(Machine, settings=settings(REPEATABLE, max_examples=40, stateful_step_count=30))
