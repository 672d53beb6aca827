"""Servers as processes of their own, so that they can be stopped and killed, with tinylb in front of them."""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests.program.health.visitors import ask
from tests.program.peers import Client
from tests.program.processes import Process, waitUntil
from tests.program.stage import Stage, Tinylb

HOST = "127.0.0.1"


class Backend:
    """
    A web server; see L{tests.program.health.backendprocess}.

    @param options: for its command line.
    @param inside: a command that runs it somewhere else, with its host and port there.
    @ivar target: where it is, as the backends file has it.
    """

    def __init__(
        self,
        stage: Stage,
        name: str,
        *options: str | Path,
        inside: tuple[str, ...] = (),
        address: tuple[str, int] | None = None,
    ) -> None:
        self.name = name
        self._stage = stage
        # While it does not listen, nobody else may get its port: bound, it is not given to clients either.
        self._holder = socket.socket()
        if address is None:
            self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._holder.bind((HOST, 0))
            address = self._holder.getsockname()
        self.target = f"{address[0]}:{address[1]}"
        self._command = (*inside, sys.executable, "-m", "tests.program.health.backendprocess", name)
        self._arguments = (address[0], str(address[1]), *options)
        self._process: Process
        self._told = 0
        self.start()

    def start(self) -> None:
        """Start it, again."""
        self._process = self._stage.run(*self._command, *self._arguments)
        self._told = 0
        self._process.waitFor("^Listening$")

    def tell(self, command: str) -> dict[str, int]:
        """
        Have it do something, and wait until it has.

        @return: what it has counted until now.
        """
        self._process.type(command)
        self._told += 1
        said = self._process.waitFor("^done ", self._told).string
        return {what: int(count) for what, count in re.findall(r"(\w+)=(\d+)", said)}

    def count(self, what: str) -> int:
        """How many there were: C{accepted}, C{checks}, C{visits}; or are C{open}."""
        return self.tell("report")[what]

    def awaitMore(self, what: str, number: int = 6) -> None:
        """Wait until so many more of them are counted; twice as many as --fall, unless told otherwise."""
        before = self.count(what)
        waitUntil(lambda: self.count(what) >= before + number, f"{self.name} has {number} more {what}")

    def pause(self) -> None:
        """It does nothing any more; the kernel goes on to accept connections for it."""
        self._process.signal(SIGSTOP)

    def resume(self) -> None:
        """It goes on."""
        self._process.signal(SIGCONT)

    def kill(self) -> None:
        """It is gone, and the kernel has ended its connections."""
        assert self._process.stop(SIGKILL) == -SIGKILL

    def close(self) -> None:
        """Give its port back; the process is the stage's."""
        self._holder.close()


class Cluster:
    """The servers of one test, and tinylb."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._backends: list[Backend] = []

    def backend(
        self,
        name: str,
        *options: str | Path,
        inside: tuple[str, ...] = (),
        address: tuple[str, int] | None = None,
    ) -> Backend:
        """Start a server; see L{Backend}."""
        backend = Backend(self.stage, name, *options, inside=inside, address=address)
        self._backends.append(backend)
        return backend

    def balance(self, *arguments: str | Path, **more: str) -> Tinylb:
        """Start tinylb over all servers there are, and over C{more}, targets by id."""
        self.stage.write({**{each.name: each.target for each in self._backends}, **more})
        return self.stage.follow(*arguments)

    def write(self, members: Mapping[Backend, Mapping[str, int]]) -> None:
        """Write the backends file with these servers, and what else it says of each."""
        backends = {each.name: {"address": each.target, **more} for each, more in members.items()}
        self.stage.writeText(json.dumps({"backends": backends}))

    def client(self, tinylb: Tinylb, name: str, ca: Path | None = None) -> Client:
        """A client with a connection that stays open, to the server C{name}; with TLS where there is a C{ca}."""
        for _ in range(20):
            client = self.stage.client(tinylb)
            if ca is not None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.load_verify_locations(ca)
                client.socket = context.wrap_socket(client.socket, server_hostname=HOST)
            if ask(client) == name:
                return client
            client.close()
        raise AssertionError(f"{name} does not get any connections")

    def close(self) -> None:
        """Give the ports back."""
        for backend in self._backends:
            backend.close()
