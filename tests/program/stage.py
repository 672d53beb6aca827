"""What a test of the program needs: tinylb as a process, servers behind it and clients before it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from tests.program.peers import Address, Client, Server, parseAddress
from tests.program.processes import SCRIPTS, Process

LOOPBACK = "tcp:0:interface=127.0.0.1"

RUNNERS: dict[str, list[str | Path]] = {
    "twistd": [SCRIPTS / "twistd", "-n", "--pidfile=", "tinylb"],
    # Otherwise it writes JSON when its output is no terminal.
    "twist": [SCRIPTS / "twist", "--log-format=text", "tinylb"],
}

NOISE = re.compile(r"Traceback|Unhandled error|Starting factory|Stopping factory")
"""What tinylb never logs, whatever a test does to it."""


class Tinylb(Process):
    """tinylb, running."""

    addresses: list[Address]

    def listening(self) -> None:
        """Wait until it accepts."""
        spelled = self.waitFor(r"Listening on (.+)$")[1]
        self.addresses = [parseAddress(each) for each in spelled.split(", ")]

    @property
    def address(self) -> tuple[str, int]:
        """The address of its first listener."""
        address = self.addresses[0]
        assert isinstance(address, tuple)
        return address

    @property
    def url(self) -> str:
        """The URL of its first listener."""
        host, port = self.address
        return f"http://{host}:{port}/"

    def waitForSet(self, revision: int) -> None:
        """Wait until it has taken a set."""
        self.waitFor(rf"Backend set {revision}: ")


class Stage:
    """
    Starts tinylb, servers and clients, and ends them with the test. tinylb must not have logged any L{NOISE}.

    @ivar folder: an empty folder of the test's own; programs run in it.
    @ivar file: a backends file in it, once L{write} has been called.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "backends.json"
        self._started: list[Tinylb] = []
        self._stack = ExitStack()

    def run(self, *command: str | Path, **options: Any) -> Process:
        """Start a program; see L{Process}."""
        return self._stack.enter_context(closing(Process(command, self.folder, **options)))

    def launch(self, *arguments: str | Path, runner: str | Sequence[str | Path] = "twistd", **options: Any) -> Tinylb:
        """Start tinylb with these arguments; the runner is one of L{RUNNERS}, or a command like those."""
        command = RUNNERS[runner] if isinstance(runner, str) else runner
        tinylb = self._stack.enter_context(closing(Tinylb([*command, *arguments], self.folder, **options)))
        self._started.append(tinylb)
        return tinylb

    def balance(self, *arguments: str | Path, listen: str = LOOPBACK, **options: Any) -> Tinylb:
        """Start tinylb and wait until it listens."""
        tinylb = self.launch("--listen", listen, *arguments, **options)
        tinylb.listening()
        return tinylb

    def follow(self, *arguments: str | Path, **options: Any) -> Tinylb:
        """Start tinylb over the backends file, and wait until it listens."""
        return self.balance("--backends-file", self.file, *arguments, **options)

    def server(self, name: str, host: str = "127.0.0.1", port: int = 0) -> Server:
        """A backend."""
        return self._stack.enter_context(closing(Server(name, host, port)))

    def servers(self, *names: str) -> dict[str, Server]:
        """Several backends, which the backends file names."""
        servers = {name: self.server(name) for name in names}
        self.write(servers)
        return servers

    def client(self, where: Tinylb | Address) -> Client:
        """A client."""
        return self._stack.enter_context(closing(Client(where.address if isinstance(where, Tinylb) else where)))

    def nameOf(self, tinylb: Tinylb) -> str:
        """The name of the backend that serves a new client; empty when none does."""
        with closing(Client(tinylb.address)) as client:
            try:
                return client.line()
            except ConnectionResetError:
                raise AssertionError(f"it resets a client:\n{tinylb.output}") from None

    def write(self, backends: Mapping[str, Server | str]) -> None:
        """Replace the backends file by a rename, as a careful program does."""
        self.writeText(spell(backends))

    def writeText(self, content: str) -> None:
        """Replace the backends file by any content."""
        new = self.file.with_name("backends.json.new")
        new.write_text(content)
        new.rename(self.file)

    def close(self) -> None:
        """End everything, what was started last first, and check what tinylb has logged."""
        self._stack.close()
        for tinylb in self._started:
            assert not NOISE.search(tinylb.output), f"{tinylb.command} said:\n{tinylb.output}"


def spell(backends: Mapping[str, Server | str]) -> str:
    """The content of a backends file."""
    targets = {id: each.target if isinstance(each, Server) else each for id, each in backends.items()}
    return json.dumps({"backends": targets})
