"""What the checks find out, and what follows for new connections and for those that are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import TYPE_CHECKING

import pytest

from tests.program.health.cluster import Cluster
from tests.program.health.visitors import ask, needsCurl, serving

if TYPE_CHECKING:
    from tests.certificates import Authority

pytestmark = needsCurl

QUICKLY = ("--check-interval", "0.05", "--check-timeout", "1")
TCP = ("--check", "tcp", *QUICKLY)
HTTPS = ("--check", "https:/readyz", *QUICKLY)


def test_stopping(cluster: Cluster, authority: Authority, pem: Path) -> None:
    """Where /readyz says 500 nobody new is sent, and who is there stays; when it says 200 again, clients come again."""
    cluster.backend("good", "--tls", pem)
    stopping = cluster.backend("stopping", "--tls", pem)
    tinylb = cluster.balance(*HTTPS, "--check-ca", authority.certificate)
    client = cluster.client(tinylb, "stopping", authority.certificate)
    stopping.tell("readyz 500")
    tinylb.waitFor("Backend stopping .* is not-ready: check: HTTP 500; 1 ready$")
    assert serving(tinylb, 20, authority.certificate) == ["good"] * 20
    assert ask(client) == "stopping"
    stopping.tell("readyz 200")
    tinylb.waitFor("Backend stopping .* is ready: check: HTTP 200; 2 ready$")
    assert Counter(serving(tinylb, 10, authority.certificate)) == {"good": 5, "stopping": 5}
    assert tinylb.count(" ended") == 0


def test_whoMayNotAsk(cluster: Cluster, authority: Authority, pem: Path) -> None:
    """A server that does not let everybody see /readyz, with 401 or 403, is alive and gets connections."""
    backends = [cluster.backend(f"s{status}", "--tls", pem) for status in (401, 403)]
    for backend in backends:
        backend.tell(f"readyz {backend.name[1:]}")
    tinylb = cluster.balance(*HTTPS, "--check-ca", authority.certificate)
    for backend in backends:
        backend.awaitMore("checks")
    assert tinylb.count("Backend s40") == 0
    assert Counter(serving(tinylb, 10, authority.certificate)) == {"s401": 5, "s403": 5}


def test_wrongAuthority(
    cluster: Cluster, makeAuthority: Callable[[str], Authority], authority: Authority, pem: Path
) -> None:
    """With a wrong --check-ca nobody is ready. But nobody is dead, so nothing is aborted and all are tried."""
    wrong = makeAuthority("wrong").certificate
    backends = [cluster.backend(name, "--tls", pem) for name in ("a", "b")]
    tinylb = cluster.balance(*HTTPS, "--check-ca", wrong)
    clients = {backend.name: cluster.client(tinylb, backend.name, authority.certificate) for backend in backends}
    for backend in backends:
        tinylb.waitFor(f"Backend {backend.name} .* is not-ready: check: TLS: .*from an unknown authority")
        backend.awaitMore("accepted")
    assert Counter(serving(tinylb, 10, authority.certificate)) == {"a": 5, "b": 5}
    assert {name: ask(client) for name, client in clients.items()} == {"a": "a", "b": "b"}
    assert tinylb.count("Backend [ab] .* is ") == 2
    assert tinylb.count("no backend is ready, so all are tried") == 1


def test_clientCertificate(
    cluster: Cluster, makeAuthority: Callable[[str], Authority], authority: Authority, pem: Path
) -> None:
    """Checks show --check-cert to a server that wants to see one; a server that believes in others is not ready."""
    ours, others = makeAuthority("ours"), makeAuthority("others")
    knows = cluster.backend("knows", "--tls", pem, "--client-ca", ours.certificate)
    cluster.backend("stranger", "--tls", pem, "--client-ca", others.certificate)
    own = ours.issue("own")
    key = own.with_suffix(".key")
    key.write_text(own.read_text().partition("-----BEGIN CERTIFICATE")[0])
    files = ("--check-cert", own, "--check-key", key)
    tinylb = cluster.balance(*HTTPS, "--check-ca", authority.certificate, *files)
    tinylb.waitFor("Backend stranger .* is not-ready: check: .*; 1 ready$")
    knows.awaitMore("checks")
    assert tinylb.count("Backend knows ") == 0


@pytest.mark.parametrize("action", ["abort", "keep"])
def test_dead(cluster: Cluster, action: str) -> None:
    """
    A server that cannot be reached --fall times is dead. The connections that it still has are aborted, unless it is
    --on-down keep.
    """
    cluster.backend("good")
    bad = cluster.backend("bad")
    tinylb = cluster.balance(*TCP, "--on-down", action)
    client, other = cluster.client(tinylb, "bad"), cluster.client(tinylb, "good")
    bad.tell("refuse")
    line = tinylb.waitFor("Backend bad .* is dead: check: connection refused, again and again; 1 ready").string
    if action == "abort":
        assert line.endswith("; 1 connection ended")
        assert client.ending() == "reset"
    else:
        assert ask(client) == "bad"
        assert tinylb.count(" ended") == 0
    assert ask(other) == "good"
    assert serving(tinylb, 10) == ["good"] * 10


def test_deadAndNobodyElse(cluster: Cluster) -> None:
    """The connections of dead servers stay as long as nobody else answers, and end when somebody does."""
    backends = {name: cluster.backend(name) for name in ("a", "b")}
    tinylb = cluster.balance(*TCP, "--fall", "20")
    clients = {name: cluster.client(tinylb, name) for name in backends}
    # For tinylb both begin to refuse at the same time, so it knows of either long before one of them is dead.
    tinylb.signal(SIGSTOP)
    for backend in backends.values():
        backend.tell("refuse")
    tinylb.signal(SIGCONT)
    for name in backends:
        tinylb.waitFor(f"Backend {name} .* is dead: ")
    tinylb.waitFor("; no backend is ready, so all are tried")
    assert {name: ask(client) for name, client in clients.items()} == {"a": "a", "b": "b"}
    assert tinylb.count(" ended") == 0
    backends["a"].tell("listen")
    tinylb.waitFor("Backend a .* is ready")
    tinylb.waitFor("Backend b .* is dead: .*; 1 connection ended$")
    assert clients["b"].ending() == "reset"
    assert ask(clients["a"]) == "a"
    assert serving(tinylb, 10) == ["a"] * 10


def test_acceptingIsEnough(cluster: Cluster) -> None:
    """For --check tcp who accepts connections is ready, whatever it would say."""
    a, b = cluster.backend("a"), cluster.backend("b")
    b.tell("readyz 500")
    tinylb = cluster.balance(*TCP)
    a.awaitMore("accepted")
    b.awaitMore("accepted")
    assert Counter(serving(tinylb, 10)) == {"a": 5, "b": 5}
    assert tinylb.count("Backend [ab] ") == 0


def test_lineForEachChange(cluster: Cluster) -> None:
    """There is a line for each change, and none for a check, good or bad."""
    backend = cluster.backend("a")
    cluster.backend("b")
    tinylb = cluster.balance("--check", "http:/readyz", "--check-interval", "0.02")

    backend.awaitMore("checks")
    silent = tinylb.output
    for _ in range(2):
        for status, verdict in ((503, "not-ready"), (200, "ready")):
            backend.tell(f"readyz {status}")
            backend.awaitMore("checks")
            tinylb.waitFor(f"Backend a .* is {verdict}: check: HTTP {status}")
            backend.awaitMore("checks")
    lines = tinylb.output.removeprefix(silent).splitlines()[1:]
    assert [line.partition("Backend a ")[2].split()[2].rstrip(":") for line in lines] == ["not-ready", "ready"] * 2
    assert "Backend" not in silent.replace("Backend set", "")
