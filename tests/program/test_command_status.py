"""C{tinylb status} and C{tinylb explain}: what a running tinylb says of itself."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from signal import SIGTERM

import pytest

from tests.program.peers import freePort
from tests.program.processes import PATIENCE, run
from tests.program.stage import Stage, Tinylb
from tests.program.terminal import Terminal
from tests.program.test_command import MODULE
from tests.program.test_command_check import rows
from tests.program.webserver import WebServer, page
from tinylb.wording import timestamp


class Subject:
    """
    A balancer over the servers C{a} and C{b}, with its status endpoint.

    @ivar url: where that listens.
    """

    def __init__(self, stage: Stage, endpoint: str) -> None:
        self._stage = stage
        self._endpoint = endpoint
        self.url = endpoint if endpoint.startswith("unix:") else f"http://127.0.0.1:{endpoint.rpartition(':')[2]}"
        stage.servers("a", "b")
        self.tinylb = self.start()

    def start(self) -> Tinylb:
        """Start it, again."""
        self.tinylb = self._stage.follow("--status", self._endpoint)
        return self.tinylb

    def ask(self, command: str, *arguments: str) -> str:
        """Ask it; all is well."""
        result = run([*MODULE, command, self.url, *arguments], self._stage.folder)
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout


@pytest.fixture
def subject(stage: Stage) -> Subject:
    """One at a port."""
    return Subject(stage, f"tcp:{freePort()}")


def refused(stage: Stage, *arguments: str) -> str:
    """Both commands end with status 1, nothing on standard output, and one line, which is the same."""
    results = [run([*MODULE, command, *arguments], stage.folder) for command in ("status", "explain")]
    for result in results:
        assert (result.returncode, result.stdout) == (1, "")
        assert re.fullmatch(r"tinylb: [^\n]+\n", result.stderr)
        assert result.stderr[:-1].isprintable()
    lines = [re.sub("/api/(state|explain)", "/api/...", result.stderr) for result in results]
    assert lines[0] == lines[1]
    return lines[0]


def test_status(stage: Stage, subject: Subject) -> None:
    """The state of each backend, with what has gone through it, by exact numbers."""
    client = stage.client(subject.tinylb)
    id = client.line()
    assert client.echoes(b"hello")
    said = subject.ask("status")
    assert re.match(r"# ready: 2 of 2 backends ready; set 1; 1 open; 0 dialing; source file /", said)
    row = next(row for row in rows(said) if row["ID"] == id)
    assert (row["STATE"], row["OPEN"], row["OPENED"], row["FAILED"]) == ("ready", "1", "1", "0")
    assert (row["IN"], row["OUT"]) == ("5", "7")  # hello; a, a line feed, hello
    assert [row["ID"] for row in rows(said)] == ["a", "b"]


def test_many(stage: Stage) -> None:
    """Where a terminal has fewer lines than there are backends, those in trouble are beside the prompt."""
    backends = [{"id": f"b{each:02}", "state": "dead" if each % 10 == 3 else "ready"} for each in range(30)]
    last = {}
    with closing(WebServer(page({"ready": True, "backends": backends}))) as server:
        for lines in (20, 60):
            with closing(Terminal(*MODULE, "status", server.url, lines=lines)) as terminal:
                assert terminal.ended() == 0
            last[lines] = re.findall(r"\bb\d\d\b", terminal.said)[-4:]
        assert rows(run([*MODULE, "status", server.url], stage.folder).stdout)[-1]["ID"] == "b29"
    assert last == {20: ["b29", "b03", "b13", "b23"], 60: ["b26", "b27", "b28", "b29"]}


def test_unixSocket(stage: Stage) -> None:
    """It is asked over a UNIX socket just the same."""
    subject = Subject(stage, f"unix:{stage.folder / 'status.sock'}")
    assert len(rows(subject.ask("status"))) == 2
    assert json.loads(subject.ask("status", "--json"))["revision"] == 1


def test_json(stage: Stage, subject: Subject) -> None:
    """With --json it is what the endpoint says, untouched."""
    with closing(WebServer(page({"ready": True, "backends": [{"id": "x"}], "more": [1.5, None]}))) as server:
        result = run([*MODULE, "status", server.url, "--json"], stage.folder)
        assert json.loads(result.stdout) == {"ready": True, "backends": [{"id": "x"}], "more": [1.5, None]}
        assert result.stdout.count("\n") == 1
        assert server.requests == ["GET /api/state HTTP/1.1"]
    decisions = json.loads(subject.ask("explain", "--json"))
    assert {each["what"] for each in decisions} == {"picked", "added"}
    assert decisions[0].keys() == {"time", "backend", "target", "what", "why"}


def test_explain(stage: Stage, subject: Subject) -> None:
    """The latest decisions, the newest first; as many as are asked for."""
    stage.write({})
    subject.tinylb.waitForSet(2)
    said = subject.ask("explain").splitlines()
    assert said[0] == "TIME\tBACKEND\tTARGET\tWHAT\tWHY"
    assert [line.split("\t")[3] for line in said[1:]] == ["removed", "removed", "added", "added"]
    assert subject.ask("explain", "-n", "3").splitlines() == said[:4]
    assert len(json.loads(subject.ask("explain", "--json", "--latest", "1"))) == 1


def test_explainOnATerminal(stage: Stage) -> None:
    """On a terminal there are as many decisions as it shows at once, and then how many more there are."""
    decisions = [{"time": "2026-01-01T00:00:00+00:00", "backend": f"b{each}", "what": "added"} for each in range(40)]
    with closing(WebServer(page(decisions))) as server:
        with closing(Terminal(*MODULE, "explain", server.url, lines=10)) as terminal:
            assert terminal.ended() == 0
        server.answer = page([])
        with closing(Terminal(*MODULE, "explain", server.url, lines=10)) as quiet:
            assert quiet.ended() == 0
    assert re.findall(r"\bb\d+\b", terminal.said) == [f"b{each}" for each in range(7)]
    assert "and 33 more; -n 40 shows all" in terminal.said
    assert terminal.said.count("\r\n") == 9
    assert "Nothing was decided yet." in quiet.said


def test_explainPresent(stage: Stage) -> None:
    """What is so at present comes first, who is picked before who is passed over; of both as many as are asked for."""
    whats = ["added", "picked", "dead", "passed over", "picked", "added", "picked", "added"]
    decisions = [{"backend": f"b{number}", "what": what} for number, what in enumerate(whats)]
    with closing(WebServer(page(decisions))) as server:

        def shown(*more: str) -> str:
            said = run([*MODULE, "explain", server.url, *more], stage.folder).stdout
            return " ".join(line.split("\t")[1] for line in said.splitlines()[1:])

        assert shown() == "b1 b4 b6 b3 b0 b2 b5 b7"
        assert shown("-n", "2") == "b1 b4 b0 b2"
        for lines, expected in ((20, "b1 b4 b6 b3 b0 b2 b5 b7"), (9, "b1 b4 b6 b0 b2 b5"), (4, "b1 b0")):
            with closing(Terminal(*MODULE, "explain", server.url, lines=lines)) as terminal:
                assert terminal.ended() == 0
            assert " ".join(re.findall(r"\bb\d\b", terminal.said)) == expected
        document = json.loads(run([*MODULE, "explain", server.url, "--json", "-n", "2"], stage.folder).stdout)
    assert "and 6 more; -n 4 shows all" in terminal.said
    assert [each["backend"] for each in document] == ["b0", "b1", "b2", "b4"]  # in the order of the answer


def test_explainIsNarrow(stage: Stage) -> None:
    """However narrow a terminal is, no line is wider."""
    decisions = [{"time": timestamp(), "backend": f"b{each}", "what": "added", "why": "it came"} for each in range(40)]
    with (
        closing(WebServer(page(decisions))) as server,
        closing(Terminal(*MODULE, "explain", server.url, columns=30, lines=12)) as terminal,
    ):
        assert terminal.ended() == 0
    lines = re.sub("\x1b\\[[0-9]*m", "", terminal.said).splitlines()
    assert all(len(line) <= 30 for line in lines), lines
    assert len(lines) < 12
    assert "more; -n 40 shows all" in " ".join(lines)


def test_explainIsWhole(stage: Stage) -> None:
    """On a terminal of 80 columns why is told to its end, however long the ids are; and no more than fits at once."""
    why = "check: TLS: the certificate is from an unknown authority; 15 connections kept, as nobody else is ready"
    told = {"time": timestamp(), "target": "192.0.2.12:6450", "what": "not-ready", "why": why}
    decisions = [{**told, "backend": f"{each}-ip-10-0-7-17.eu-central-1.compute.internal"} for each in range(30)]
    with (
        closing(WebServer(page(decisions))) as server,
        closing(Terminal(*MODULE, "explain", server.url, columns=80, lines=20)) as terminal,
    ):
        assert terminal.ended() == 0
    titles, *lines = re.sub("\x1b\\[[0-9]*m", "", terminal.said).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert len(lines) < 20
    assert " ".join(line[titles.index("WHY") :].strip() for line in lines).count(why) == 4
    assert re.findall(r"  (\d+)-ip-10", terminal.said) == ["0", "1", "2", "3"]


def test_notReady(stage: Stage, subject: Subject) -> None:
    """When nobody can be served the status is 2, however it is printed."""
    stage.write({})
    subject.tinylb.waitForSet(2)
    for options in ((), ("--json",)):
        result = run([*MODULE, "status", subject.url, *options], stage.folder)
        assert (result.returncode, result.stderr) == (2, "")
        assert "NOT READY" in result.stdout or json.loads(result.stdout)["ready"] is False


def test_unreachable(stage: Stage) -> None:
    """Who cannot be reached is named, with the reason and what may be missing; --watch does not wait for it either."""
    port = freePort()
    line = refused(stage, f":{port}")
    assert f"http://127.0.0.1:{port}: connection refused" in line
    assert "--status" in line
    assert "no such file" in refused(stage, f"unix:{stage.folder / 'nothing'}")
    assert run([*MODULE, "status", f":{port}", "--watch"], stage.folder).stderr == line


def test_patience(stage: Stage) -> None:
    """However long an answer may take, it is a number of seconds that the system understands."""
    with closing(WebServer(page({"ready": True, "backends": []}))) as server:
        result = run([*MODULE, "status", server.url, "--timeout", "1e300"], stage.folder)
    assert (result.returncode, result.stderr) == (0, "")


STRANGERS: dict[str, tuple[bytes, str]] = {
    "another server": (page(b"<html>", "404 Not Found"), "is answered with 404, <html>; expected the --status"),
    "without a reason": (page(b"", "500 "), "is answered with 500"),
    "hostile": (page(b"\x1b[2J\r\n\xff", "403 No"), "is answered with 403, ?[2J \ufffd;"),
    "not JSON": (page(b'{"backends": ['), "not tinylb's"),
    "another shape": (page({"backends": [1]}), "not tinylb's"),
    "too deep": (page(b"[" * 200_000), "not tinylb's"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "not an answer in HTTP"),
    "without an end": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[", "not an answer in HTTP"),
    "nothing": (b"", "the connection was closed without an answer"),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_stranger(stage: Stage, case: str) -> None:
    """Somebody else who listens there is told from tinylb, in one printable line, whatever comes."""
    answer, told = STRANGERS[case]
    with closing(WebServer(answer)) as server:
        line = refused(stage, server.url)
    assert line.startswith(f"tinylb: {server.url}: ")
    assert told in line


def test_silent(stage: Stage) -> None:
    """Who accepts and says nothing is given up when --timeout is over."""
    with closing(WebServer(None)) as server:
        assert f"{server.url}: no answer within 0.2 s" in refused(stage, server.url, "--timeout", "0.2")


DRIPS: dict[str, tuple[bytes, bytes]] = {
    "status line": (b"HTTP/1.1 ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "content": (b"HTTP/1.1 200 OK\r\n\r\n", b"["),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("case", DRIPS)
def test_drips(stage: Stage, case: str) -> None:
    """So is who says a little now and then, wherever in an answer: --timeout is for the whole of it."""
    with dripping(*DRIPS[case]) as url:
        assert f"{url}: no answer within 0.5 s" in refused(stage, url, "--timeout", "0.5")


@contextmanager
def dripping(beginning: bytes, drop: bytes) -> Iterator[str]:
    """Somebody who says one thing, and then another one ten times a second, to each of two who come; the URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                client = server.accept()[0]
                with client, suppress(OSError):
                    client.sendall(beginning)
                    while not select.select([client], [], [], 0.1)[0] or client.recv(65536):
                        client.sendall(drop)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(PATIENCE)


def test_hostileState(stage: Stage) -> None:
    """A backend's id or reason does not get to steer a terminal, nor to make up rows of a table."""
    hostile = {"id": "a\x1b[2J\nb\tc", "target": "\u202e", "why": "\x9b31m", "state": {}, "connections": "7\n"}
    with closing(WebServer(page({"ready": True, "backends": [hostile]}))) as server:
        result = run([*MODULE, "status", server.url], stage.folder)
        assert [row["ID"] for row in rows(result.stdout)] == ["a?[2J b c"]
        with closing(Terminal(*MODULE, "status", server.url, environment={"NO_COLOR": "1"})) as terminal:
            assert terminal.ended() == 0
        assert terminal.said.replace("\r\n", "").isprintable()


def test_ascii(stage: Stage) -> None:
    """Where a name cannot be written there are question marks for it, and no traceback."""
    with closing(WebServer(page({"ready": True, "backends": [{"id": "m\xfcnchen"}]}))) as server:
        process = stage.run(*MODULE, "status", server.url, environment={"PYTHONIOENCODING": "ascii"})
        assert process.ended() == 0
    assert process.stdout[2].startswith("m?nchen\t")
    assert process.stderr == []


def test_terminal(stage: Stage, subject: Subject) -> None:
    """On a terminal it is coloured, and fits; NO_COLOR and a dumb terminal get no sequences at all."""
    stage.write({"a": stage.server("a"), "dead": f"127.0.0.1:{freePort()}"})
    subject.tinylb.waitForSet(2)
    for _ in range(2):
        stage.nameOf(subject.tinylb)
    for columns in (30, 80):
        with closing(Terminal(*MODULE, "status", subject.url, columns=columns)) as terminal:
            assert terminal.ended() == 0
        assert "\x1b[32mready\x1b[0m" in terminal.said
        assert "\x1b[33mresting" in terminal.said
        lines = re.sub("\x1b\\[[0-9]*m", "", terminal.said).split("\r\n")
        assert all(len(line) <= columns for line in lines), lines
    for quiet in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        with closing(Terminal(*MODULE, "status", subject.url, environment=quiet)) as terminal:
            assert terminal.ended() == 0
        assert "\x1b" not in terminal.said


def test_watch(stage: Stage, subject: Subject) -> None:
    """--watch draws the state anew until Ctrl-C, which gives the screen back and leaves status 0."""
    with closing(Terminal(*MODULE, "status", subject.url, "--watch")) as terminal:
        terminal.waitFor("2 of 2 backends ready; set 1")
        stage.write({})
        terminal.waitFor("NOT READY: 0 of 0 backends ready; set 2")
        terminal.press("\x03")
        assert terminal.ended() == 0
    inside, leaving, after = terminal.said.partition("\x1b[?25h\x1b[?1049l")
    assert inside.startswith("\x1b[?1049h\x1b[?25l")
    assert leaving
    assert "NOT READY" in after
    assert "Traceback" not in terminal.said


def test_watchTerminated(subject: Subject) -> None:
    """SIGTERM ends it as well as Ctrl-C."""
    with closing(Terminal(*MODULE, "status", subject.url, "--watch")) as terminal:
        terminal.waitFor("set 1")
        terminal.signal(SIGTERM)
        assert terminal.ended() == 0
    assert "\x1b[?25h\x1b[?1049l" in terminal.said


def test_watchSuspended(subject: Subject) -> None:
    """Ctrl-Z gives the screen back until it goes on; then it draws at once."""
    watch = " ".join([*MODULE, "status", subject.url, "--watch"])
    with closing(Terminal("bash", "-c", f"set -m; {watch}; echo suspended; read; fg; exit 7")) as terminal:
        terminal.waitFor("set 1")
        terminal.press("\x1a")
        terminal.waitFor("suspended\r\n")
        assert terminal.said.count("\x1b[?25h\x1b[?1049l") == 1
        assert terminal.said.endswith("suspended\r\n")
        terminal.said = ""
        terminal.press("\n")
        terminal.waitFor("\x1b\\[\\?1049h\x1b\\[\\?25l\x1b\\[H.*set 1")
        terminal.press("\x03")
        assert terminal.ended() == 7
    assert terminal.said.count("\x1b[?25h\x1b[?1049l") == 1
    assert "Traceback" not in terminal.said


def test_watchCannotBeSuspended(subject: Subject) -> None:
    """Where nobody could let it go on, as without a shell, Ctrl-Z changes nothing."""
    with closing(Terminal(*MODULE, "status", subject.url, "--watch")) as terminal:
        terminal.waitFor("set 1")
        terminal.press("\x1a")
        terminal.waitFor("\x1b\\[\\?1049l\x1b\\[\\?1049h")
        terminal.waitFor("set 1", count=3)
        terminal.press("\x03")
        assert terminal.ended() == 0


def test_watchResized(subject: Subject) -> None:
    """It follows the size of the terminal."""
    with closing(Terminal(*MODULE, "status", subject.url, "--watch", columns=200)) as terminal:

        def picture() -> str:
            """The last one that it has drawn to its end."""
            whole = re.findall("\x1b\\[H(.*?)\x1b\\[J", terminal.said, re.DOTALL)[-1:]
            return re.sub("\x1b\\[[0-9]*[A-Zm]", "", "".join(whole))

        def width() -> int:
            return max(map(len, picture().splitlines()), default=0)

        terminal.waitUntil(lambda: "OPENED/S" in picture(), "a wide picture")
        assert width() > 30
        terminal.resize(30, 20)
        terminal.waitUntil(lambda: width() <= 30, "a narrow picture")  # wide ones may still be on their way
    assert "STATE" in picture()


@pytest.mark.parametrize(
    ("options", "up", "down"),
    [
        ((), r"^# \S+ ready: 2 of 2", r"^# \S+ http.*: connection refused"),
        (("--json",), '"ready": true', '"error": "http'),
    ],
)
def test_watchLosesIt(stage: Stage, subject: Subject, options: tuple[str, ...], up: str, down: str) -> None:
    """The end of what is watched is told, and so is its return; watching goes on."""
    watcher = stage.run(*MODULE, "status", subject.url, "--watch", *options)
    watcher.waitFor(up)
    assert subject.tinylb.stop() == 0
    watcher.waitFor(down)
    seen = watcher.count(up)
    subject.start()
    watcher.waitFor(up, seen + 1)
    assert watcher.stop() == 0
    assert watcher.stderr == []


def test_enough(stage: Stage, subject: Subject) -> None:
    """Whoever reads it may leave at any time, and nothing is complained of."""
    for command in ("status {} --watch", "explain {}"):
        shell = f"unset PYTHONUNBUFFERED; {' '.join(MODULE)} {command.format(subject.url)} | head -n 1"
        result = run(["sh", "-c", shell], stage.folder)
        assert (result.returncode, result.stderr) == (0, "")
        assert len(result.stdout.splitlines()) == 1
