"""What tests of C{LoadBalancer.explain} share."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from tests.unit.rigs import BalancerTestCase
from tinylb import decisions, findings, selection
from tinylb.testing import MemoryBalancer

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


class ExplainCase(BalancerTestCase):
    """Tests of C{explain}, with a wall clock that moves by a second each time it is read."""

    def setUp(self) -> None:
        """It is noon."""
        self.seconds = 0
        for module in (decisions, findings, selection):
            self.patch(module, "timestamp", self.timestamp)

    def timestamp(self) -> str:
        """The wall clock, a second later each time."""
        self.seconds += 1
        return (NOON + timedelta(seconds=self.seconds)).isoformat(timespec="milliseconds")

    def explained(self, kit: MemoryBalancer) -> list[tuple[str | None, str | None, str | None]]:
        """The backend, what was decided, and why, newest first."""
        return [(each["backend"], each["what"], each["why"]) for each in kit.balancer.explain()]

    def decided(self, kit: MemoryBalancer) -> list[tuple[str | None, str | None, str | None]]:
        """The same, without the decisions that describe the present."""
        return [each for each in self.explained(kit) if each[1] not in ("picked", "passed over")]

    def passedOver(self, kit: MemoryBalancer) -> dict[str | None, str | None]:
        """The backends that are passed over at present, and why."""
        return {backend: why for backend, what, why in self.explained(kit) if what == "passed over"}
