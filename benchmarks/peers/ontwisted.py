"""Those on Twisted: tinylb as the program runs, tinylb with a relay engine that is named, and Twisted's own proxy."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.ports import HOST
from benchmarks.process import Failed, child, output

BACKENDS_FILE = "backends.json"


def writeBackends(file: Path, port: int) -> None:
    """A set of one."""
    file.write_text(json.dumps({"backends": {"backend": f"{HOST}:{port}"}}))


def _commit() -> str:
    """Where there is a repository."""
    try:
        return f" ({output(['git', 'describe', '--always', '--dirty']).strip()})"
    except (OSError, Failed):
        return ""


class Tinylb:
    """The program, with its default options and a backends file that it follows."""

    name = "tinylb"
    title = "tinylb"
    environment: Mapping[str, str] = {}

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        return f"tinylb {version('tinylb')}{_commit()}"

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        file = folder / BACKENDS_FILE
        writeBackends(file, backend)
        return self._command(port, file)

    def _command(self, port: int, file: Path) -> Sequence[str]:
        twistd = str(Path(sys.executable).with_name("twistd"))
        listen = f"tcp:{port}:interface={HOST}"
        return [twistd, "-n", "--pidfile=", "tinylb", "--listen", listen, "--backends-file", str(file)]


class TinylbAttached(Tinylb):
    """The program with all its attachments: status endpoint, metrics, access log."""

    name = "tinylb-attached"
    title = "tinylb with status and access log"

    def _command(self, port: int, file: Path) -> Sequence[str]:
        status, log = file.with_name(f"status-{port}"), file.with_name(f"access-{port}.log")
        attachments = ["--status", f"unix:{status}", "--access-log", str(log)]
        return [*super()._command(port, file), *attachments]


class TinylbEngine(Tinylb):
    """Embedded, with the relay engine C{engine}; the rest is the same."""

    def __init__(self, engine: str) -> None:
        self.name = f"tinylb-{engine}"
        self.title = f"tinylb, {engine} engine"
        self._engine = engine

    def _command(self, port: int, file: Path) -> Sequence[str]:
        return child("tinylb_engine", self._engine, port, file)


class Portforward:
    """C{twisted.protocols.portforward}, which has no options: TCP_NODELAY is off."""

    name = "portforward"
    title = "Twisted portforward"
    environment: Mapping[str, str] = {}

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        return f"Twisted {version('twisted')}"

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        return child("portforward_proxy", port, backend)
