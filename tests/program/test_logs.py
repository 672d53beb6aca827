"""The log has a line for what an operator cares about, and none for each connection."""

from __future__ import annotations

from tests.program.peers import freePort
from tests.program.processes import waitUntil
from tests.program.stage import Stage


def test_quietAboutConnections(stage: Stage, runner: str) -> None:
    """Connections that come and go leave no line, however they end; nor does a client that is only probing."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow(runner=runner)
    for _ in range(20):
        assert stage.nameOf(tinylb) in ("a", "b")
    for _ in range(20):
        stage.client(tinylb).close()
    waitUntil(lambda: not servers["a"].connections and not servers["b"].connections, "all are gone")
    assert tinylb.stop() == 0
    said = "\n".join(tinylb.stdout).partition("Listening on")[2].partition("stopping")[0].splitlines()
    assert [line for line in said[1:-1] if "Starting reactor" not in line] == []


def test_start(stage: Stage) -> None:
    """At its start it says whom it balances over and where it listens; nothing goes to standard error."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    assert tinylb.count("Listening on 127.0.0.1:") == 1
    line = tinylb.waitFor("Backend set 1: 2 backends").string
    assert all(f"{id}={server.target}" in line for id, server in servers.items())
    assert tinylb.stderr == []


def test_whatChanged(stage: Stage) -> None:
    """A new set is logged by what it changes: who is new, who is gone, who has moved, and whose connections ended."""
    servers = stage.servers("a", "b", "c")
    tinylb = stage.follow()
    clients = [stage.client(tinylb) for _ in range(6)]
    for client in clients:
        client.line()
    moved = stage.server("moved")
    stage.write({"a": servers["a"], "b": moved, "d": stage.server("d")})
    line = tinylb.waitFor("Backend set 2: 3 backends").string
    assert f"removed c={servers['c'].target}" in line
    assert f"moved b from {servers['b'].target} to {moved.target}" in line
    assert "added d=" in line
    assert servers["a"].target not in line
    for id in ("b", "c"):
        tinylb.waitFor(rf"Target {servers[id].target} removed: 2 connections ended")
    stage.write({"a": servers["a"]})
    tinylb.waitForSet(3)
    assert tinylb.count("Target .* removed") == 2


def test_whyClientsAreNotServed(stage: Stage) -> None:
    """Clients that nobody serves are summed up with the causes, in at most one line a second."""
    ports = [freePort(), freePort()]
    tinylb = stage.balance(
        "--backend", f"a=127.0.0.1:{ports[0]}", "--backend", f"b=127.0.0.1:{ports[1]}", "--drain", "0"
    )
    for _ in range(30):
        assert stage.nameOf(tinylb) == ""
    assert tinylb.stop() == 0
    line = tinylb.waitFor(r"1 client could not be served: .*dial-failed").string
    assert f"a (127.0.0.1:{ports[0]}): connection refused" in line
    assert f"b (127.0.0.1:{ports[1]}): connection refused" in line
    assert tinylb.count("could not be served") <= 4
