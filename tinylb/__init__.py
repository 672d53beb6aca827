"""
A load balancer for stream connections on Twisted: round robin over a live set of backends, and an
end to every connection whose target leaves the set.
"""

from tinylb.backends import BackendSet, EndpointBackend, TCPBackend
from tinylb.balancer import LoadBalancer
from tinylb.events import (
    BackendPicked,
    BackendRecovered,
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    DialFailed,
    DialFailure,
    PairClosed,
    PairHalfClosed,
    PairOpened,
    TargetRemoved,
    Verdict,
    VerdictChanged,
)
from tinylb.health import HealthChecks, HTTPCheck, TCPCheck
from tinylb.listeners import CannotListen
from tinylb.policy import LeastConnections, RoundRobin
from tinylb.providers.file import FileProvider
from tinylb.service import LoadBalancerService
from tinylb.value import AlreadyWaiting, Value, Watcher, WatcherClosed

__all__ = [
    "AlreadyWaiting",
    "BackendPicked",
    "BackendRecovered",
    "BackendSet",
    "BackendsReplaced",
    "CannotListen",
    "ClientUnserved",
    "CloseReason",
    "DialFailed",
    "DialFailure",
    "EndpointBackend",
    "FileProvider",
    "HTTPCheck",
    "HealthChecks",
    "LeastConnections",
    "LoadBalancer",
    "LoadBalancerService",
    "PairClosed",
    "PairHalfClosed",
    "PairOpened",
    "RoundRobin",
    "TCPBackend",
    "TCPCheck",
    "TargetRemoved",
    "Value",
    "Verdict",
    "VerdictChanged",
    "Watcher",
    "WatcherClosed",
]
