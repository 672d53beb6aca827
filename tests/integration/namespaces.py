"""Network namespaces of Linux: machines of their own, as far as the network knows, that can vanish."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

IP = shutil.which("ip", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin") or "ip"
"""The command of iproute2."""

_CLONE_NEWNET = 0x40000000


def whyNot() -> str | None:
    """Why namespaces cannot be had here; L{None} if they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "network namespaces need root"
    name = f"tinylb-try-{os.getpid()}"
    try:
        _ip("netns", "add", name)
        _ip("netns", "delete", name)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces need Linux, and ip of iproute2: {error}"
    return None


class Namespace:
    """
    A machine.

    @ivar address: its own, on the wire to the one in the middle, whose address there is C{middle}.
    """

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.address = f"10.99.{number}.2"
        self.middle = f"10.99.{number}.1"
        self._device = f"v{number}"

    def connectTo(self, middle: str) -> None:
        """Lay the wire."""
        ends = ("name", self._device, "netns", self.name), ("name", self._device, "netns", middle)
        _ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for name, address in (self.name, self.address), (middle, self.middle):
            _ip("-netns", name, "address", "add", f"{address}/24", "dev", self._device)
            _ip("-netns", name, "link", "set", self._device, "up")

    def vanish(self) -> None:
        """What is sent to it is heard by nobody, and it sends nothing any more: as if it had lost its power."""
        _ip("-netns", self.name, "link", "set", self._device, "down")

    def inside(self, function: Callable[[], T]) -> T:
        """Call something there. Sockets that it makes stay there."""
        results: list[T] = []
        thread = threading.Thread(target=lambda: results.append(self._callInside(function)))
        thread.start()
        thread.join()
        (result,) = results
        return result

    def _callInside(self, function: Callable[[], T]) -> T:
        """The thread is there from now on, to its end."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/run/netns/{self.name}") as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return function()


@contextmanager
def namespaces(*roles: str) -> Iterator[tuple[str, list[Namespace]]]:
    """
    A namespace in the middle, by its name, and others around it, each with a wire of its own to it. They are removed
    at the end.
    """
    middle, *others = names = [f"tinylb-{role}-{os.getpid()}" for role in ("middle", *roles)]
    around = [Namespace(name, number) for number, name in enumerate(others)]
    made: list[str] = []
    try:
        for name in names:
            _ip("netns", "add", name)
            made.append(name)
            _ip("-netns", name, "link", "set", "lo", "up")
        for each in around:
            each.connectTo(middle)
        yield middle, around
    finally:
        for name in made:
            _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run([IP, *arguments], check=True, capture_output=True, timeout=10)
