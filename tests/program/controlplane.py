"""The control plane of a cluster: API servers that can be stopped, killed and replaced, and what they all know."""

from __future__ import annotations

import itertools
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tests.kubernetes.client import Client
from tests.kubernetes.control import ApiServer
from tests.kubernetes.kubeconfig import writeKubeconfig
from tests.kubernetes.shapes import endpointSlice
from tests.kubernetes.store import Object
from tests.program.peers import freePort
from tests.program.processes import waitUntil
from tests.program.stage import Stage, Tinylb

if TYPE_CHECKING:
    from tests.certificates import Authority

HOST = "127.0.0.1"


class ControlPlane:
    """
    Each server has a slice of its own, as they share an address and differ in their ports.

    @ivar port: where tinylb listens, to which the kubeconfig leads.
    @ivar servers: those that are there, by name.
    """

    def __init__(self, stage: Stage, authority: Authority) -> None:
        self._stage = stage
        self._authority = authority
        self._stack = ExitStack()
        self._slices: dict[str, Object] = {}
        self._revision = 1000
        self._visits = itertools.count()
        self.servers: dict[str, ApiServer] = {}
        self.port = freePort()
        self.kubeconfig = writeKubeconfig(
            stage.folder / "kubelet.conf", f"https://{HOST}:{self.port}", authority.certificate
        )

    def join(self, *names: str) -> None:
        """New servers, which all the others hear of."""
        for name in names:
            server = ApiServer(self._authority.issue(name, [HOST]))
            self._stack.enter_context(closing(server))
            self.servers[name] = server
            self._slices[name] = sliceOf(name, server)
            self.start(name)
            self.tell(self._slices[name])

    def start(self, name: str) -> None:
        """A server knows what there is, when it is started."""
        server = self.servers[name]
        if not server.isRunning:
            server.start()
        server.begin(*self._slices.values(), revision=self._revision)

    def tell(self, *slices: Object) -> None:
        """Slices have changed."""
        self._revision += len(slices)
        for _, server in self._running():
            server.put(*slices)

    def leave(self, name: str) -> ApiServer:
        """The address of a server is taken out of its slice, which is there still."""
        self._slices[name] = {**self._slices[name], "endpoints": None}
        self.tell(self._slices[name])
        return self.servers.pop(name)

    def terminate(self, name: str) -> None:
        """A server is on its way out, as its slice has it."""
        (leaving,) = self._slices[name]["endpoints"]
        terminating = {"ready": False, "serving": True, "terminating": True}
        self._slices[name] = {**self._slices[name], "endpoints": [{**leaving, "conditions": terminating}]}
        self.tell(self._slices[name])

    def ready(self, name: str) -> None:
        """A server is ready, as its slice has it."""
        self._slices[name] = sliceOf(name, self.servers[name])
        self.tell(self._slices[name])

    def misplace(self, name: str, port: int) -> None:
        """The slice of a server has another port than the server."""
        ports = [{"name": "https", "port": port, "protocol": "TCP"}]
        self._slices[name] = {**self._slices[name], "ports": ports}
        self.tell(self._slices[name])

    def empty(self, *, isEmpty: bool) -> None:
        """As the list looks to all while one of them stops: nobody is there; or all are again."""
        for name in self.servers:
            self._slices[name] = endpointSlice(name=name) if isEmpty else sliceOf(name, self.servers[name])
        self.tell(*self._slices.values())

    def target(self, name: str) -> str:
        """As tinylb's log has it."""
        host, port = self.servers[name].address
        return f"{host}:{port}"

    def balance(self, *arguments: object) -> Tinylb:
        """tinylb, which follows them by its own address, and stops without waiting for anybody."""
        listen = f"tcp:{self.port}:interface={HOST}"
        given = [str(argument) for argument in arguments]
        return self._stage.balance("--kubernetes", self.kubeconfig, "--drain", "0", *given, listen=listen)

    def client(self) -> Client:
        """A client of the control plane, by tinylb."""
        return self._stack.enter_context(closing(Client((HOST, self.port), self._authority.certificate)))

    def clientOf(self, name: str) -> Client:
        """The same, with an open connection to a certain one of them."""
        for _ in range(20):
            client = self.client()
            if self.visited(client) == name:
                return client
            client.close()
        raise AssertionError(f"{name} does not get any connections")

    def visited(self, client: Client) -> str:
        """Who answers a client."""
        path = f"/visits/{next(self._visits)}"
        assert client.status(path=path) == 404
        (found,) = (name for name, server in self._running() if path in {each["path"] for each in server.requests()})
        return found

    def serving(self, visits: int = 8) -> set[str]:
        """Who answers new clients, none of whom may fail."""
        found = set()
        for _ in range(visits):
            with closing(self.client()) as client:
                found.add(self.visited(client))
        return found

    def awaitServing(self, *names: str) -> None:
        """Wait until it is they who do."""
        waitUntil(lambda: self.serving() == {*names}, f"{names} serve")

    def watched(self) -> str:
        """Wait until one of them is being watched; who."""
        found: list[str] = []

        def isAny() -> bool:
            found[:] = self._watched()
            return bool(found)

        waitUntil(isAny, "one of them is watched")
        return found[0]

    def close(self) -> None:
        """End all of them, and their clients."""
        self._stack.close()

    def _watched(self) -> list[str]:
        return [name for name, server in self._running() if server.count("watches")]

    def _running(self) -> list[tuple[str, ApiServer]]:
        return [(name, server) for name, server in self.servers.items() if server.isRunning]


def sliceOf(name: str, server: ApiServer) -> Object:
    """Where a server is."""
    host, port = server.address
    return endpointSlice(host, name=name, ports=[{"name": "https", "port": port, "protocol": "TCP"}])
