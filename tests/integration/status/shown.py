"""A balancer with a status endpoint on a real socket, and those who ask it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.threads import deferToThread

from tests.integration.bench import Balanced, Bench, addressOf, backend
from tests.integration.servers import NamedServer
from tests.integration.sockets import PATIENCE, Address, Peer, connect, eventually, familyOf, reactor
from tests.unit.statuscase import LISTEN, events
from tinylb.status.service import StatusService


class Reply(NamedTuple):
    """What came back: the status, the headers by name in lower case, and the body."""

    code: int
    headers: Mapping[str, str]
    body: bytes


class Asker(HTTPConnection):
    """The standard library's client, for any kind of address. It blocks, and is for threads."""

    def __init__(self, address: Address) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._address = address

    def connect(self) -> None:
        """See L{HTTPConnection}."""
        self.sock = socket.socket(familyOf(self._address))
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._address)

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
        """Ask, over the connection that there is or another one."""
        self.request(method, path, headers=headers or {})
        response = self.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


class Listener:
    """
    Somebody who listens to events.

    @ivar told: what it has heard so far.
    """

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.told: list[dict[str, Any]] = []
        self._rest = b""

    def hear(self, what: str, **fields: object) -> Deferred[dict[str, Any]]:
        """Wait until something of a kind is told, with these fields, and give the first of it."""
        return deferToThread(self._hear, {"what": what, **fields})

    def _hear(self, wanted: dict[str, object]) -> dict[str, Any]:
        seen = 0
        while True:
            for event in self.told[seen:]:
                if wanted.items() <= event.items():
                    return event
            seen = len(self.told)
            data = self.peer.socket.recv(1 << 16)
            assert data, f"the end, and nothing like {wanted} among {self.told}"
            complete, separator, self._rest = (self._rest + data).rpartition(b"\n\n")
            self.told += events(complete + separator)


class Shown:
    """
    A status endpoint.

    @ivar balanced: the balancer that it shows, with one backend C{a} that says its name.
    """

    def __init__(self, bench: Bench, balanced: Balanced, server: NamedServer, service: StatusService) -> None:
        self.balanced = balanced
        self.server = server
        self.service = service
        self._bench = bench
        self._stopped: list[None] = []

    @classmethod
    async def start(cls, bench: Bench, endpoint: IStreamServerEndpoint | None = None, **options: Any) -> Shown:
        """One that listens, by default on TCP."""
        server = bench.add(NamedServer("name"))
        balanced = await bench.balance()
        balanced.publish(a=backend(server))
        endpoint = endpoint or TCP4ServerEndpoint(reactor, 0, backlog=1024, interface="127.0.0.1")
        service = StatusService(reactor, endpoint, balanced.service, **options)
        service.startService()
        await service.whenListening()
        return cls(bench, balanced, server, service)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return addressOf(self.service.hosts[0])

    def connect(self) -> Peer:
        """A connection to it."""
        return self._bench.add(connect(self.address))

    def reluctant(self) -> Peer:
        """The same of somebody whose system keeps little for it."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(self.address)
        return self._bench.add(Peer(connection))

    def say(self, data: bytes) -> Peer:
        """A connection to it on which something little is said."""
        peer = self.connect()
        peer.socket.sendall(data)
        return peer

    def asker(self) -> Asker:
        """A client that asks."""
        return self._bench.add(Asker(self.address))

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Deferred[Reply]:
        """Ask over a connection of its own, which is closed then: whoever is idle drives others out."""
        return deferToThread(_askOnce, self.asker(), path, method, headers)

    async def listen(self) -> Listener:
        """Listen to events; they are told when this returns."""
        before = len(self.balanced.balancer.observers)
        peer = self.say(LISTEN)
        await eventually(lambda: len(self.balanced.balancer.observers) > before, "somebody listens")
        return Listener(peer)

    async def stop(self) -> None:
        """Stop it."""
        self.service.stopService().addCallback(self._stopped.append)
        await eventually(lambda: bool(self._stopped), "the status endpoint has ended")


def _askOnce(asker: Asker, path: str, method: str, headers: Mapping[str, str] | None) -> Reply:
    with closing(asker):
        return asker.ask(path, method, headers)
