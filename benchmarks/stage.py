"""The servers and balancers of a run, started when they are first needed, each on its core."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.machine import Cores
from benchmarks.peers import Missing, Peer
from benchmarks.peers.base import find
from benchmarks.peers.nginx import findNginx, httpCommand
from benchmarks.ports import HOST, Ports
from benchmarks.process import Failed, Process, child


class NotStarted(Failed):
    """A balancer does not start, and will not start the next time either."""


@dataclass(frozen=True)
class Balancer:
    """
    A running peer.

    @ivar port: where it listens.
    @ivar folder: where its files are.
    """

    process: Process
    port: int
    folder: Path

    def cpu(self) -> usage.CPU:
        """The CPU time that it has used so far."""
        return usage.cpu(self.process.session)

    def residentBytes(self) -> int:
        """The memory that it occupies now."""
        return usage.residentBytes(self.process.session)


class Stage:
    """
    Starts servers and balancers. A balancer keeps running while others are measured: so each round finds it warm, and
    while it is idle it uses nothing.

    @param folder: for files; the caller removes it.
    @ivar cores: on which core what runs.
    """

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.cores = cores
        self._folder = folder
        self._ports = Ports()
        self._names = itertools.count()
        self._servers: dict[str, tuple[Process, int]] = {}
        self._balancers: dict[tuple[str, str], Balancer] = {}
        self._commands: dict[str, Callable[[Path, int], list[str]]] = {
            "iperf3": _iperf3,
            "http": _http,
            "echo": _echo,
            "other": _echo,
        }

    def server(self, name: str) -> int:
        """The port of a server: C{iperf3}, C{http}, C{echo}, or C{other}, a second echo server."""
        if name not in self._servers:
            port, folder = self._ports.next(), self._newFolder(name)
            process = Process(name, self._commands[name](folder, port), self.cores.load, folder)
            _await(process, port)
            self._servers[name] = process, port
        return self._servers[name][1]

    def balancer(self, peer: Peer, server: str) -> Balancer:
        """A running balancer that relays to a server, and is used again by later works."""
        key = peer.name, server
        if key not in self._balancers:
            self._balancers[key] = self._start(peer, server)
        return self._balancers[key]

    @contextmanager
    def freshBalancer(self, peer: Peer, server: str) -> Iterator[Balancer]:
        """A new balancer for this use alone."""
        balancer = self._start(peer, server)
        try:
            yield balancer
        finally:
            balancer.process.end()

    @contextmanager
    def crowd(self, balancer: Balancer) -> Iterator[Process]:
        """See L{benchmarks.children.crowd}. When it fails, the balancer is asked why."""
        folder = self._newFolder("crowd")
        process = Process("crowd", child("crowd", balancer.port), self.cores.load, folder, isSpoken=True)
        try:
            yield process
        except Failed as failure:
            raise balancer.process.failure(f"did not serve a crowd: {failure}", lines=1) from None
        finally:
            process.end()

    def forget(self, peer: Peer, server: str) -> None:
        """End a balancer and a server after a failure: the next work that needs them gets new ones."""
        if (peer.name, server) in self._balancers:
            self._balancers.pop((peer.name, server)).process.end()
        if server in self._servers:
            # Other balancers relay to its port.
            for key in [key for key in self._balancers if key[1] == server]:
                self._balancers.pop(key).process.end()
            self._servers.pop(server)[0].end()

    def close(self) -> None:
        """End all balancers and servers."""
        for balancer in self._balancers.values():
            balancer.process.end()
        for process, _ in self._servers.values():
            process.end()

    def _start(self, peer: Peer, server: str) -> Balancer:
        backend, port, folder = self.server(server), self._ports.next(), self._newFolder(peer.name)
        command = peer.command(folder, port, backend)
        process = Process(peer.name, command, self.cores.balancer, folder, environment=peer.environment)
        try:
            _await(process, port)
        except Failed as failure:
            raise NotStarted(*failure.args) from None
        return Balancer(process, port, folder)

    def _newFolder(self, name: str) -> Path:
        folder = self._folder / f"{next(self._names)}-{name}"
        folder.mkdir()
        return folder


def _await(process: Process, port: int) -> None:
    try:
        process.waitListening(port)
    except BaseException:
        process.end()
        raise


def _iperf3(folder: Path, port: int) -> list[str]:
    return [find("iperf3", "apt install iperf3"), "-s", "-B", HOST, "-p", str(port)]


def _http(folder: Path, port: int) -> list[str]:
    try:
        return list(httpCommand(findNginx(), folder, port))
    except Missing:
        return child("epoll_server", port, "http")


def _echo(folder: Path, port: int) -> list[str]:
    return child("epoll_server", port, "echo")
