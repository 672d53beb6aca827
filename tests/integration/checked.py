"""Balancers whose backends are checked."""

from __future__ import annotations

from typing import TypedDict

from typing_extensions import Unpack

from tests.integration.bench import Bench
from tests.integration.sockets import eventually
from tests.unit.rigs import told
from tinylb import BackendSet, VerdictChanged
from tinylb.events import Event
from tinylb.health import HealthChecks
from tinylb.interfaces import IBackend, IHealthCheck


class Times(TypedDict, total=False):
    """Of L{HealthChecks}."""

    interval: float
    timeout: float
    rise: int
    fall: int


class Checked:
    """
    Checks that are running.

    @ivar events: what the balancer told of.
    """

    def __init__(self, service: HealthChecks, events: list[Event]) -> None:
        self.service = service
        self.events = events

    def found(self) -> list[tuple[str, str]]:
        """Each verdict so far, and why."""
        return [(event.verdict.value, event.why) for event in told(self.events, VerdictChanged)]

    async def first(self) -> tuple[str, str]:
        """The first of them."""
        await eventually(lambda: bool(self.found()), "a verdict")
        return self.found()[0]

    async def becomes(self, verdict: str) -> str:
        """Wait until this is the verdict. Why it is."""
        await eventually(lambda: dict(self.found()[-1:]).keys() == {verdict}, f"{verdict} after {self.found()}")
        return self.found()[-1][1]

    def close(self) -> None:
        """Stop."""
        self.service.stopService()


def check(bench: Bench, check: IHealthCheck, *backends: IBackend, **times: Unpack[Times]) -> Checked:
    """A balancer whose backends are checked often, and for which one answer is enough, unless said otherwise."""
    balancer, events = bench.balancer()
    complete: Times = {"interval": 0.05, "timeout": 5.0, "rise": 1, "fall": 1, **times}
    checked = bench.add(Checked(HealthChecks(balancer, check, **complete), events))
    balancer.replaceBackends(BackendSet({str(number): each for number, each in enumerate(backends)}))
    checked.service.startService()
    return checked
