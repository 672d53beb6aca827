"""Counts what happens in a balancer, for Prometheus. prometheus-client is imported by the first scrape."""

from tinylb.metrics.loopdelay import LoopDelay
from tinylb.metrics.metrics import Metrics, NotInstalled
from tinylb.metrics.sources import LineCounts

__all__ = ["LineCounts", "LoopDelay", "Metrics", "NotInstalled"]
