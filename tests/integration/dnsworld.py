"""Name servers on this machine, and a resolver that is set up to ask them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from tests.integration.servers import Server
from tests.integration.sockets import PATIENCE, eventually, familyOf, reactor
from tests.ipv6 import needIPv6
from tests.nameserver import NameServer
from tinylb import BackendSet, Watcher
from tinylb.clock import monotonicClock
from tinylb.providers.dns import DNSProvider, SRVProvider
from tinylb.providers.dns.system import SystemResolver

P = TypeVar("P", DNSProvider, SRVProvider)


class ServerAt(Server):
    """A server at this very port."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host)
        self.socket.close()
        self.socket = socket.create_server((host, port), family=familyOf((host, port)))
        self.socket.settimeout(PATIENCE)
        self.address = host, port


class Following:
    """
    Follows a provider.

    @ivar sets: the targets in each set that was published.
    """

    def __init__(self, provider: DNSProvider | SRVProvider) -> None:
        self.provider = provider
        self.sets: list[list[str]] = []
        self.members: BackendSet = BackendSet()
        self._watcher: Watcher[BackendSet] = provider.watch()
        self._following = Deferred.fromCoroutine(self._follow())

    @property
    def error(self) -> str | None:
        """What the provider says is wrong."""
        return self.provider.describe()["error"]

    async def becomes(self, *targets: str) -> None:
        """Wait until these are the targets."""
        await eventually(lambda: self.sets[-1:] == [[*targets]], f"{targets} after {self.sets}, {self.error}")

    async def fails(self, *words: str) -> None:
        """Wait until an error has these words."""
        await eventually(lambda: all(word in (self.error or "") for word in words), f"{words} in an error")

    async def isWell(self) -> None:
        """Wait until there is no error."""
        await eventually(lambda: self.error is None, f"no error any more, after {self.error}", within=40.0)

    async def close(self) -> None:
        """Follow it no more."""
        self._watcher.close()
        await self._following

    async def _follow(self) -> None:
        async for backends in self._watcher:
            self.members = backends
            self.sets.append(list(backends))


class World:
    """
    What it hands out is closed when the test is over.

    @ivar configuration: the C{resolv.conf}; C{hosts} likewise. There are none at first.
    """

    def __init__(self, folder: Path) -> None:
        self.configuration = folder / "resolv.conf"
        self.hosts = folder / "hosts"
        self._servers: list[NameServer] = []
        self._following: list[Following] = []

    def server(self, host: str = "127.0.0.1") -> NameServer:
        """A name server, at the port that all of them have."""
        if ":" in host:
            needIPv6()
        server = NameServer(host, self.port)
        self._servers.append(server)
        return server

    @property
    def port(self) -> int:
        """The port of all name servers, as soon as there is one."""
        return self._servers[0].port if self._servers else 0

    def configure(self, servers: Sequence[NameServer | str]) -> None:
        """Name these servers, in this order."""
        hosts = [server if isinstance(server, str) else server.host for server in servers]
        self.configuration.write_text("".join(f"nameserver {host}\n" for host in hosts))

    def resolver(self, clock: IReactorTime | None = None) -> SystemResolver:
        """A resolver that is set up so."""
        clock = clock or monotonicClock(reactor)
        files = {"configuration": str(self.configuration), "hosts": str(self.hosts)}
        return SystemResolver(reactor, clock, port=self.port, **files)

    def follow(self, kind: Callable[..., P], *what: object) -> Following:
        """A provider that is followed."""
        following = Following(kind(reactor, *what, resolver=self.resolver()))
        self._following.append(following)
        return following

    async def close(self) -> None:
        """Close everything."""
        for following in self._following:
            await following.close()
        for server in self._servers:
            server.close()
