"""The proxies, each with what it takes to run it on one thread, with long timeouts and no log of connections."""

from __future__ import annotations

from benchmarks.peers.base import Missing, Peer
from benchmarks.peers.envoy import Envoy
from benchmarks.peers.golang import Go
from benchmarks.peers.haproxy import HAProxy
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.ontwisted import Portforward, Tinylb, TinylbAttached, TinylbEngine

__all__ = ["ALL", "QUICK", "Missing", "Peer"]

ALL: tuple[Peer, ...] = (
    Tinylb(),
    TinylbAttached(),
    TinylbEngine("kernel"),
    TinylbEngine("stream"),
    HAProxy("haproxy", "HAProxy"),
    HAProxy("haproxy-splice", "HAProxy, splicing", splices=True),
    Nginx(),
    Envoy(),
    Go(),
    Portforward(),
)
QUICK = ("tinylb", "tinylb-attached", "haproxy", "nginx", "envoy")
