"""The other side of C{balancerprocess}: starts one, listens to it, and measures it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.integration.sockets import PATIENCE, Address, Peer, connect, eventually

ROOT = Path(__file__).parents[2]


class Memory(NamedTuple):
    """Kilobytes in RAM."""

    now: int
    most: int


class BalancerProcess:
    """
    A balancer in a process of its own.

    @param backends: addresses by id, or the path of a backends file.
    @param descriptors: how many it may have open.
    @param options: of the balancer.
    @ivar address: where it listens, after L{start}.
    """

    address: Address

    def __init__(
        self, backends: Mapping[str, Address] | str, descriptors: int | None, options: Mapping[str, object]
    ) -> None:
        configuration: dict[str, Any] = {"backends": backends, "options": options}
        if descriptors is not None:
            configuration["descriptors"] = descriptors
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.balancerprocess", json.dumps(configuration)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._told: list[dict[str, Any]] = []
        self._clients: list[Peer] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    async def start(self) -> None:
        """Wait until it listens, with a set in force."""
        host, port = await self._hear("listening", 0)
        self.address = host, port

    def connect(self) -> Peer:
        """A client."""
        client = connect(self.address)
        self._clients.append(client)
        return client

    def told(self, event: str) -> list[dict[str, Any]]:
        """What happened in it so far, of one kind."""
        return [told for told in self._told if told.get("event") == event]

    async def hearEvent(self, event: str, count: int = 1) -> None:
        """Wait until so much of a kind has happened."""
        await eventually(lambda: len(self.told(event)) >= count, f"{count} {event} among {self._told}")

    async def describe(self) -> dict[str, Any]:
        """What its service describes. All that its reactor had to do before is done then."""
        described: dict[str, Any] = await self._ask("describe", "described")
        return described

    async def step(self, seconds: float) -> None:
        """Set its clock, forward or back."""
        await self._ask(f"step {seconds}", "stepped")

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def freeze(self) -> None:
        """Let it run no more."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self._process.send_signal(signal.SIGCONT)

    def cpuSeconds(self) -> float:
        """How much CPU time it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def secondsWithoutCPU(self) -> float:
        """How long it would have run, and had to wait for others that did; see the kernel's sched-stats."""
        return int(Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[1]) / 1e9

    def memory(self) -> Memory:
        """How much it has."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status))
        return Memory(now=int(found["VmRSS"]), most=int(found["VmHWM"]))

    def forgetMostMemory(self) -> None:
        """Let the most it has had be what it has now, see proc(5)."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def closeClients(self) -> None:
        """Close all clients there have been."""
        while self._clients:
            self._clients.pop().close()

    def close(self) -> None:
        """Close its clients and its standard input, at which it ends."""
        self.closeClients()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.thaw()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._listener.join()
            assert self._process.stdout is not None
            self._process.stdout.close()

    async def _ask(self, command: str, key: str) -> Any:
        first = len(self._told)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        self._process.stdin.flush()
        return await self._hear(key, first)

    async def _hear(self, key: str, first: int) -> Any:
        await eventually(lambda: any(key in told for told in self._told[first:]), f"{key} from the process")
        return next(told[key] for told in self._told[first:] if key in told)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told.append(json.loads(line))
