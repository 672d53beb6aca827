"""C{tinylb check}: whether a backends file is valid, and its backends can be reached."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.program.peers import blackHole, freePort
from tests.program.processes import run, waitUntil
from tests.program.stage import Stage
from tests.program.terminal import Terminal
from tests.program.test_command import MODULE
from tests.program.test_stopping import dials
from tests.program.test_wrongusage import FILES, refusal

CHECK = (*MODULE, "check")


def check(stage: Stage, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Check to the end."""
    return run([*CHECK, *arguments], stage.folder)


def rows(said: str) -> list[dict[str, str]]:
    """The rows of a table that was written into a pipe, behind a line that begins with a #."""
    first, titles, *lines = said.splitlines()
    assert first.startswith("# ")
    return [dict(zip(titles.split("\t"), line.split("\t"), strict=True)) for line in lines]


def test_valid(stage: Stage) -> None:
    """A valid file is printed as a table, with targets as they count: in order of id, tab-separated, status 0."""
    b = {"address": "[2001:DB8::1]:0443", "tier": 1, "weight": 5, "proxyProtocol": "v2"}
    stage.writeText(json.dumps({"backends": {"b": b, "a": "B.example:1"}}))
    result = check(stage, stage.file)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == f"# {stage.file} is valid: 2 backends"
    assert rows(result.stdout) == [
        {"ID": "a", "TARGET": "b.example:1", "TIER": "0", "WEIGHT": "1", "PROXY": "-"},
        {"ID": "b", "TARGET": "[2001:db8::1]:443", "TIER": "1", "WEIGHT": "5", "PROXY": "v2"},
    ]


def test_nobody(stage: Stage) -> None:
    """A file of no backends is valid, all of them can be reached, and what it does is told."""
    stage.write({})
    for options in ((), ("--dial",)):
        result = check(stage, stage.file, *options)
        assert result.returncode == 0
        assert result.stdout.splitlines()[0].endswith("; no client can be served")
        assert rows(result.stdout) == []


def test_oneTarget(stage: Stage) -> None:
    """Backends that lead to the same place are likely a mistake, which is told; the file is as valid as it was."""
    again = {"endpoint": "unix:/run/x.sock"}
    backends = {"a": "cp:1", "b": "CP:1", "c": "[::1]:1", "d": "[0:0::1]:1", "e": "cp:1", "x": again, "y": "cp:2"}
    stage.writeText(json.dumps({"backends": backends}))
    result = check(stage, stage.file)
    assert result.returncode == 0
    told = "a, b, e lead to the same target, cp:1; c, d lead to the same target, [::1]:1"
    assert result.stdout.splitlines()[0] == f"# {stage.file} is valid: 7 backends; {told}"


@pytest.mark.parametrize("case", FILES)
def test_invalid(stage: Stage, case: str) -> None:
    """What is not valid gets the very line that ends the program with it, and status 1."""
    content, _ = FILES[case]
    stage.file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = check(stage, stage.file)
    assert (result.returncode, result.stdout) == (1, "")
    listen = ("--listen", "tcp:0:interface=127.0.0.1")
    expected = refusal(stage, *listen, "--backends-file", stage.file, runners=["twistd"])
    assert result.stderr == f"tinylb: {expected.removeprefix('--backends-file ')}\n"


def test_unreadable(stage: Stage) -> None:
    """So does what cannot be read."""
    for path in (stage.folder / "nothing", stage.folder):
        result = check(stage, path, "--dial")
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr.startswith(f"tinylb: {path}: ")
        assert result.stderr.endswith("; a JSON file of backends is expected\n")
        assert result.stderr.count("\n") == 1


def test_noInput(stage: Stage) -> None:
    """Where standard input is closed, that is told in one line."""
    result = run(["sh", "-c", f"{' '.join(CHECK)} - <&-"], stage.folder)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "tinylb: standard input: it is closed; a JSON file of backends is expected\n"


def test_standardInput(stage: Stage) -> None:
    """A dash stands for standard input, in the messages too."""
    valid, invalid = ('{"backends": ["127.0.0.1:1"]}', 0), ('{"backends": [', 1)
    for content, status in (valid, invalid):
        stage.writeText(content)
        result = run(["sh", "-c", f"{' '.join(CHECK)} - <{stage.file}"], stage.folder)
        assert result.returncode == status
        assert (result.stdout + result.stderr).startswith(
            ("# standard input is valid", "tinylb: standard input: line 1")
        )


def test_dial(stage: Stage) -> None:
    """With --dial each backend is tried; what failed is told, and status 2 says that not all can be reached."""
    refused = f"127.0.0.1:{freePort()}"
    with blackHole() as hole:
        stage.write({"here": stage.server("x"), "refused": refused, "silent": hole})
        result = check(stage, stage.file, "--dial", "--timeout", "2")
    assert (result.returncode, result.stderr) == (2, "")
    assert result.stdout.splitlines()[0] == f"# {stage.file} is valid: 1 of 3 backends reachable"
    found = {row["ID"]: row["RESULT"] for row in rows(result.stdout)}
    assert found == {"here": "ok", "refused": "connection refused", "silent": "no answer within 2 s"}
    times = {row["ID"]: float(row["TIME"]) for row in rows(result.stdout)}
    assert times["silent"] >= 2
    assert times["here"] < 2


def test_dialEndpoints(stage: Stage) -> None:
    """Endpoints are tried as they are, and a balancer that has nobody behind it counts as nobody."""
    nobody = stage.balance("--backend", f"127.0.0.1:{freePort()}")
    socket = stage.folder / "x.sock"
    stage.balance("--backend", stage.server("x").target, listen=f"unix:{socket}")
    host, port = nobody.address
    stage.writeText(json.dumps({"backends": {"nobody": f"{host}:{port}", "unix": {"endpoint": f"unix:{socket}"}}}))
    results: list[subprocess.CompletedProcess[str]] = []

    def isTold() -> bool:
        results[:] = [check(stage, stage.file, "--dial")]
        return results[0].returncode == 2

    # On a busy machine a balancer may take longer to find that nobody is there than a check waits for it.
    waitUntil(isTold, "it is told")
    assert [row["RESULT"].partition(":")[0] for row in rows(results[0].stdout)] == ["closed at once", "ok"]


def test_dialTLS(stage: Stage) -> None:
    """A TLS endpoint is reachable when the handshake is done, and not when somebody else answers, or something else."""
    pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL")
    from tests.certificates import Authority

    folder = stage.folder / "trusted"
    folder.mkdir()
    pem = Authority(folder).issue("server", ["localhost"])
    server = stage.server("x")
    listen = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    port = stage.balance("--backend", server.target, listen=listen).address[1]
    endpoints = {
        "trusted": f"tls:localhost:{port}:trustRoots={folder}",
        "untrusted": f"tls:localhost:{port}",
        "plain": f"tls:localhost:{server.port}:trustRoots={folder}",
    }
    stage.writeText(json.dumps({"backends": {id: {"endpoint": endpoint} for id, endpoint in endpoints.items()}}))
    found = {row["ID"]: row["RESULT"] for row in rows(check(stage, stage.file, "--dial").stdout)}
    assert found.pop("trusted") == "ok"
    assert "certificate verify failed" in found["untrusted"]
    assert all(result.startswith("TLS: ") for result in found.values()), found


def test_json(stage: Stage) -> None:
    """With --json it is one document, the numbers as numbers; an invalid file is one, too, beside the line."""
    stage.write({"here": stage.server("x"), "refused": f"127.0.0.1:{freePort()}"})
    piped = rows(check(stage, stage.file, "--dial").stdout)
    assert all(re.fullmatch(r"\d\.\d{6}", row["TIME"]) for row in piped), piped
    plain, dialled = (json.loads(check(stage, stage.file, "--json", *more).stdout) for more in ((), ("--dial",)))
    assert (plain["valid"], dialled["valid"]) == (True, True)
    assert plain["backends"][0].keys() == {"id", "target", "tier", "weight", "proxyProtocol"}
    assert (dialled["reachable"], [each["result"] for each in dialled["backends"]]) == (1, ["ok", "connection refused"])
    assert all(0 <= each["seconds"] < 5 for each in dialled["backends"])
    stage.writeText("{}")
    result = check(stage, stage.file, "--json")
    document = json.loads(result.stdout)
    assert (result.returncode, document["valid"]) == (1, False)
    assert result.stderr == f"tinylb: {stage.file}: {document['error']}\n"


def test_interrupted(stage: Stage) -> None:
    """Ctrl-C ends it quietly, whatever it waits for; the status is the shell's for that."""
    with blackHole() as hole:
        fillers = dials(hole)
        stage.write({"silent": hole})
        with closing(Terminal(*CHECK, stage.file, "--dial", "--timeout", "60")) as terminal:
            waitUntil(lambda: dials(hole) > fillers, "it dials")
            terminal.press("\x03")
            assert terminal.ended() == 130
            assert terminal.said.strip() == "^C"


def test_terminal(stage: Stage) -> None:
    """On a terminal it is aligned, fits, and tells good from bad by colours as well."""
    stage.write({"here": stage.server("x"), "a-backend-with-a-long-name": f"127.0.0.1:{freePort()}"})
    with closing(Terminal(*CHECK, stage.file, "--dial", columns=66)) as terminal:
        assert terminal.ended() == 2
    assert "\x1b[32mok\x1b[0m" in terminal.said
    assert "\x1b[31mconnection refused\x1b[0m" in terminal.said
    lines = re.sub("\x1b\\[[0-9]*m", "", terminal.said).split("\r\n")
    titles, *table = lines[lines.index("") + 1 :][:3]
    assert [line.index("127.0.0.1") for line in table] == [titles.index("TARGET")] * 2
    assert all(len(line) <= 66 for line in lines)
