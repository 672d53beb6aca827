"""Providers that follow the API server of a test."""

from __future__ import annotations

import os
import random as systemRandom
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock, LoopingCall, deferLater

from tests.integration.sockets import PATIENCE, eventually, reactor
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import On
from tests.kubernetes.shapes import endpointSlice
from tests.kubernetes.state import Record
from tinylb import BackendSet
from tinylb.clock import monotonicClock
from tinylb.providers.kubernetes import KubernetesProvider
from tinylb.providers.kubernetes.access import kubeconfigAccess

KUBEADM = ("192.0.2.11:6443", "192.0.2.12:6443", "192.0.2.13:6443")
"""Whom the slice named C{kubeadm} leads to."""

NEXT = "192.0.2.14:6443"
"""Whom it leads to when it has changed."""

SERVICE = "default/kubernetes:https"

SPEED = 10
"""Of L{Quick}."""

QUIET = 0.3
"""Seconds from the opening or closing of a connection after which no answer is taken to be on its way."""

TURNS = 20
"""So often both of us have had their turn by then. Who is stopped for some time has none."""

SOON = 1.0
"""Seconds; less is only waited for between one thing and the next, and never for somebody else."""


class Following:
    """
    Follows a service.

    @param known: who was there before.
    @param clock: the one that goes with the reactor, if there is none.
    @ivar sets: each set that was published, as its targets; those that drain are in parentheses.
    """

    def __init__(
        self,
        kubeconfig: Path,
        service: str = SERVICE,
        *,
        known: BackendSet | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        self.sets: list[tuple[str, ...]] = []
        clock = clock or monotonicClock(reactor)
        access = kubeconfigAccess(reactor, clock, kubeconfig)
        self.provider = KubernetesProvider(reactor, access, service, clock=clock, random=random)
        if known is not None:
            self.provider.expect(known)
        self.start()

    def start(self) -> None:
        """Follow it, again."""
        self._watcher = self.provider.watch()
        self._following = Deferred.fromCoroutine(self._follow())

    @property
    def now(self) -> tuple[str, ...]:
        """The current set; nobody's before there is one."""
        return self.sets[-1] if self.sets else ("none",)

    @property
    def error(self) -> str | None:
        """The present trouble."""
        return self.provider.describe()["error"]

    def changes(self) -> list[tuple[str, ...]]:
        """The sets that were not like the one before."""
        return [each for each, _ in groupby(self.sets)]

    async def becomes(self, *targets: str, within: float = PATIENCE) -> None:
        """Wait until this is the set, in whatever order."""
        expected = _ordered(targets)
        await eventually(lambda: self.now == expected, f"{expected} after {self.sets}, {self.error}", within)

    async def fails(self) -> str:
        """Wait for trouble; what it is."""
        await eventually(lambda: self.error is not None, "an error")
        return str(self.error)

    async def works(self) -> None:
        """Wait until there is none any more."""
        await eventually(lambda: self.error is None, f"no error; {self.error}")

    async def seesNext(self, server: ApiServer) -> None:
        """When its server is watched, and something changes, that is seen, and nothing is wrong any more."""
        await watched(server)
        server.put(endpointSlice("192.0.2.14"))
        await self.becomes(NEXT)
        await self.works()

    async def close(self) -> None:
        """Follow it no more. May be called again."""
        self._watcher.close()
        await self._following

    async def _follow(self) -> None:
        async for backends in self._watcher:
            assert isinstance(backends, BackendSet)
            members = sorted(backends.members, key=lambda member: member.target)
            self.sets.append(tuple(f"({each.target})" if each.draining else each.target for each in members))


class Quick(Clock):
    """A clock that runs ten times as fast as any other."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = reactor.seconds()
        self._ticking = LoopingCall(self._tick)
        self._ticking.start(0.002)

    def stop(self) -> None:
        """Stand still."""
        self._ticking.stop()

    def _tick(self) -> None:
        self.advance(max(0.0, SPEED * (reactor.seconds() - self._begun) - self.seconds()))


class Hurried(Clock):
    """
    A clock that stands still while things are on their way between us and a server, and jumps to what is due next
    while they are not.
    """

    def __init__(self, server: ApiServer) -> None:
        super().__init__()
        self._server = server

    async def until(self, condition: Callable[[], bool], what: str, within: float) -> None:
        """Wait until C{condition} holds, for so many seconds of this clock."""
        end = self.seconds() + within
        connections, quietSince, quietTurns = _connections(), reactor.seconds(), 0
        while not condition():
            if _connections() != connections:
                connections, quietSince, quietTurns = _connections(), reactor.seconds(), 0
            ahead = min((call.getTime() for call in self.getDelayedCalls()), default=end) - self.seconds()
            isQuiet = reactor.seconds() - quietSince > QUIET and quietTurns > TURNS
            if ahead < SOON or isQuiet:
                self.advance(max(0.0, ahead))
            assert self.seconds() < end, f"not within {within} s: {what}"
            if self._server.isRunning:
                self._server.count("open")
            await deferLater(reactor, 0.002)
            quietTurns += 1


def _connections() -> set[object]:
    """All that the reactor has open."""
    return {*reactor.getReaders(), *reactor.getWriters()}


def _ordered(targets: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(targets, key=lambda target: target.strip("()")))


async def asked(server: ApiServer, on: On, count: int) -> list[Record]:
    """Wait until so many requests of a kind were made, since the server's start; all there are."""
    await eventually(lambda: len(server.requests(on)) >= count, f"{count} times {on.value}")
    return server.requests(on)


async def watched(server: ApiServer, count: int = 1) -> None:
    """Wait until so many watches are under way."""
    await eventually(lambda: server.count("watches") == count, f"{count} watches")


def replace(path: Path, content: bytes) -> None:
    """Renew a file, at once."""
    renewed = path.with_name(f"{path.name}.renewed")
    renewed.write_bytes(content)
    os.replace(renewed, path)
