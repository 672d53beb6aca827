"""Health checks over TCP and HTTP, of real servers."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted

from tests.integration.bench import Bench, backend
from tests.integration.checked import check
from tests.integration.responders import Responder
from tests.integration.servers import BlackHole, Refusing, Server
from tests.integration.sockets import Ending, eventually
from tinylb.health import HTTPCheck, TCPCheck
from tinylb.interfaces import IHealthCheck

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
READYZ = HTTPCheck("/readyz")
EITHER = pytest.mark.parametrize("kind", [TCPCheck(), READYZ], ids=["tcp", "http"])


@pytest.fixture
def engine() -> str:
    """No pair is opened here: one engine will do."""
    return "stream"


@EITHER
@pytest_twisted.ensureDeferred
async def test_good(bench: Bench, kind: IHealthCheck) -> None:
    """A server that is well is ready, and checked again and again; no connection stays."""
    server = bench.add(Responder(OK))
    checked = check(bench, kind, backend(server))
    assert await checked.first() in (("ready", "check: it accepts connections"), ("ready", "check: HTTP 200"))
    await eventually(lambda: server.accepted >= 5, "it is checked again and again")
    checked.service.stopService()
    await eventually(lambda: len(server.endings) == server.accepted, "all connections have ended")
    assert [verdict for verdict, _ in checked.found()] == ["ready"]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("101 Switching Protocols", "ready"),
        ("200 OK", "ready"),
        ("204 No Content", "ready"),
        ("302 Found\r\nLocation: http://127.0.0.1:1/", "ready"),
        ("401 Unauthorized", "ready"),
        ("403 Forbidden", "ready"),
        ("404 Not Found", "not-ready"),
        ("429 Too Many Requests", "not-ready"),
        ("500 Internal Server Error", "not-ready"),
        ("503", "not-ready"),
    ],
    ids=lambda value: value[:3],
)
@pytest_twisted.ensureDeferred
async def test_status(bench: Bench, status: str, verdict: str) -> None:
    """Statuses below 400, and those that ask who we are, are good answers; others are not, and nobody's death."""
    server = bench.add(Responder(f"HTTP/1.1 {status}\r\n\r\n".encode()))
    checked = check(bench, READYZ, backend(server))
    await eventually(lambda: len(server.questions) >= 4, "it is checked again and again")
    assert checked.found() == [(verdict, f"check: HTTP {status[:3]}")]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest_twisted.ensureDeferred
async def test_question(bench: Bench, host: str) -> None:
    """It asks for the path, of the host and port that it connects to, in a connection of its own."""
    server = bench.add(Responder(OK, where=host))
    check(bench, HTTPCheck("/readyz?verbose"), backend(server))
    await eventually(lambda: bool(server.questions), "it is asked")
    first, *rest = server.questions[0].split(b"\r\n")
    assert first == b"GET /readyz?verbose HTTP/1.1"
    netloc = f"[{host}]" if ":" in host else host
    assert f"Host: {netloc}:{server.address[1]}".encode() in rest
    assert b"Connection: close" in rest


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_10.0\r\nInvalid SSH identification string.\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200",
        b"ICY 200 OK\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"\n" * 100_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
        b"HTTP/1.1 103 Early Hints\r\n" + b"Link: </>\r\n" * 10_000,
    ],
    ids=["ssh", "http2", "number", "word", "cut", "other", "alert", "much", "interim", "headers"],
)
@pytest_twisted.ensureDeferred
async def test_garbage(bench: Bench, answer: bytes) -> None:
    """What is not HTTP/1 is a bad answer, in few words and on one line, and nobody's death."""
    server = bench.add(Responder(answer))
    server.isClosing = True
    checked = check(bench, READYZ, backend(server))
    await eventually(lambda: server.accepted >= 5, "it is checked again and again")
    assert {verdict for verdict, _ in checked.found()} == {"not-ready"}
    for _, why in checked.found():
        assert why.startswith("check: ")
        assert why.isprintable()
        assert len(why) < 150


@pytest_twisted.ensureDeferred
async def test_garbageThatStays(bench: Bench) -> None:
    """That holds, too, where the server keeps the connection: it is not silent."""
    server = bench.add(Responder(b"220 mail.example ESMTP\r\n"))
    checked = check(bench, READYZ, backend(server))
    assert await checked.first() == ("not-ready", "check: its answer is not HTTP")
    await eventually(lambda: server.accepted >= 5, "it is checked again and again")
    assert {verdict for verdict, _ in checked.found()} == {"not-ready"}


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 200 OK\n\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK,
        OK + b"x" * 10_000_000,
    ],
    ids=["old", "terse", "continue", "interim", "much"],
)
@pytest_twisted.ensureDeferred
async def test_odd(bench: Bench, answer: bytes) -> None:
    """Answers that are unusual, yet HTTP/1, are understood."""
    server = bench.add(Responder(answer))
    assert await check(bench, READYZ, backend(server)).first() == ("ready", "check: HTTP 200")


@pytest_twisted.ensureDeferred
async def test_pieces(bench: Bench) -> None:
    """So are those that come byte by byte."""
    server = bench.add(Server())
    checked = check(bench, READYZ, backend(server))
    serving = await server.accept()
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 "
    for number in range(len(answer)):
        await serving.send(answer[number : number + 1])
    assert await checked.first() == ("not-ready", "check: HTTP 500")


@pytest_twisted.ensureDeferred
async def test_closesAtOnce(bench: Bench) -> None:
    """A server that accepts and closes answers, though not well; only a connection was asked for by the other check."""
    server = bench.add(Responder(b""))
    server.isClosing = True
    for kind, found in (
        (READYZ, ("not-ready", "check: it closes the connection without an answer")),
        (TCPCheck(), ("ready", "check: it accepts connections")),
    ):
        checked = check(bench, kind, backend(server))
        accepted = server.accepted
        await eventually(lambda: server.accepted >= accepted + 4, "it is checked again and again")  # noqa: B023
        assert checked.found() == [found]
        checked.close()


@pytest_twisted.ensureDeferred
async def test_resets(bench: Bench) -> None:
    """So does one that resets."""
    server = bench.add(Server())
    checked = check(bench, READYZ, backend(server))
    (await server.accept()).reset()
    assert await checked.first() == ("not-ready", "check: connection reset by peer")


@pytest_twisted.ensureDeferred
async def test_silent(bench: Bench) -> None:
    """One that accepts and says nothing is not ready, and dead after three times as many checks; nothing stays open."""
    server = bench.add(Responder(None))
    checked = check(bench, READYZ, backend(server), timeout=1.0)
    assert await checked.first() == ("not-ready", "check: no answer within 1 s")
    assert await checked.becomes("dead") == "check: no answer within 1 s, again and again"
    assert server.accepted >= 3
    checked.close()
    await eventually(lambda: len(server.endings) == server.accepted, "all connections have ended")


@EITHER
@pytest_twisted.ensureDeferred
async def test_refused(bench: Bench, kind: IHealthCheck) -> None:
    """One that refuses is not ready, and soon dead."""
    checked = check(bench, kind, backend(bench.add(Refusing())), fall=2)
    assert await checked.first() == ("not-ready", "check: connection refused")
    assert await checked.becomes("dead") == "check: connection refused, again and again"


@EITHER
@pytest_twisted.ensureDeferred
async def test_blackHole(bench: Bench, kind: IHealthCheck) -> None:
    """So is one that is not there; the kernel does not go on trying."""
    server = bench.add(BlackHole())
    checked = check(bench, kind, backend(server), timeout=0.3, fall=2)
    assert await checked.first() == ("not-ready", "check: no connection within 0.3 s")
    assert await checked.becomes("dead") == "check: no connection within 0.3 s, again and again"
    checked.close()
    await eventually(lambda: server.trying() == 0, "nobody tries")


@pytest_twisted.ensureDeferred
async def test_comesBack(bench: Bench) -> None:
    """One that was dead is found to be back, and ready when it says so."""
    server = bench.add(BlackHole())
    checked = check(bench, TCPCheck(), backend(server), timeout=0.2)
    await checked.becomes("dead")
    server.open()
    assert await checked.becomes("ready") == "check: it accepts connections"


@EITHER
@pytest_twisted.ensureDeferred
async def test_unix(bench: Bench, tmp_path: Path, kind: IHealthCheck) -> None:
    """A backend behind a UNIX socket is checked over that, and called by the name of this host."""
    server = bench.add(Responder(OK, where=tmp_path / "socket"))
    verdict, _ = await check(bench, kind, backend(server)).first()
    assert verdict == "ready"
    if kind is READYZ:
        await eventually(lambda: bool(server.questions), "it is asked")
        assert b"\r\nHost: localhost\r\n" in server.questions[0]


@pytest_twisted.ensureDeferred
async def test_sideBySide(bench: Bench) -> None:
    """One that hangs holds up the check of no other."""
    silent, well = bench.add(Responder(None)), bench.add(Responder(OK))
    checked = check(bench, READYZ, backend(silent), backend(well), timeout=60.0)
    await eventually(lambda: len(well.questions) >= 10, "the other one is checked again and again")
    assert (silent.accepted, len(silent.endings)) == (1, 0)
    assert len(checked.found()) == 1


@EITHER
@pytest_twisted.ensureDeferred
async def test_leavesWithFIN(bench: Bench, kind: IHealthCheck) -> None:
    """After a good answer the connection is closed, not reset: a server may log that."""
    server = bench.add(Responder(OK))
    checked = check(bench, kind, backend(server), interval=60.0)
    await checked.first()
    await eventually(lambda: server.endings == [Ending.FIN], f"the end of the connection, {server.endings}")


@pytest_twisted.ensureDeferred
async def test_stop(bench: Bench) -> None:
    """A stop ends a check that is under way, and its connection, at once."""
    server = bench.add(Responder(None))
    checked = check(bench, READYZ, backend(server), timeout=60.0)
    await eventually(lambda: bool(server.questions), "it is asked")
    checked.service.stopService()
    await eventually(lambda: len(server.endings) == 1, "the connection has ended")
    assert checked.found() == []


@pytest_twisted.ensureDeferred
async def test_stopWhileConnecting(bench: Bench) -> None:
    """So it does where there is no connection yet."""
    server = bench.add(BlackHole())
    checked = check(bench, READYZ, backend(server), timeout=60.0)
    await eventually(lambda: server.trying() == 1, "it is tried")
    checked.service.stopService()
    await eventually(lambda: server.trying() == 0, "nobody tries")
    assert checked.found() == []
