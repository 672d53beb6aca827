"""A proxy in Go, see C{proxy.go}: what many small proxies are, as they come with Kubernetes distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.base import find
from benchmarks.ports import HOST
from benchmarks.process import output

_SOURCE = Path(__file__).with_name("proxy.go")
_SECONDS_TO_BUILD = 120.0  # the standard library is built, too, the first time


class Go:
    """One thread runs goroutines; those of the runtime beside it take their share of the same core."""

    name = "go"
    title = "Go io.Copy"
    environment: Mapping[str, str] = {"GOMAXPROCS": "1"}

    def __init__(self) -> None:
        self._program = ""

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        go = find("go", "apt install golang-go")
        self._program = str(folder / "proxy")
        output([go, "build", "-o", self._program, str(_SOURCE)], seconds=_SECONDS_TO_BUILD)
        return "Go " + output([go, "version"]).split()[2].removeprefix("go")

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        return [self._program, f"{HOST}:{port}", f"{HOST}:{backend}"]
