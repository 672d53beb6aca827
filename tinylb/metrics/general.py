"""The families of metrics about the balancer as a whole, and about its process."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from tinylb.events import CloseReason, Verdict
from tinylb.metrics.histogram import cumulated, marks
from tinylb.metrics.process import processFamilies
from tinylb.metrics.sources import LineCounts, Sources

# Why clients get no backend. There is a series for each before it happens, so that the first time is seen, too.
_UNSERVED = (
    CloseReason.NO_BACKENDS,
    CloseReason.DIAL_FAILED,
    CloseReason.DIAL_TIMEOUT,
    CloseReason.CLIENT_LIMIT,
    CloseReason.CLIENT_RESET,
    CloseReason.STOPPING,
)


def generalFamilies(sources: Sources, states: Mapping[Verdict, int]) -> Iterator[Metric]:
    """
    All families of this kind.

    @param states: how many backends of the set are in each state; none where a state is missing.
    """
    yield _build()
    yield from _clients(sources)
    yield from _set(sources, states)
    yield _listeners(sources)
    yield from _provider(sources)
    yield from _loop(sources)
    if sources.accessLog is not None:
        yield from _accessLog(sources.accessLog)
    yield from processFamilies()


def _clients(sources: Sources) -> Iterator[Metric]:
    balancer = sources.service.balancer
    connections = balancer.pool.registry.connections
    yield GaugeMetricFamily("tinylb_connections", "Clients that are joined to a backend.", connections)
    if balancer.maxConnections is not None:
        help = "How many clients there may be at once; more are refused."
        yield GaugeMetricFamily("tinylb_max_connections", help, balancer.maxConnections)
    yield GaugeMetricFamily("tinylb_dialing", "Clients that wait for a backend.", balancer.waiting)
    unserved = CounterMetricFamily("tinylb_unserved", "Clients that got no backend.", labels=("reason",))
    for reason, count in balancer.unserved.items():
        if count or reason in _UNSERVED:
            unserved.add_metric((reason.value,), count)
    yield unserved


def _set(sources: Sources, states: Mapping[Verdict, int]) -> Iterator[Metric]:
    selection = sources.service.balancer.pool.selection
    yield GaugeMetricFamily("tinylb_ready", "1 while a backend is usable.", int(selection.isUsable()))
    yield GaugeMetricFamily("tinylb_set_revision", "How many distinct sets there have been.", selection.revision)
    size = GaugeMetricFamily("tinylb_set_backends", "How many backends of the set are in a state.", labels=("state",))
    for verdict in Verdict:
        size.add_metric((verdict.value,), states.get(verdict, 0))
    yield size


def _listeners(sources: Sources) -> Metric:
    # An address that is there twice must not have two series.
    accepting = {each["address"]: each["accepting"] for each in sources.service.listening()}
    name, help = "tinylb_listener_accepting", "1 while a listener accepts clients."
    family = GaugeMetricFamily(name, help, labels=("listener",))
    for address, isAccepting in accepting.items():
        family.add_metric((address,), int(isAccepting))
    return family


def _provider(sources: Sources) -> Iterator[Metric]:
    provider = sources.provider
    provider.look()
    yield CounterMetricFamily(
        "tinylb_provider_errors", "How often trouble of the provider's began, or became another.", provider.errors
    )
    yield GaugeMetricFamily(
        "tinylb_provider_failing", "1 while the provider has trouble; the last set stays.", int(provider.isFailing)
    )
    if provider.changed is not None:
        name, help = "tinylb_provider_changed_timestamp_seconds", "When the provider's set last changed, in Unix time."
        yield GaugeMetricFamily(name, help, provider.changed)


def _loop(sources: Sources) -> Iterator[Metric]:
    loop = sources.loopDelay
    delay = HistogramMetricFamily("tinylb_event_loop_delay_seconds", "How late timers were; sampled.", labels=())
    *counts, _, total = cumulated(loop.histogram.counts, loop.histogram.sum)
    delay.add_metric((), list(zip(marks(loop.histogram.bounds), counts, strict=True)), total)
    yield delay
    name, help = "tinylb_event_loop_delay_longest_seconds", "The longest of these delays within the last minute."
    yield GaugeMetricFamily(name, help, loop.longest())


def _accessLog(log: LineCounts) -> Iterator[Metric]:
    yield CounterMetricFamily("tinylb_access_log_lines", "Lines that were written to the access log.", log.written)
    yield CounterMetricFamily("tinylb_access_log_dropped_lines", "Lines that could not be written.", log.dropped)


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"  # run from its sources


def _build() -> Metric:
    build = {"version": _version("tinylb"), "twisted": _version("twisted"), "python": platform.python_version()}
    family = GaugeMetricFamily(
        "tinylb_build_info", "1; which tinylb this is, and on what it runs.", labels=tuple(build)
    )
    family.add_metric(tuple(build.values()), 1)
    return family
