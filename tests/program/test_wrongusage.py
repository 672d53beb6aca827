"""What cannot start says so in one line that names the option, the value and what would be right."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.program.stage import LOOPBACK, RUNNERS, Stage

LISTEN = ("--listen", LOOPBACK)
BACKEND = ("--backend", "127.0.0.1:7101")

OPTIONS = {
    "nothing at all": ((), "--listen is missing", "--listen tcp:6443:interface=127.0.0.1"),
    "no listener": (BACKEND, "--listen is missing", "--listen tcp:6443:interface=127.0.0.1"),
    "no backends": (LISTEN, "no backends", "--backends-file FILE"),
    "unknown option": ((*LISTEN, *BACKEND, "--nope"), "--nope", "--help"),
    "argument": ((*LISTEN, *BACKEND, "more"), "'more'", "--help"),
    "value missing": ((*LISTEN, *BACKEND, "--drain"), "--drain", "--help"),
    "not a number": ((*LISTEN, *BACKEND, "--drain", "soon"), "--drain soon", "number of seconds"),
    "negative": ((*LISTEN, *BACKEND, "--idle-timeout=-1"), "--idle-timeout -1", "number of seconds"),
    "not finite": ((*LISTEN, *BACKEND, "--keepalive", "nan"), "--keepalive nan", "number of seconds"),
    "no time to dial": ((*LISTEN, *BACKEND, "--dial-timeout", "0"), "--dial-timeout 0", "number of seconds"),
    "no clients": ((*LISTEN, *BACKEND, "--max-connections", "0"), "--max-connections 0", "whole number from 1"),
    "unknown policy": ((*LISTEN, *BACKEND, "--policy", "fair"), "--policy fair", "round-robin"),
    "two sources": ((*LISTEN, "--dns", "a.example:1", "--backends-file", "b.json"), "--backends-file b.json", "--dns"),
    "unknown endpoint": ((*BACKEND, "--listen", "owl:6443"), "--listen owl:6443", "tcp:6443:interface=127.0.0.1"),
    "status endpoint": ((*LISTEN, *BACKEND, "--status", "9090"), "--status 9090", "for example tcp:9090"),
    "endpoint's port": ((*BACKEND, "--listen", "tcp:http"), "--listen tcp:http", "tcp:6443:interface=127.0.0.1"),
    "address": ((*LISTEN, "--backend", "nowhere"), "--backend nowhere", "192.0.2.11:6443"),
    "address's port": ((*LISTEN, "--backend", "a=192.0.2.1:0"), "--backend a=192.0.2.1:0", "1 to 65535"),
    "bare IPv6": ((*LISTEN, "--backend", "2001:db8::1:443"), "--backend 2001:db8::1:443", "[2001:db8::1]:6443"),
    "id twice": ((*LISTEN, "--backend", "a=[::1]:1", "--backend", "a=[::1]:2"), "--backend a=[::1]:2", "twice"),
}

FILES: dict[str, tuple[str | bytes, str]] = {
    "half written": ('{"backends": {', "line 1 column 15"),
    "empty": (" \n", ": is empty; JSON such as "),
    "not UTF-8": (b"\xff\xfe{", "UTF-8"),
    "unknown key": ('{"backends": {}, "more": 1}', '"more"'),
    "key twice": ('{"backends": {"a": "192.0.2.1:1", "a": "192.0.2.2:1"}}', '"a"'),
    "wrong type": ('{"backends": {"a": 6443}}', '$.backends["a"]'),
    "port": ('{"backends": {"a": "192.0.2.1:65536"}}', '$.backends["a"]'),
    "endpoint": ('{"backends": {"a": {"endpoint": "owl:x"}}}', '$.backends["a"].endpoint'),
}


UNDER_BOTH = ("nothing at all", "unknown option", "not a number", "address", "unknown endpoint", "half written")
"""One of each kind that is started with twist, too; the others would only cost time."""


def refusal(stage: Stage, *arguments: str | Path, runners: Iterable[str] = RUNNERS) -> str:
    """Start tinylb, which has to end by itself with status 1; the one line that it has said on standard error."""
    lines = []
    for tinylb in [stage.launch(*arguments, runner=runner) for runner in runners]:
        assert tinylb.ended() == 1
        assert len(tinylb.stderr) == 1, tinylb.output
        assert "Listening on" not in tinylb.output
        assert "Usage:" not in tinylb.output
        lines += tinylb.stderr
    assert len(set(lines)) == 1, "twistd and twist differ"
    assert lines[0].startswith("tinylb: ")
    return lines[0].removeprefix("tinylb: ")


def runners(case: str) -> list[str]:
    """With what a case is started."""
    return list(RUNNERS) if case in UNDER_BOTH else ["twistd"]


@pytest.mark.parametrize("case", OPTIONS)
def test_wrongOptions(stage: Stage, case: str) -> None:
    """Wrong options end the program at once."""
    arguments, wrong, right = OPTIONS[case]
    line = refusal(stage, *arguments, runners=runners(case))
    assert wrong in line
    assert right in line


def test_portInUse(stage: Stage) -> None:
    """A port that somebody else listens on ends the program, although another one could be listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        line = refusal(stage, "--listen", LOOPBACK, "--listen", listen, *BACKEND)
    assert line.startswith(f"--listen {listen}: ")
    assert "in use" in line


@pytest.mark.parametrize(
    ("listen", "wrong"),
    [
        ("tcp:0:interface=192.0.2.1", "cannot assign requested address"),
        ("tcp:70000", "65535"),
        ("unix:/nowhere/at/all.sock", "no such file or directory"),
        ("ssl:0:privateKey=/nowhere/key.pem", "no such file or directory"),
    ],
)
def test_cannotListen(stage: Stage, listen: str, wrong: str) -> None:
    """So does an endpoint that is well described and cannot be listened on."""
    if listen.startswith("ssl:"):
        pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL")
    line = refusal(stage, "--listen", listen, *BACKEND)
    assert line.startswith(f"--listen {listen}: ")
    assert wrong in line.lower()


@pytest.mark.parametrize("case", FILES)
def test_wrongFile(stage: Stage, case: str) -> None:
    """A file that is not valid ends the program: the line says where in the file, and what is expected there."""
    content, where = FILES[case]
    stage.file.write_bytes(content if isinstance(content, bytes) else content.encode())
    line = refusal(stage, *LISTEN, "--backends-file", stage.file, runners=runners(case))
    assert line.startswith(f"--backends-file {stage.file}: ")
    assert where in line.replace("'", '"')


def test_noFile(stage: Stage) -> None:
    """A file that is not there ends the program, whatever its folder."""
    for path in (stage.file, stage.folder / "no" / "folder.json"):
        assert refusal(stage, *LISTEN, "--backends-file", path).startswith(f"--backends-file {path}: there is no such ")


def test_unreadableFile(stage: Stage) -> None:
    """So does what cannot be read like a file: a folder, a pipe, a link to itself."""
    pipe = stage.folder / "pipe"
    os.mkfifo(pipe)
    loop = stage.folder / "loop"
    loop.symlink_to(loop)
    for path in (stage.folder, pipe, loop):
        line = refusal(stage, *LISTEN, "--backends-file", path, runners=["twistd"])
        assert line.startswith(f"--backends-file {path}: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbiddenFile(stage: Stage) -> None:
    """And a file that the user may not read."""
    stage.write({})
    stage.file.chmod(0)
    assert "permission denied" in refusal(stage, *LISTEN, "--backends-file", stage.file)
