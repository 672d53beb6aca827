"""
Peers that vanish without a word, on machines made of network namespaces. All pairs are open side by side, a machine
vanishes once, and each test looks at one pair.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import product

import pytest

from tests.integration.bench import ENGINES
from tests.integration.lostpeers import Balancers, Case, Far, Key, Machine, Traffic, asksOften, waitUntil
from tests.integration.namespaces import namespaces, whyNot
from tests.integration.sockets import PATIENCE

SIDES = ("client", "backend")
DEAD = [Case(*each) for each in product(ENGINES, SIDES, ("idle", "hears", "speaks", "talks", "held"))]
ALIVE = [Case(*each) for each in product(ENGINES, SIDES, ("idle", "held"))]

KEEPALIVE, SHORT = 3, 1
"""Seconds, for pairs whose peer vanishes, and for the others."""

BOUND = 2 * KEEPALIVE + 5
"""Seconds, from the moment in which a machine vanishes to the end of its pairs."""

LONG = 6 * 2 * SHORT
"""Seconds for which live peers do not read."""


class Outcome:
    """
    What became of all pairs.

    @ivar dead: why those ended whose peer had vanished, and how many seconds later.
    @ivar alive: why others ended.
    @ivar delivered: how much was sent to live peers, and how much of that came when they read again.
    """

    def __init__(self) -> None:
        self.dead: dict[Case, tuple[str, float]] = {}
        self.alive: dict[Case, str] = {}
        self.delivered: dict[Case, tuple[int, int]] = {}


class Play:
    """The machines, the balancers between them, and the pairs."""

    def __init__(self, stack: ExitStack) -> None:
        middle, around = stack.enter_context(namespaces("stays", "vanishes"))
        self._stays, self._vanishes = (stack.enter_context(closing(Machine(each))) for each in around)
        self._numbers = {each: number for number, each in enumerate(product(ENGINES, (*SIDES, "nobody")))}
        configuration = [self._configuration(*each) for each in self._numbers]
        self._balancers = stack.enter_context(closing(Balancers(middle, configuration)))
        self._traffic = stack.enter_context(closing(Traffic()))

    def run(self) -> Outcome:
        """All that happens."""
        dead = {case: self._join(case, case.side) for case in DEAD}
        alive = {case: self._join(case, "nobody") for case in ALIVE}
        holding = [far for case, (_, far) in (*dead.items(), *alive.items()) if case.state == "held"]
        assert waitUntil(lambda: all(far.isHeld for far in holding), PATIENCE), "they are not held up"
        self._vanishes.namespace.vanish()
        vanished = time.monotonic()
        ended = self._balancers.ended
        waitUntil(lambda: all(key in ended for key, _ in dead.values()), BOUND)
        waitUntil(lambda: any(key in ended for key, _ in alive.values()), vanished + LONG - time.monotonic())
        outcome = Outcome()
        for case, (key, _) in dead.items():
            if key in ended:
                reason, when = ended[key]
                outcome.dead[case] = reason, when - vanished
        outcome.alive = {case: ended[key][0] for case, (key, _) in alive.items() if key in ended}
        for _, far in alive.values():
            far.mustRead = True
        waitUntil(lambda: all(far.received == far.sent for _, far in alive.values()), PATIENCE)
        outcome.delivered = {case: (far.sent, far.received) for case, (_, far) in alive.items()}
        return outcome

    def _configuration(self, engine: str, vanishing: str) -> dict[str, object]:
        backend = self._vanishes if vanishing == "backend" else self._stays
        keepalive = SHORT if vanishing == "nobody" else KEEPALIVE
        return {"backend": backend.server.address, "keepalive": keepalive, **ENGINES[engine]}

    def _join(self, case: Case, vanishing: str) -> tuple[Key, Far]:
        """A pair."""
        here = self._vanishes if vanishing == "client" else self._stays
        there = self._vanishes if vanishing == "backend" else self._stays
        number = self._numbers[case.engine, vanishing]
        client = here.connect(self._balancers.ports[number])
        serving = there.server.acceptNow()
        far = Far(case.state, *((client, serving) if case.side == "client" else (serving, client)))
        self._traffic.add(far)
        return (number, client.address), far


@pytest.fixture(scope="module")
def outcome() -> Iterator[Outcome]:
    """What became of all pairs; it is played once for all tests."""
    reason = whyNot()
    if reason is not None:
        pytest.skip(reason)
    with ExitStack() as stack:
        yield Play(stack).run()


@pytest.mark.parametrize("case", DEAD, ids="-".join)
def test_dead(outcome: Outcome, case: Case) -> None:
    """The pair of a peer that vanished has ended within about twice the keepalive, and it is known why."""
    if case.state == "held" and not asksOften():
        pytest.skip("before Linux 6.15 a peer that does not read is asked ever more rarely")
    assert case in outcome.dead, f"not within {BOUND} s"
    reason, seconds = outcome.dead[case]
    assert (reason, seconds < BOUND) == (f"{case.side}-lost", True), seconds


@pytest.mark.parametrize("case", ALIVE, ids="-".join)
def test_alive(outcome: Outcome, case: Case) -> None:
    """One that is there is not lost, though it says nothing, or does not read, for six times as long; then it does."""
    assert case not in outcome.alive, outcome.alive[case]
    sent, received = outcome.delivered[case]
    assert sent == received
    assert (sent > 0) == (case.state == "held")
