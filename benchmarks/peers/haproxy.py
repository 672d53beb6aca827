"""HAProxy, in TCP mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.base import BACKLOG, find, mostConnections
from benchmarks.ports import HOST
from benchmarks.process import output

# TCP_NODELAY is set on both sides without being asked for in this mode, and nothing is logged. Splicing is never used
# unless allowed. The three options are those of the manual: both directions, and where HAProxy finds it worth while.
# One pipe for each direction of 64 streams and more; by default a quarter as many as connections, which would
# be too many descriptors.
_CONFIGURATION = """
global
    nbthread 1
    maxconn {connections}
    maxpipes 256
defaults
    mode tcp
    timeout connect 10s
    timeout client 1h
    timeout server 1h
{splicing}
listen benchmark
    bind {host}:{port} backlog {backlog}
    server backend {host}:{backend}
"""
_SPLICING = """
    option splice-auto
    option splice-request
    option splice-response
"""


class HAProxy:
    """
    Plain, and splicing.

    @param splices: whether it may.
    """

    environment: Mapping[str, str] = {}

    def __init__(self, name: str, title: str, splices: bool = False) -> None:
        self.name = name
        self.title = title
        self._splicing = _SPLICING if splices else ""
        self._program = ""

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        self._program = find("haproxy", "apt install haproxy")
        return "HAProxy " + output([self._program, "-v"]).split()[2]

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        file = folder / "haproxy.cfg"
        file.write_text(
            _CONFIGURATION.format(
                connections=mostConnections(),
                splicing=self._splicing,
                host=HOST,
                port=port,
                backlog=BACKLOG,
                backend=backend,
            )
        )
        return [self._program, "-db", "-f", str(file)]
