"""Ports of this machine: which are free, and which are listened on."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"
_LISTENING = "0A"  # a state of include/net/tcp_states.h, as /proc/net/tcp has it


class Ports:
    """
    Free ports, each given once. They lie below those that the kernel gives to outgoing connections, of which there
    will be many thousands: otherwise one of these could take a port before its server listens on it.
    """

    def __init__(self) -> None:
        outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        most = min(outgoing, 32768) - 1
        self._candidates = itertools.count(random.randrange(10000, max(10001, most - 1000)))

    def next(self) -> int:
        """The next free port."""
        for port in self._candidates:
            with socket.socket() as probe:
                try:
                    probe.bind((HOST, port))
                except OSError:
                    continue
                return port
        raise AssertionError("there are always more")


def isListening(port: int) -> bool:
    """Whether a server listens on a port. A connection would tell, too, but iperf3 takes each for a test."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state = line.split(maxsplit=4)[:4]
        if state == _LISTENING and int(local.partition(":")[2], 16) == port:
            return True
    return False
