"""Starts API servers in processes of their own, commands them, and reads what they have seen."""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from tests.kubernetes.faults import ALWAYS, How, On
from tests.kubernetes.state import Record
from tests.kubernetes.store import Object

ROOT = Path(__file__).parents[2]

PATIENCE = 20.0
"""Seconds that a server may take to start, to do as told, and to end."""


class ApiServer:
    """
    An API server; see L{tests.kubernetes.server}. A method returns when the server has done as told.

    @param identity: see L{Server <tests.kubernetes.server.Server>}, likewise C{clientCA}.
    @ivar address: where it listens, the same after each start.
    """

    def __init__(self, identity: Path, *, clientCA: Path | None = None, host: str = "127.0.0.1") -> None:
        self._options = [str(identity), *([] if clientCA is None else ["--client-ca", str(clientCA)])]
        # While it does not run, nobody else may get its port.
        self._holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind((host, 0))
        self.address: tuple[str, int] = self._holder.getsockname()[:2]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """As a kubeconfig has it."""
        host, port = self.address
        return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"

    @property
    def isRunning(self) -> bool:
        """Whether it has been started, and has not been told to end since."""
        return self._process is not None

    def start(self) -> None:
        """Start it, again. It knows nothing then of what was before."""
        host, port = self.address
        self._rest = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kubernetes", host, str(port), *self._options],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._hear()

    # What there is.

    def begin(self, *objects: Object, revision: int = 1000) -> None:
        """It has these, and does not know how that came about."""
        self._tell("begin", revision=revision, objects=objects)

    def put(self, *objects: Object) -> str:
        """Create or replace objects, each with a resourceVersion of its own; the last of them."""
        version: str = self._tell("change", put=objects, delete=[])
        return version

    def delete(self, *names: str, namespace: str = "default") -> str:
        """Remove objects; the resourceVersion then."""
        version: str = self._tell("change", put=[], delete=[(namespace, name) for name in names])
        return version

    def touch(self, count: int = 1, *, bookmark: bool = False) -> str:
        """Other things in the cluster change, and watches may be told how far it is; the resourceVersion then."""
        version: str = self._tell("touch", count=count, bookmark=bookmark)
        return version

    def compact(self) -> None:
        """Whatever is older than the present is not known any more."""
        self._tell("compact")

    def spellVersions(self, prefix: str) -> None:
        """Its resourceVersions are no numbers any more."""
        self._tell("prefix", text=prefix)

    # Whom it serves, and how.

    def allow(self, *tokens: str, certificates: tuple[str, ...] = ()) -> None:
        """From now on only those may read."""
        self._tell("open", tokens=tokens, certificates=certificates)

    def allowAll(self) -> None:
        """Anybody may read, whatever he shows."""
        self._tell("open", tokens=None, certificates=())

    def identify(self, identity: Path) -> None:
        """From now on it has another certificate."""
        self._tell("identify", identity=str(identity))

    def chunk(self, pieces: int) -> None:
        """Watches that begin from now on get no more bytes at once."""
        self._tell("chunk", pieces=pieces)

    def fault(self, how: How, on: On, times: int = ALWAYS, **details: object) -> None:
        """Let something go wrong, for so many requests, or until L{heal}."""
        self._tell("fault", how=how.value, on=on.value, times=times, details=details)

    def refuse(self, on: On, code: int, times: int = ALWAYS, **details: object) -> None:
        """The same, with a Status; C{details} are those of L{Refusal <tests.kubernetes.statuses.Refusal>}."""
        self.fault(How.REFUSAL, on, times, code=code, **details)

    def answer(
        self,
        on: On,
        code: int,
        body: str = "",
        *,
        times: int = ALWAYS,
        size: int = 0,
        contentType: str = "application/json",
        **headers: str,
    ) -> None:
        """The same, with whatever is given; spaces are added up to the size, in bytes."""
        given = {"Content-Type": contentType, **headers}
        self.fault(How.ANSWER, on, times, code=code, headers=given, body=body, size=size)

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self._tell("heal")

    # The watches under way.

    def say(self, type: str, object: Object, *, padding: int = 0) -> None:
        """All of them get an event, asked for or not, with so many bytes in it that nobody needs."""
        self._tell("say", type=type, object=object, padding=padding)

    def mumble(self, data: str) -> None:
        """All of them get this."""
        self._tell("mumble", data=data)

    def cut(self, object: Object, *, isReset: bool = False) -> None:
        """The connections of all of them end in the middle of an event."""
        self._tell("cut", object=object, isReset=isReset)

    def endWatches(self) -> None:
        """All of them end, as after their time."""
        self._tell("end")

    def deafen(self) -> None:
        """All of them stay, say nothing any more, and do not end by themselves."""
        self._tell("deafen")

    # Its own life.

    def ready(self, isReady: bool) -> None:
        """What C{/readyz} says from now on."""
        self._tell("ready", isReady=isReady)

    def stopListening(self) -> None:
        """It accepts nobody any more, and connections that are open stay."""
        self._tell("refuse")

    def listenAgain(self) -> None:
        """It accepts everybody again."""
        self._tell("listen")

    def finish(self) -> None:
        """
        What is left to do of a stop as it is after SIGTERM: a real one is not L{ready} at first, then it does not
        listen any more, see L{stopListening}, and in the end it ends its watches. The process ends with them, see
        L{ended}.
        """
        self._tell("finish")

    def abandon(self) -> None:
        """Command it no more, as when this process had come to its end."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()

    def ended(self) -> int:
        """Wait for the end of the process; its exit status."""
        assert self._process is not None
        process, self._process = self._process, None
        try:
            return process.wait(PATIENCE)
        finally:
            process.kill()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()

    def kill(self) -> None:
        """It is gone, and the kernel has ended its connections."""
        if self._process is not None:
            self._process.kill()
            self.ended()

    def close(self) -> None:
        """The end, however it comes. May be called again."""
        self.kill()
        self._holder.close()

    # What it has seen.

    def requests(self, on: On | None = None) -> list[Record]:
        """All requests since the start, or those of a kind."""
        records: list[Record] = self._tell("requests")
        return [record for record in records if on in (None, On(record["on"]))]

    def connections(self) -> list[float]:
        """When each connection was accepted, in monotonic time; those without a handshake are among them."""
        moments: list[float] = self._tell("connections")
        return moments

    def count(self, what: str) -> int:
        """How many connections are C{open}, or C{watches} there are."""
        counts: dict[str, int] = self._tell("counts")
        return counts[what]

    def _tell(self, command: str, **arguments: object) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process is not None
        pipe: IO[bytes] | None = self._process.stdout
        assert pipe is not None
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._rest:
            ready, _, _ = select.select([pipe], [], [], max(0, deadline - time.monotonic()))
            data = pipe.read1(1 << 20) if ready else b""  # type: ignore[attr-defined]
            assert data, "the API server is silent; what it complained about is on standard error"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)
