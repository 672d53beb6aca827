"""Counts what happens in a balancer, and writes it in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from tinylb.events import BackendsReplaced, DialFailed, Event, PairClosed
from tinylb.interfaces import ISelectiveObserver
from tinylb.metrics.loopdelay import LoopDelay
from tinylb.metrics.provider import ProviderWatch
from tinylb.metrics.sources import LineCounts, Sources
from tinylb.metrics.tallies import Tallies
from tinylb.service import LoadBalancerService

if TYPE_CHECKING:
    from tinylb.metrics.page import Page


class NotInstalled(ImportError):
    """prometheus-client is missing. The message says so in one line."""


@implementer(ISelectiveObserver)
class Metrics:
    """
    Counts from L{start} to L{stop}. L{Tally <tinylb.metrics.tally.Tally>} says what is counted for which backend.

    @param balancer: the service.
    @param accessLog: the access log, whose lines are counted; L{None} where there is none.
    @param clock: monotonic; by default the balancer's.
    """

    kinds = frozenset((PairClosed, DialFailed, BackendsReplaced))

    def __init__(
        self,
        balancer: LoadBalancerService,
        *,
        accessLog: LineCounts | None = None,
        clock: IReactorTime | None = None,
    ) -> None:
        self._balancer = balancer.balancer
        clock = clock or self._balancer.clock
        self._tallies = Tallies(clock, self._balancer.pool.registry)
        self._provider = ProviderWatch(balancer.describeProvider)
        self._loopDelay = LoopDelay(clock, ticked=self._provider.look)
        self._sources = Sources(balancer, self._tallies, self._loopDelay, self._provider, accessLog)
        self._page: Page | None = None

    def start(self) -> None:
        """Begin to count, and import what a scrape needs before clients wait. May be called again."""
        try:
            self._prepare()
        except NotInstalled:
            pass  # each scrape says so
        if self not in self._balancer.observers:
            self._balancer.observers.append(self)
            self._follow()
            self._loopDelay.start()

    def stop(self) -> None:
        """Stop counting. What was counted stays. May be called again."""
        if self in self._balancer.observers:
            self._balancer.observers.remove(self)
            self._loopDelay.stop()

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if isinstance(event, PairClosed):
            self._tallies.of(event.backend).pairClosed(event)
        elif isinstance(event, DialFailed):
            self._tallies.of(event.backend).dialFailed(event)
        elif isinstance(event, BackendsReplaced):
            self._follow()

    def expose(self) -> Iterator[bytes]:
        """
        Prometheus' text, version 0.0.4, in parts that take a millisecond at the most, so that clients have their turns
        between them. Any number of scrapes may go on side by side, or be given up.

        @return: the parts, to be written one per turn of the reactor. A part may be empty: its turn was spent on sums.
        @raise NotInstalled: when the library is missing.
        """
        return self._prepare().parts()

    def _prepare(self) -> Page:
        if self._page is None:
            try:
                from tinylb.metrics.page import Page
            except ImportError as error:
                raise NotInstalled(f"metrics need prometheus-client: pip install 'tinylb[metrics]' ({error})") from None
            self._page = Page(self._sources)
        return self._page

    def _follow(self) -> None:
        # The current set is newer than the event's where an observer of one change has made another.
        self._tallies.follow(self._balancer.backends.members)
