"""
A load balancer for stream connections on Twisted: round robin over a live set of backends, and an
end to every connection whose target leaves the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinylb.backends import BackendSet, EndpointBackend, TCPBackend
from tinylb.balancer import LoadBalancer
from tinylb.endpoint import BalancedEndpoint
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
from tinylb.providers.layered import LayeredProvider
from tinylb.providers.state import StateFile
from tinylb.service import LoadBalancerService
from tinylb.value import AlreadyWaiting, Value, Watcher, WatcherClosed

if TYPE_CHECKING:
    from tinylb.providers.dns import DNSProvider, SRVProvider
    from tinylb.providers.kubernetes import KubernetesProvider

__all__ = [
    "AlreadyWaiting",
    "BackendPicked",
    "BackendRecovered",
    "BackendSet",
    "BackendsReplaced",
    "BalancedEndpoint",
    "CannotListen",
    "ClientUnserved",
    "CloseReason",
    "DNSProvider",
    "DialFailed",
    "DialFailure",
    "EndpointBackend",
    "FileProvider",
    "HTTPCheck",
    "HealthChecks",
    "KubernetesProvider",
    "LayeredProvider",
    "LeastConnections",
    "LoadBalancer",
    "LoadBalancerService",
    "PairClosed",
    "PairHalfClosed",
    "PairOpened",
    "RoundRobin",
    "SRVProvider",
    "StateFile",
    "TCPBackend",
    "TCPCheck",
    "TargetRemoved",
    "Value",
    "Verdict",
    "VerdictChanged",
    "Watcher",
    "WatcherClosed",
]

# Only who follows names, or Kubernetes, pays for what that needs.
_LATER = {
    "DNSProvider": "tinylb.providers.dns",
    "SRVProvider": "tinylb.providers.dns",
    "KubernetesProvider": "tinylb.providers.kubernetes",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)
