"""Counts what happens in a balancer, for Prometheus. prometheus-client is imported by the first scrape."""

from tinylb.metrics.loopdelay import LoopDelay
from tinylb.metrics.metrics import CONTENT_TYPE, Metrics, NotInstalled
from tinylb.metrics.sources import LineCounts

__all__ = ["CONTENT_TYPE", "LineCounts", "LoopDelay", "Metrics", "NotInstalled"]
