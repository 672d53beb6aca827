"""The examples run as they stand, but for the ports: those may be taken on the machine that tests."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.program.peers import Client
from tests.program.processes import ROOT, SCRIPTS, Process, waitUntil
from tests.program.stage import Stage

PORTS = (6443, 6444, 6445, 6446, 6447, 6448, 6480, 7101, 7102, 7103, 7104, 9090, 9091)


class Examples:
    """A copy of the examples in which every port is moved by the same distance, to where they are free."""

    def __init__(self, stage: Stage) -> None:
        self.folder = stage.folder / "examples"
        self._stage = stage
        self._distance = next(d for d in iter(lambda: random.randrange(1000, 20000), 0) if all(map(isFree, moved(d))))
        self.folder.mkdir()
        for source in (ROOT / "examples").iterdir():
            if source.is_file():
                ports = r"\b(64[48]\d|710\d|909\d)\b"
                text = re.sub(ports, lambda found: str(self.port(int(found[0]))), source.read_text())
                (self.folder / source.name).write_text(text)

    def port(self, port: int) -> int:
        """Where a port has gone."""
        return port + self._distance

    def python(self, name: str) -> Process:
        """Run an example with Python."""
        return self._stage.run(sys.executable, Path("examples") / name)

    def twistd(self, name: str) -> Process:
        """Run an example with twistd."""
        return self._stage.run(SCRIPTS / "twistd", "-n", "--pidfile=", "-y", Path("examples") / name)

    def backends(self) -> Process:
        """The demo backends, listening."""
        backends = self.python("demo_backends.py")
        backends.waitFor("Listening")
        return backends

    def withdraw(self, id: str) -> str:
        """
        Take a backend out of the backends file.

        @return: what was in the file.
        """
        file = self.folder / "backends.json"
        content = file.read_text()
        lines = [line for line in content.splitlines() if id not in line]
        file.write_text("\n".join(lines).replace(",\n}", "\n}"))
        return content

    def get(self, port: int, path: str = "/", method: str = "GET") -> str:
        """The body of a web page, or nothing when the connection ends without one."""
        with closing(self.connect(port, path, method)) as client:
            return client.receive(1 << 20).decode().partition("\r\n\r\n")[2]

    def head(self, port: int, path: str = "/") -> str:
        """The beginning of a web page, with its status."""
        with closing(self.connect(port, path)) as client:
            return client.receive(1 << 20).decode().partition("\r\n\r\n")[0]

    def connect(self, port: int, path: str, method: str = "GET") -> Client:
        """Ask for a web page."""
        client = self._stage.client(("127.0.0.1", self.port(port)))
        client.send(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
        return client


def moved(distance: int) -> list[int]:
    """All ports of the examples, moved."""
    return [port + distance for port in PORTS]


def isFree(port: int) -> bool:
    """Whether a port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def isGone(examples: Examples) -> bool:
    """Whether nobody listens on any port of the examples."""
    return all(isFree(examples.port(port)) for port in PORTS)


@pytest.fixture
def examples(stage: Stage) -> Examples:
    """The examples, on ports that are free."""
    return Examples(stage)


def greetings(*ids: str) -> set[str]:
    """What the demo backends say."""
    return {f"Hello from {id}\n" for id in ids}


def test_demoBackends(examples: Examples) -> None:
    """Three servers say their names; SIGTERM ends them."""
    backends = examples.backends()
    assert [examples.get(port) for port in (7101, 7102, 7103)] == [f"Hello from cp-{n}\n" for n in (1, 2, 3)]
    stream = examples.connect(7102, "/stream")
    while stream.line():
        pass  # the head
    assert stream.line() == stream.line() == "Hello from cp-2"
    assert backends.stop() == 0
    assert stream.ending() in ("closed", "reset")


def test_demoBackendsEndWithTheirParent(stage: Stage, examples: Examples) -> None:
    """However their parent ends, they do not stay behind."""
    parent = stage.run("sh", "-c", f"'{sys.executable}' examples/demo_backends.py & wait")
    parent.waitFor("Listening")
    parent.signal(signal.SIGKILL)
    waitUntil(lambda: isGone(examples), "the backends have ended")


def test_demo(stage: Stage, examples: Examples) -> None:
    """
    What make run starts: it says what to type, balances, follows the file, and ends with all it has started
    when it is interrupted.
    """
    demo = examples.python("demo.py")
    demo.waitFor(rf"curl 127.0.0.1:{examples.port(6443)}")
    demo.waitFor(r"edit examples/backends\.json")
    demo.waitFor("Listening on")
    assert {examples.get(6443) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    stream = examples.connect(6443, "/stream")
    while stream.line():
        pass  # the head
    id = stream.line().removeprefix("Hello from ")
    content = examples.withdraw(id)
    assert stream.ending() == "reset"
    assert {examples.get(6443) for _ in range(4)} == greetings("cp-1", "cp-2", "cp-3") - greetings(id)
    (examples.folder / "backends.json").write_text(content)
    demo.waitFor(f"Backend set 3: .*added {id}=")
    assert {examples.get(6443) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    assert demo.stop(signal.SIGINT) == 0
    waitUntil(lambda: isGone(examples), "the backends have ended, too")
    assert [path.name for path in stage.folder.iterdir()] == ["examples"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_demoEnds(examples: Examples, end: signal.Signals) -> None:
    """Whatever ends the demo, nothing stays behind."""
    demo = examples.python("demo.py")
    demo.waitFor("Listening on")
    demo.stop(end)
    waitUntil(lambda: isGone(examples), "everything has ended")


@pytest.mark.parametrize("port", [6443, 7102])
def test_demoWherePortIsTaken(examples: Examples, port: int) -> None:
    """A port that is taken is told in one line, and nothing stays behind."""
    with socket.create_server(("127.0.0.1", examples.port(port))):
        demo = examples.python("demo.py")
        assert demo.ended() == 1
    assert len(demo.stderr) == 1
    assert f"127.0.0.1:{examples.port(port)}: address already in use" in demo.stderr[0]
    waitUntil(lambda: isGone(examples), "everything has ended")


def test_embeddedService(examples: Examples) -> None:
    """An application balances over what its own page says, and shows what the balancer knows."""
    examples.backends()
    application = examples.twistd("embedded_service.py")
    application.waitFor("Listening on")
    assert {examples.get(6444) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    stream = examples.connect(6444, "/stream")
    assert stream.line().startswith("HTTP/1.")
    for id in ("cp-1", "cp-2"):
        examples.get(6480, f"/{id}", "DELETE")
    examples.get(6480, "/cp-3", "DELETE")
    assert stream.ending() == "reset"
    assert examples.get(6444) == ""
    assert examples.get(6480, "/cp-2", "PUT") == "Backends: cp-2\n"
    assert {examples.get(6444) for _ in range(3)} == greetings("cp-2")
    assert '"ready": true' in examples.get(6480)
    application.stop()
    assert "Traceback" not in application.output


def test_layers(examples: Examples) -> None:
    """The source's serve while there are any, then who stands by; and a restart without the source knows them still."""
    examples.backends()
    file = examples.folder / "backends.json"
    content = file.read_text()
    application = examples.twistd("layers.py")
    application.waitFor("Listening on")
    assert {examples.get(6444) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    application.stop()
    file.unlink()
    application = examples.twistd("layers.py")
    application.waitFor("answers, clients go to 3 remembered backends, 1 fixed backend")
    application.waitFor("Listening on")
    assert {examples.get(6444) for _ in range(6)} >= greetings("cp-1", "cp-2")
    file.write_text(content)
    application.waitFor("has answered: 3 backends")
    file.write_text('{"backends": {}}')
    application.waitFor("1 backend, 1 standing by")
    assert {examples.get(6444) for _ in range(3)} == greetings("cp-3")
    application.stop()
    assert "Traceback" not in application.output


def test_observedService(examples: Examples) -> None:
    """It shows what it does, and has a line for each connection, also for the one that is ended by the stop."""
    examples.backends()
    application = examples.twistd("observed_service.py")
    application.waitFor(f"Listening on 127.0.0.1:{examples.port(6448)}")
    assert examples.get(6448) in greetings("cp-1", "cp-2", "cp-3")
    if "501" not in examples.head(9091, "/metrics"):
        waitUntil(lambda: "\ntinylb_access_log_lines_total 1.0\n" in examples.get(9091, "/metrics"), "it is counted")
    stream = examples.connect(6448, "/stream")
    assert stream.receive(1)
    application.stop()
    lines = (examples.folder / "access.log").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["backend-closed", "stopping"]
    assert "Traceback" not in application.output


def test_healthChecks(examples: Examples) -> None:
    """The backend that is not there is found dead, and the others serve."""
    examples.backends()
    application = examples.twistd("health_checks.py")
    application.waitFor(r"Backend cp-4 \(.*\) is dead: check: connection refused")
    assert {examples.get(6447) for _ in range(4)} == greetings("cp-1", "cp-2")
    application.stop()
    assert "Traceback" not in application.output


def test_bareFactory(examples: Examples) -> None:
    """Backends that are typed in are used from then on, and connections to the others end."""
    examples.backends()
    factory = examples.python("bare_factory.py")
    factory.waitFor("Listening")
    assert {examples.get(6445) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    stream = examples.connect(6445, "/stream")
    assert stream.line().startswith("HTTP/1.")
    factory.type("")
    assert stream.ending() == "reset"
    factory.waitFor(r"has ended \(target-removed\)")
    factory.type("cp-1 cp-3")
    factory.waitFor("Backends now: cp-1, cp-3")
    assert {examples.get(6445) for _ in range(4)} == greetings("cp-1", "cp-3")
    assert factory.stop(signal.SIGINT) == 0


def test_ownProvider(examples: Examples) -> None:
    """Backends are those who listen: none, then three, then none again."""
    provider = examples.python("own_provider.py")
    provider.waitFor("Listening on")
    provider.waitFor("Backend set 1: 0 backends")
    backends = examples.backends()
    provider.waitFor("Backend set .*: 3 backends")
    assert {examples.get(6446) for _ in range(3)} == greetings("cp-1", "cp-2", "cp-3")
    backends.stop()
    provider.waitFor("Backend set .*: 0 backends", count=2)
    assert provider.stop() == 0
    assert "Traceback" not in provider.output


def test_clientService(examples: Examples) -> None:
    """
    A client stays connected: to another backend when its own leaves the file, and when the others come back. Each try
    in between is told, and why it failed.
    """
    backends = examples.backends()
    client = examples.python("client_service.py")
    id = client.waitFor(r"^Hello from (cp-\d)$")[1]
    examples.withdraw(id)
    client.waitFor("has ended: .*target-removed")
    client.waitFor(f"^Hello from (?!{id})cp-")
    backends.stop()
    client.waitFor("has ended", count=2)
    client.waitFor("^Nobody can be reached: .*connection refused", count=2)
    examples.backends()
    client.waitFor("^HTTP/1", count=3)
    assert client.stop() == 0
    assert client.stderr == []


def test_agent(examples: Examples) -> None:
    """Requests take turns over the backends, say so when nobody can be reached, and are answered again after that."""
    backends = examples.backends()
    agent = examples.python("agent.py")
    for id in ("cp-1", "cp-2", "cp-3"):
        agent.waitFor(f"^Hello from {id}$")
    backends.stop()
    agent.waitFor("^Nobody can be reached: .*connection refused")
    answers = agent.count("^Hello")
    examples.backends()
    agent.waitFor("^Hello", count=answers + 3)
    assert agent.stop(signal.SIGINT) == 0
    assert agent.stderr == []
