"""
A load balancer for stream connections on Twisted: round robin over a live set of backends, and an
end to every connection whose target leaves the set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinylb.accesslog import AccessLog
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
    from tinylb.metrics import Metrics
    from tinylb.policy import LeastConnections, RoundRobin
    from tinylb.providers.dns import DNSProvider, SRVProvider
    from tinylb.providers.file import FileProvider
    from tinylb.providers.kubernetes import KubernetesProvider
    from tinylb.providers.layered import LayeredProvider
    from tinylb.providers.state import StateFile
    from tinylb.service import LoadBalancerService
    from tinylb.status.service import StatusService
    from tinylb.value import AlreadyWaiting, Value, Watcher, WatcherClosed

# Each name is imported when it is first asked for: the console command asks a running tinylb in a tenth of the time
# that importing all of them takes.
_WHERE = {
    "AccessLog": "tinylb.accesslog",
    "AlreadyWaiting": "tinylb.value",
    "BackendPicked": "tinylb.events",
    "BackendRecovered": "tinylb.events",
    "BackendSet": "tinylb.backends",
    "BackendsReplaced": "tinylb.events",
    "BalancedEndpoint": "tinylb.endpoint",
    "CannotListen": "tinylb.listeners",
    "ClientUnserved": "tinylb.events",
    "CloseReason": "tinylb.events",
    "DNSProvider": "tinylb.providers.dns",
    "DialFailed": "tinylb.events",
    "DialFailure": "tinylb.events",
    "EndpointBackend": "tinylb.backends",
    "FileProvider": "tinylb.providers.file",
    "HTTPCheck": "tinylb.health",
    "HealthChecks": "tinylb.health",
    "KubernetesProvider": "tinylb.providers.kubernetes",
    "LayeredProvider": "tinylb.providers.layered",
    "LeastConnections": "tinylb.policy",
    "LoadBalancer": "tinylb.balancer",
    "LoadBalancerService": "tinylb.service",
    "Metrics": "tinylb.metrics",
    "PairClosed": "tinylb.events",
    "PairHalfClosed": "tinylb.events",
    "PairOpened": "tinylb.events",
    "RoundRobin": "tinylb.policy",
    "SRVProvider": "tinylb.providers.dns",
    "StateFile": "tinylb.providers.state",
    "StatusService": "tinylb.status.service",
    "TCPBackend": "tinylb.backends",
    "TCPCheck": "tinylb.health",
    "TargetRemoved": "tinylb.events",
    "Value": "tinylb.value",
    "Verdict": "tinylb.events",
    "VerdictChanged": "tinylb.events",
    "Watcher": "tinylb.value",
    "WatcherClosed": "tinylb.value",
}

__all__ = [
    "AccessLog",
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
    "Metrics",
    "PairClosed",
    "PairHalfClosed",
    "PairOpened",
    "RoundRobin",
    "SRVProvider",
    "StateFile",
    "StatusService",
    "TCPBackend",
    "TCPCheck",
    "TargetRemoved",
    "Value",
    "Verdict",
    "VerdictChanged",
    "Watcher",
    "WatcherClosed",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_WHERE[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
