"""What a peer is."""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

# What all that listen are given: tinylb's own default.
BACKLOG = 1024


class Missing(Exception):
    """It is not installed. The message says what is not, and what would help."""


class Peer(Protocol):
    """
    One of those that are compared.

    @ivar name: for the command line.
    @ivar title: for tables.
    """

    name: str
    title: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What is to be in its environment."""

    def prepare(self, folder: Path) -> str:
        """
        Find what it takes, once.

        @return: its version, with the name of the program.
        @raise Missing: when it is not installed.
        """

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """
        The command that relays connections to C{port} to the port C{backend}, in the foreground.

        @param folder: an empty one, for its files.
        """


def find(name: str, hint: str) -> str:
    """
    The path of a program: beside the Python that runs, on the path, or where Debian keeps daemons.

    @raise Missing: with the C{hint}.
    """
    found = (
        shutil.which(name, path=str(Path(sys.executable).parent))
        or shutil.which(name)
        or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")
    )
    if found is None:
        raise Missing(f"{name} is not installed ({hint})")
    return found


def mostConnections() -> int:
    """For those that want to be told: two descriptors a connection, and some for themselves."""
    return (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000) // 2
