"""The backends file is followed while the program runs."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

import pytest

from tests.program.peers import Client
from tests.program.processes import keepsPromise, waitUntil
from tests.program.stage import Stage, spell

RESET_WITHIN = 0.5
"""Seconds from a change of the file to the reset at a client: the promise is 0.1, this machine may be busy."""


def rename(stage: Stage, content: str) -> None:
    """As a careful program writes a file."""
    stage.writeText(content)


def inPlace(stage: Stage, content: str) -> None:
    """As an editor may."""
    stage.file.write_text(content)


def swapLink(stage: Stage, content: str) -> None:
    """As Kubernetes changes a ConfigMap: the file leads through a link to a folder, and the link is replaced."""
    folder = stage.folder / f"version-{time.monotonic_ns()}"
    folder.mkdir()
    (folder / "backends.json").write_text(content)
    (stage.folder / "next").symlink_to(folder.name)
    (stage.folder / "next").rename(stage.folder / "data")
    if not stage.file.is_symlink():
        stage.file.symlink_to("data/backends.json")


@pytest.mark.parametrize("edit", [rename, inPlace, swapLink])
def test_everyWayToEdit(stage: Stage, edit: Callable[[Stage, str], None]) -> None:
    """However the file is changed: connections to who is gone are reset on both sides, the others go on."""
    a, b, c = stage.server("a"), stage.server("b"), stage.server("c")
    edit(stage, spell({"a": a, "b": b}))
    tinylb = stage.follow()

    def secondsToReset() -> float:
        edit(stage, spell({"a": a, "b": b}))
        waitUntil(lambda: {stage.nameOf(tinylb) for _ in range(2)} == {"a", "b"}, "both serve")
        clients = {client.line(): client for client in (stage.client(tinylb), stage.client(tinylb))}
        edit(stage, spell({"b": b, "c": c}))
        changed = time.monotonic()
        assert clients["a"].ending() == "reset"
        took = time.monotonic() - changed
        waitUntil(lambda: not a.connections, "the backend's side of it is gone")
        assert clients["b"].echoes(b"still here")
        assert {stage.nameOf(tinylb) for _ in range(4)} == {"b", "c"}
        edit(stage, spell({"a": a}))
        assert clients["b"].ending() == "reset"
        assert stage.nameOf(tinylb) == "a"
        return took

    keepsPromise(secondsToReset, RESET_WITHIN)


def test_manyConnectionsAreReset(stage: Stage) -> None:
    """All connections of a target that is gone are reset, whether the client reads or not; the log counts them."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    clients = [stage.client(tinylb) for _ in range(100)]
    waitUntil(lambda: servers["a"].connections == servers["b"].connections == 50, "all are connected")
    waitUntil(lambda: all(map(isGreeted, clients)), "all are greeted")
    stage.write({"b": servers["b"]})
    waitUntil(lambda: not servers["a"].connections, "the backend's sides are gone")
    tinylb.waitFor(rf"Target {servers['a'].target} removed: 50 connections ended")
    kept = [client for client in clients if client.line() == "b" and client.echoes(b"still here")]
    assert len(kept) == 50
    assert all(client.ending() == "reset" for client in clients if client not in kept)


def isGreeted(client: Client) -> bool:
    """Whether something has come for a client, which he has yet to read."""
    return bool(select.select([client.socket], [], [], 0)[0])


def test_sameSetAgain(stage: Stage) -> None:
    """A file that says the same in other words ends nothing, and is no new set."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    client = stage.client(tinylb)
    name = client.line()
    stage.writeText("")
    tinylb.waitFor("the last good set stays")
    stage.writeText(f'\n{{"backends": {{"b": "{servers["b"].target}", "a": {{"address": "{servers["a"].target}"}}}}}}')
    tinylb.waitFor("is valid again")
    assert client.echoes(f"{name}, still".encode())
    assert tinylb.count("Backend set") == 1


def test_emptySet(stage: Stage) -> None:
    """An empty set ends everything, and new clients are closed at once; with the next set they are served."""
    servers = stage.servers("a")
    tinylb = stage.follow()
    client = stage.client(tinylb)
    assert client.line() == "a"
    stage.write({})
    assert client.ending() == "reset"
    assert stage.nameOf(tinylb) == ""
    stage.write(servers)
    tinylb.waitForSet(3)
    assert stage.nameOf(tinylb) == "a"


INVALID = {
    "half written": ('{"backends": {"b": "127.0.0.1:1"', "line 1 column "),
    "empty": ("", "is empty"),
    "key twice": ('{"backends": {"a": "127.0.0.1:1", "a": "127.0.0.1:2"}}', "a"),
    "wrong port": ('{"backends": {"a": "127.0.0.1:1", "b": "127.0.0.1:0"}}', "$.backends"),
}


@pytest.mark.parametrize("case", INVALID)
def test_invalidWhileRunning(stage: Stage, case: str) -> None:
    """A file that becomes invalid changes nothing: the last good set stays, and one line says what is wrong."""
    content, wrong = INVALID[case]
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    clients = [stage.client(tinylb) for _ in range(2)]
    names = [client.line() for client in clients]
    stage.writeText(content)
    line = tinylb.waitFor(r"error.*backends\.json.*the last good set stays").string
    assert wrong in line
    assert all(client.echoes(b"still here") for client in clients)
    assert {stage.nameOf(tinylb) for _ in range(2)} == set(names) == {"a", "b"}
    stage.writeText(content)
    stage.write({"a": servers["a"]})
    tinylb.waitFor(r"backends\.json is valid again")
    tinylb.waitForSet(2)
    assert tinylb.count("the last good set stays") == 1


def test_vanishedWhileRunning(stage: Stage) -> None:
    """A file that vanishes changes nothing; it is taken again when it is back."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    client = stage.client(tinylb)
    client.line()
    stage.file.unlink()
    tinylb.waitFor(r"error.*backends\.json: there is no such file.*the last good set stays")
    assert client.echoes(b"still here")
    assert {stage.nameOf(tinylb) for _ in range(2)} == {"a", "b"}
    stage.write({"b": servers["b"]})
    tinylb.waitForSet(2)
    assert {stage.nameOf(tinylb) for _ in range(3)} == {"b"}
    assert tinylb.count("the last good set stays") == 1


def test_vanishedFolder(stage: Stage) -> None:
    """A folder that is replaced, as by a deployment, takes the watch on it along, but not the file."""
    folder = stage.folder / "etc"
    folder.mkdir()
    stage.file = folder / "backends.json"
    servers = stage.servers("a", "b")
    tinylb = stage.follow()
    folder.rename(stage.folder / "etc.old")
    folder.mkdir()
    stage.write({"b": servers["b"]})
    tinylb.waitForSet(2)
    stage.write(servers)
    tinylb.waitForSet(3)
