"""tinylb as the way to the control plane that it follows: whatever becomes of that, it is never started again."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import partial
from http.client import HTTPException
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes.client import Client
from tests.program.controlplane import HOST, ControlPlane
from tests.program.peers import freePort
from tests.program.processes import waitUntil
from tests.program.stage import Stage, Tinylb

if TYPE_CHECKING:
    from tests.certificates import Authority

BROKEN = (HTTPException, ConnectionError, ssl.SSLError)
"""How a connection ends that is aborted."""

SOON = 3.0
"""Seconds in which a connection to who has left is ended, at the most; promised is: at once."""


@pytest.fixture
def authority(stage: Stage) -> Authority:
    """It vouches for the servers."""
    certificates = pytest.importorskip("tests.certificates", reason="TLS is not installed")
    made: Authority = certificates.Authority(stage.folder)
    return made


@pytest.fixture
def cluster(stage: Stage, authority: Authority) -> Iterator[ControlPlane]:
    """A control plane of two."""
    cluster = ControlPlane(stage, authority)
    cluster.join("a", "b")
    yield cluster
    cluster.close()


def isOver(client: Client) -> bool:
    """Whether the connection of a client has ended. He asks something, and so does not connect again."""
    try:
        client.again()
    except BROKEN:
        return True
    return False


def hasSet(tinylb: Tinylb, *targets: str) -> None:
    """Wait until tinylb has taken a set of these, be they new or not."""
    for target in targets:
        tinylb.waitFor(rf"Backend set \d+: .*\b{target}\b")


def test_ownBalancer(cluster: ControlPlane) -> None:
    """With a single server to begin with it finds the others through itself, and all of them serve."""
    tinylb = cluster.balance("--backend", cluster.target("a"))
    hasSet(tinylb, cluster.target("b"))
    cluster.watched()
    cluster.awaitServing("a", "b")
    cluster.join("c")
    cluster.awaitServing("a", "b", "c")
    assert tinylb.stop() == 0


def test_replaced(cluster: ControlPlane) -> None:
    """
    Servers that stop gracefully while they are watched are replaced one after the other: connections to those who leave
    end, those to the others stay, and new ones are served all the time.
    """
    tinylb = cluster.balance("--backend", cluster.target("a"))
    hasSet(tinylb, cluster.target("b"))
    cluster.awaitServing("a", "b")
    for coming in ("c", "d"):
        leaving = cluster.watched()
        (staying,) = cluster.servers.keys() - {leaving}
        lost, kept = cluster.clientOf(leaving), cluster.clientOf(staying)
        server = cluster.leave(leaving)
        server.ready(False)
        waitUntil(partial(isOver, lost), "the connection is ended", SOON)
        assert cluster.serving() == {staying}
        server.stopListening()
        assert cluster.serving() == {staying}
        server.finish()
        assert server.ended() == 0
        cluster.join(coming)
        cluster.awaitServing(staying, coming)
        assert not isOver(kept)
    assert tinylb.count("Listening on") == 1


def test_killed(cluster: ControlPlane) -> None:
    """A server that is killed while it is watched costs nobody anything; what happens then is seen by another."""
    cluster.join("c")
    tinylb = cluster.balance(*(f"--backend={cluster.target(name)}" for name in "abc"))
    hasSet(tinylb, cluster.target("b"))
    victim = cluster.watched()
    others = set("abc") - {victim}
    cluster.servers[victim].kill()
    assert cluster.serving() == others
    cluster.leave(victim)
    cluster.watched()
    cluster.join("d")
    cluster.awaitServing(*others, "d")


def test_allAtOnce(cluster: ControlPlane) -> None:
    """When all of them are gone and come back, with a new one among them, they are followed as before."""
    tinylb = cluster.balance("--backend", cluster.target("a"))
    hasSet(tinylb, cluster.target("b"))
    cluster.watched()
    for server in cluster.servers.values():
        server.kill()
    with pytest.raises(BROKEN):
        cluster.client().status()
    tinylb.waitFor("the last good set stays in force")
    for name in "ab":
        cluster.start(name)
    cluster.join("c")
    cluster.awaitServing("a", "b", "c")
    tinylb.waitFor("works again")


def test_emptied(cluster: ControlPlane) -> None:
    """While the list is empty for all, nobody loses a connection, and new ones are served."""
    tinylb = cluster.balance("--backend", cluster.target("a"))
    hasSet(tinylb, cluster.target("b"))
    clients = [cluster.clientOf(name) for name in "ab"]
    cluster.empty(isEmpty=True)
    tinylb.waitFor("not believed")
    assert cluster.serving() == {"a", "b"}
    cluster.empty(isEmpty=False)
    tinylb.waitFor("works again")
    assert not any(isOver(client) for client in clients)


def test_remembered(cluster: ControlPlane, stage: Stage) -> None:
    """A node that is started when all fixed backends are gone finds the control plane through the remembered ones."""
    state = ("--state-file", stage.folder / "state.json", "--backend", cluster.target("a"))
    tinylb = cluster.balance(*state)
    hasSet(tinylb, cluster.target("b"))
    cluster.awaitServing("a", "b")
    assert tinylb.stop() == 0
    cluster.leave("a").kill()
    cluster.join("c")
    tinylb = cluster.balance(*state)
    cluster.awaitServing("b", "c")


def knowsByState(cluster: ControlPlane, stage: Stage) -> Tinylb:
    """tinylb, which knows the only server from its state file alone, and follows it."""
    cluster.leave("b").kill()
    state = ("--state-file", stage.folder / "state.json")
    tinylb = cluster.balance(*state, "--backend", cluster.target("a"))
    cluster.watched()
    waitUntil((stage.folder / "state.json").exists, "it is remembered")
    assert tinylb.stop() == 0
    tinylb = cluster.balance(*state, "--backend", f"{HOST}:{freePort()}")
    cluster.watched()
    return tinylb


def test_emptyWhenBack(cluster: ControlPlane, stage: Stage) -> None:
    """
    A single server that is started again, and whose list is empty until it has entered itself, is still the way to
    itself: nobody else is there, and nothing that is fixed.
    """
    tinylb = knowsByState(cluster, stage)
    cluster.empty(isEmpty=True)
    cluster.servers["a"].kill()
    tinylb.waitFor("connection refused|resets the connection|no-backends|closes the connection")
    cluster.start("a")
    cluster.watched()
    cluster.empty(isEmpty=False)
    cluster.awaitServing("a")


def test_wrongAddress(cluster: ControlPlane, stage: Stage) -> None:
    """A list that names nobody who can be reached does not cut off the way on which it is corrected."""
    tinylb = knowsByState(cluster, stage)
    nowhere = freePort()
    asked = len(cluster.servers["a"].requests())
    cluster.misplace("a", nowhere)
    hasSet(tinylb, f"{HOST}:{nowhere}")
    waitUntil(lambda: len(cluster.servers["a"].requests()) > asked, "it is asked again")
    cluster.ready("a")
    cluster.watched()
    cluster.awaitServing("a")


def test_terminating(cluster: ControlPlane) -> None:
    """A server that is terminating gets no new connections, and keeps those it has until it leaves."""
    tinylb = cluster.balance("--backend", cluster.target("b"))
    hasSet(tinylb, cluster.target("a"))
    cluster.awaitServing("a", "b")
    client = cluster.clientOf("a")
    cluster.terminate("a")
    cluster.awaitServing("b")
    assert not isOver(client)
    cluster.leave("a")
    waitUntil(lambda: isOver(client), "the connection is ended", SOON)


def test_terminatingAlone(cluster: ControlPlane) -> None:
    """A single server that was terminating when it went away is found when it is back, and ready."""
    cluster.leave("b").kill()
    tinylb = cluster.balance("--backend", cluster.target("a"))
    cluster.watched()
    cluster.terminate("a")
    tinylb.waitFor("none of 1 endpoint is ready")
    cluster.servers["a"].kill()
    tinylb.waitFor("broke off|refused|no-backends|resets|closes")
    cluster.start("a")
    cluster.ready("a")
    cluster.watched()
    cluster.awaitServing("a")


def test_stop(cluster: ControlPlane) -> None:
    """It stops at once while it watches, and when there is nobody to watch."""
    tinylb = cluster.balance("--backend", cluster.target("a"))
    cluster.watched()
    assert tinylb.stop() == 0
    tinylb = cluster.balance("--backend", f"{HOST}:{freePort()}")
    tinylb.waitFor("nothing is known from it yet|nobody has been heard of")
    assert tinylb.stop() == 0


def test_checked(cluster: ControlPlane) -> None:
    """Where nothing else is said an https check believes the authority of the cluster that is followed."""
    tinylb = cluster.balance("--backend", cluster.target("a"), "--check", "https:/readyz", "--check-interval", "0.1")
    hasSet(tinylb, cluster.target("b"))
    cluster.awaitServing("a", "b")
    cluster.servers["b"].ready(False)
    tinylb.waitFor(rf"Backend {cluster.target('b')} is not-ready: check: HTTP 500; 1 ready")
    assert tinylb.count("unknown authority") == 0
    assert tinylb.stop() == 0
