"""Ten thousand random histories of failures, checks and set changes: nobody is stuck, left out or taken out."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.rigs import E, told
from tinylb import BackendSet, ClientUnserved, LeastConnections, PairOpened, RoundRobin, Verdict, VerdictChanged
from tinylb.events import Event
from tinylb.manners import MANNERS, RELUCTANCE
from tinylb.testing import Behaviour, MemoryBackend, MemoryBalancer

# The seeds of the histories of each shape.
EQUALS, MIXED, LEAST = range(5000), range(5000, 8000), range(8000, 10_000)

STEPS = 12
TICK = 0.125
DIAL_TIMEOUT = 5.0
ATTEMPT_DELAY = 0.25
LONGEST_REST = 30.0

BEHAVIOURS = (Behaviour.CONNECTS, Behaviour.CONNECTS, Behaviour.REFUSES, Behaviour.HANGS)
VERDICTS = (Verdict.READY, Verdict.READY, Verdict.RESTING, Verdict.NOT_READY, Verdict.DEAD)
PAUSES = (TICK, 0.25, 1.0, 1.5, 4.0, 12.0, 32.0)


class Truth:
    """
    How a backend really is, which the balancer has to find out.

    @ivar good: since when it is in the set and connects, whatever anybody says of it; L{None} while it does not.
    @ivar fine: since when checks do not call it not ready, or dead, besides.
    @ivar able: since when checks have nothing against it, and no better tier is there.
    @ivar skipped: how many clients were served by others since it last served one, or since it has rested for sure.
    """

    def __init__(self) -> None:
        self.good: float | None = None
        self.fine: float | None = None
        self.able: float | None = None
        self.skipped = 0

    def see(self, now: float, isGood: bool, said: Verdict, isBest: bool) -> None:
        """How it is now."""

        def since(former: float | None, isSo: bool) -> float | None:
            return (now if former is None else former) if isSo else None

        self.good = since(self.good, isGood)
        self.fine = since(self.fine, isGood and said in (Verdict.READY, Verdict.RESTING))
        self.able = since(self.able, isGood and said is Verdict.READY and isBest)
        if self.able is None:
            self.skipped = 0


class History:
    """
    A balancer over two to four backends, and what becomes of it. All that it does follows from its seed.

    @param policy: picks.
    @param isMixed: whether there are weights and tiers.
    """

    def __init__(self, seed: int, policy: RoundRobin | LeastConnections, isMixed: bool) -> None:
        self.random = random = Random(seed)
        self.kit = MemoryBalancer(
            policy=policy, dialTimeout=DIAL_TIMEOUT, attemptDelay=ATTEMPT_DELAY, random=random.random
        )
        del self.kit.balancer.observers[0]  # the log, which costs more than all the rest
        self.clock: Clock = self.kit.clock
        self.isFair = isinstance(policy, RoundRobin)
        self.steps: list[str] = []
        self.clients = 0
        self.counted = {PairOpened: 0, ClientUnserved: 0}
        for id in "abcd"[: random.randint(2, 4)]:
            weight, tier = (random.choice((1, 1, 2, 3)), random.choice((0, 0, 0, 1))) if isMixed else (1, 0)
            self.kit.backends[id] = MemoryBackend(self.clock, id, weight=weight, tier=tier)
        self.backends = self.kit.backends
        self.truths = {id: Truth() for id in self.backends}
        self.said = dict.fromkeys(self.backends, Verdict.READY)

    @property
    def waiting(self) -> int:
        """How many clients have been neither served nor told."""
        return self.clients - sum(self.counted.values())

    def play(self) -> None:
        """From the first set to the last client."""
        self.publish(list(self.backends))
        acts: tuple[Callable[[], None], ...] = (self.connect, self.behave, self.judge, self.change, self.leave)
        for _ in range(STEPS):
            self.random.choices(acts, (8, 5, 3, 1, 1))[0]()
            if self.random.random() < 0.5:
                self.wait(self.random.choice(PAUSES))
        self.settle()

    def connect(self) -> None:
        """Some clients come, one after the other."""
        count = self.random.randint(1, 2)
        self.steps.append(f"{count} clients")
        self.clients += count
        for _ in range(count):
            self.kit.connect()
        self.look()

    def behave(self) -> None:
        """A backend behaves differently from now on, also to whoever is connecting to it."""
        backend, behaviour = self.random.choice(list(self.backends.values())), self.random.choice(BEHAVIOURS)
        self.steps.append(f"{backend.target} {behaviour.value}")
        backend.behaviour = behaviour
        self.look()
        backend.answer()
        self.look()

    def judge(self) -> None:
        """A check has found something out, true or not; if it was good, it has been answered."""
        id, verdict = self.random.choice(list(self.backends)), self.random.choice(VERDICTS)
        if id not in self.kit.balancer.backends:
            return  # nobody checks it
        self.steps.append(f"{id} is said to be {verdict.value}")
        self.said[id] = verdict
        self.kit.balancer.setVerdict(id, verdict, f"check {len(self.steps)}", by="checks")
        if verdict is Verdict.READY:
            self.kit.balancer.answered(id)
        self.look()
        if verdict is Verdict.DEAD:
            self.diedAlone(id)

    def change(self) -> None:
        """Another set."""
        self.publish([id for id in self.backends if self.random.random() < 0.7])

    def publish(self, ids: list[str]) -> None:
        """Make this the set. What was said of those who are not in it is forgotten."""
        self.steps.append(f"set {''.join(ids)}")
        for id in self.backends.keys() - set(ids):
            self.said[id] = Verdict.READY
        self.kit.balancer.replaceBackends(BackendSet({id: self.backends[id] for id in ids}))
        self.look()

    def leave(self) -> None:
        """A server resets all that it has."""
        backend = self.random.choice(list(self.backends.values()))
        self.steps.append(f"{backend.target} resets")
        while backend.connections:
            backend.connections.pop().reset()
        self.look()

    def wait(self, seconds: float) -> None:
        """Let time pass, in small steps while anybody waits for anything but a rest."""
        self.steps.append(f"{seconds:g} s")
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(TICK if self.waiting else end - self.clock.seconds())
            self.look()

    def settle(self) -> None:
        """Everything stays as it is for as long as any rest may last; then clients come, and in the end all is over."""
        self.wait(LONGEST_REST + DIAL_TIMEOUT)
        self.holds(self.waiting == 0, "a client is stuck")
        for _ in self.backends:
            self.leave()
            self.connect()
        self.wait(DIAL_TIMEOUT)
        self.holds(self.waiting == 0, "a client is stuck at the end")
        drained = self.kit.balancer.drain(0)
        self.clock.advance(0)
        self.holds(drained.called and not self.clock.getDelayedCalls(), "something goes on after the end")

    def look(self) -> None:
        """What has happened, seen in the light of how everything is."""
        self.seeTruth()
        events, self.kit.events[:] = list(self.kit.events), []
        for opened in self.of(PairOpened, events):
            self.wasServed(opened)
        for unserved in self.of(ClientUnserved, events):
            self.wasNotServed(unserved)
        for change in told(events, VerdictChanged):
            self.holds(not change.pairs or change.ready > 0, "the last one's connections were aborted")

    def seeTruth(self) -> None:
        """How the backends really are."""
        now, members = self.clock.seconds(), self.kit.balancer.backends
        best = min((self.backends[id].tier for id in members), default=0)
        for id, truth in self.truths.items():
            isGood = id in members and self.backends[id].behaviour is Behaviour.CONNECTS
            truth.see(now, isGood, self.said[id], self.backends[id].tier == best)

    def of(self, kind: type[E], events: list[Event]) -> list[E]:
        """Those of a kind, counted."""
        found = told(events, kind)
        self.counted[kind] += len(found)
        return found

    def wasServed(self, opened: PairOpened) -> None:
        """Without waiting for more than the others, if somebody could serve all the while; and nobody is left out."""
        now, waited = self.clock.seconds(), opened.dialSeconds
        self.holds(waited <= self.longest(now - waited), f"a client has waited for {waited} s")
        for id, truth in self.truths.items():
            if id == opened.backend:
                truth.skipped = 0
            elif truth.able is not None and truth.able <= now - LONGEST_REST:
                truth.skipped += 1
                self.holds(not self.isFair or truth.skipped <= self.patience(id), f"{id} is left out")

    def wasNotServed(self, unserved: ClientUnserved) -> None:
        """Only where nobody could serve all the while, and not later than promised."""
        began = self.clock.seconds() - unserved.seconds
        self.holds(unserved.seconds <= DIAL_TIMEOUT, f"a client was told after {unserved.seconds} s")
        self.holds(self.longest(began) == DIAL_TIMEOUT, f"a client that came at {began} was not served: {unserved}")

    def longest(self, began: float) -> float:
        """For how long a client that came then may wait at the most."""
        others = len(self.backends) - 1
        truths = self.truths.values()
        if any(truth.fine is not None and truth.fine < began for truth in truths):
            return others * ATTEMPT_DELAY
        if any(truth.good is not None and truth.good < began for truth in truths):
            # The others come first, also those that somebody else is trying, and then it takes an effort.
            return (others * MANNERS + RELUCTANCE) * ATTEMPT_DELAY
        return DIAL_TIMEOUT

    def patience(self, id: str) -> int:
        """How many clients others may serve before it is a backend's turn."""
        total = sum(backend.weight for backend in self.backends.values())
        return 2 * -(-total // self.backends[id].weight)

    def diedAlone(self, id: str) -> None:
        """A dead one has no connections left, after the turn that a reset takes, unless nobody is ready."""
        self.clock.advance(0)
        self.look()
        known = self.kit.balancer.describe()["backends"]
        if any(each["state"] == "ready" for each in known):
            left = next(each["connections"] for each in known if each["id"] == id)
            self.holds(left == 0, f"{left} connections to the dead {id} are left")

    def holds(self, condition: bool, what: str) -> None:
        """A promise."""
        if not condition:
            raise AssertionError(f"{what}, at {self.clock.seconds()} s after: {'; '.join(self.steps)}")


class HealthProperties(SynchronousTestCase):
    """
    Whatever happens: every client has its answer within the dial timeout. It is served if any backend could serve all
    the while, whatever is known of that, and waits for the black holes at the most. A backend that could serve is not
    left out for longer than a rest may last. Connections to the dead end if, and only if, somebody is ready.
    """

    def play(self, seeds: range, policy: RoundRobin | LeastConnections, isMixed: bool) -> None:
        """Play the history of each seed."""
        for seed in seeds:
            try:
                History(seed, policy, isMixed).play()
            except AssertionError as error:
                self.fail(f"seed {seed}: {error}")

    def test_equals(self) -> None:
        """With backends that are equal, in round robin."""
        self.play(EQUALS, RoundRobin(), isMixed=False)

    def test_weightsAndTiers(self) -> None:
        """With weights and tiers, in round robin."""
        self.play(MIXED, RoundRobin(), isMixed=True)

    def test_leastConnections(self) -> None:
        """With least connections, where whoever has many may be left out."""
        self.play(LEAST, LeastConnections(), isMixed=True)
