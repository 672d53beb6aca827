"""A network of its own, at the end of a cable of its own, in which packets can be lost. Only root can make one."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from ipaddress import IPv4Network
from types import TracebackType

import pytest

IP = shutil.which("ip", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
PORT = 7101

_NETWORKS = list(IPv4Network("198.18.0.0/15").subnets(new_prefix=30))
"""Of two hosts each, for tests of devices: see RFC 2544. Tests that run at the same time have others."""


def _ip(*arguments: str) -> None:
    assert IP is not None
    subprocess.run([IP, *arguments], check=True, capture_output=True, timeout=20)


def _canHaveOne() -> bool:
    """A container's root may be without the right."""
    if os.geteuid() != 0 or IP is None:
        return False
    try:
        with Namespace():
            return True
    except subprocess.CalledProcessError:
        return False


class Namespace:
    """
    Exists while it is entered.

    @ivar address: a host and a port in it; C{target}: the same as the backends file has it.
    @ivar inside: a command that runs another one in it.
    """

    def __init__(self) -> None:
        network = secrets.choice(_NETWORKS)
        self._near, self._far = (str(host) for host in network.hosts())
        self._name = f"tinylb-{os.getpid()}"
        self._cable = f"tlb{os.getpid()}"
        self.address = (self._far, PORT)
        self.target = f"{self._far}:{PORT}"
        self.inside = (IP or "ip", "netns", "exec", self._name)

    def __enter__(self) -> Namespace:
        _ip("netns", "add", self._name)
        try:
            _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._name)
            _ip("address", "add", f"{self._near}/30", "dev", self._cable)
            # Other tests look for link-local addresses, and should not find one that comes and goes.
            _ip("link", "set", self._cable, "addrgenmode", "none")
            _ip("link", "set", self._cable, "up")
            self._within("address", "add", f"{self._far}/30", "dev", "eth0")
            self._within("link", "set", "eth0", "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._remove()

    def losePackets(self) -> None:
        """From now on nothing comes out of it, not even a word of refusal."""
        self._within("route", "add", "blackhole", self._near)

    def keepPackets(self) -> None:
        """They get through again."""
        self._within("route", "delete", "blackhole", self._near)

    def _within(self, *arguments: str) -> None:
        _ip("-n", self._name, *arguments)

    def _remove(self) -> None:
        """The cable goes with either end of it; a namespace lives on while there are processes in it."""
        _ip("netns", "delete", self._name)


needsNamespaces = pytest.mark.skipif(not _canHaveOne(), reason="network namespaces need root, and ip of iproute2")
