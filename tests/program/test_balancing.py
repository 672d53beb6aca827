"""Clients are balanced over the backends, wherever these and the listeners are."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
from collections import Counter

import pytest

from tests.ipv6 import needIPv6
from tests.program.peers import blackHole, freePort
from tests.program.processes import run, waitUntil
from tests.program.stage import Stage, Tinylb

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
needsCurl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

NGINX_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
    }}
}}
"""


def test_takesTurns(stage: Stage, runner: str) -> None:
    """One after the other, in order of their ids, whoever is first."""
    stage.servers("a", "b", "c")
    tinylb = stage.follow(runner=runner)
    names = [stage.nameOf(tinylb) for _ in range(9)]
    assert names[:3] * 3 == names
    assert "".join(names[:3]) in ("abc", "bca", "cab")


def test_fixedBackends(stage: Stage) -> None:
    """--backend names the backends on the command line, with an id or without."""
    a, b = stage.server("a"), stage.server("b")
    tinylb = stage.balance("--backend", f"first={a.target}", "--backend", b.target)
    assert Counter(stage.nameOf(tinylb) for _ in range(6)) == {"a": 3, "b": 3}
    assert f"first={a.target}" in tinylb.output
    assert f" {b.target}" in tinylb.output


def test_everyKindOfListener(stage: Stage) -> None:
    """--listen may be repeated, and takes any endpoint: IPv4, IPv6, a UNIX socket."""
    needIPv6()
    a = stage.server("a")
    path = stage.folder / "lb.sock"
    more = ("--listen", r"tcp:0:interface=\:\:1", "--listen", f"unix:{path}")
    tinylb = stage.balance(*more, "--backend", a.target, "--drain", "0")
    assert len(tinylb.addresses) == 3
    for address in tinylb.addresses:
        assert stage.client(address).line() == "a"
    tinylb.stop()
    assert not path.exists()


def test_everyKindOfBackend(stage: Stage) -> None:
    """Backends are at IPv4 and IPv6 addresses, at names, and behind any client endpoint."""
    path = stage.folder / "behind.sock"
    behind = stage.balance("--backend", stage.server("unix").target, listen=f"unix:{path}")
    servers = [stage.server("v4"), stage.server("v6", "::1"), stage.server("name")]
    stage.writeText(
        f"""{{"backends": {{
            "1": "{servers[0].target}",
            "2": {{"address": "{servers[1].target}"}},
            "3": "localhost:{servers[2].port}",
            "4": {{"endpoint": "unix:{path}"}}
        }}}}"""
    )
    tinylb = stage.follow()
    assert Counter(stage.nameOf(tinylb) for _ in range(8)) == {"v4": 2, "v6": 2, "name": 2, "unix": 2}
    assert behind.stop() == 0


def test_noClientFailsWhereABackendIsLeft(stage: Stage) -> None:
    """With one backend that refuses, and one that never answers, every client is served by the third."""
    stage.server("a")
    with blackHole() as hole:
        refusing = f"127.0.0.1:{freePort()}"
        stage.write({"alive": stage.server("alive"), "hole": hole, "refusing": refusing})
        tinylb = stage.follow("--attempt-delay", "0.05")
        clients = [stage.client(tinylb) for _ in range(20)]
        assert [client.line() for client in clients] == ["alive"] * 20


def test_dialTimeout(stage: Stage) -> None:
    """A client whom no backend answers is closed after --dial-timeout, and the log says why."""
    with blackHole() as hole:
        tinylb = stage.balance("--backend", f"hole={hole}", "--dial-timeout", "0.3")
        assert stage.client(tinylb).ending() == "closed"
        tinylb.waitFor(r"1 client could not be served: .*dial-timeout.*hole")


def test_noBackends(stage: Stage) -> None:
    """Over an empty set a client is accepted, and closed at once."""
    stage.write({})
    tinylb = stage.follow()
    assert stage.client(tinylb).ending() == "closed"
    tinylb.waitFor(r"1 client could not be served: .*no-backends")


def test_halfClosedClientGetsItsReply(stage: Stage) -> None:
    """A client that sends its FIN behind a megabyte gets everything back, then the server's FIN."""
    stage.servers("a")
    client = stage.client(stage.follow())
    assert client.line() == "a"
    data = os.urandom(1 << 16)
    for _ in range(16):
        assert client.echoes(data)
    client.send(data)
    client.finish()
    assert client.receive(1 << 20) == data
    assert client.ending() == "closed"


def test_idleTimeout(stage: Stage) -> None:
    """--idle-timeout ends a connection on which nothing moves, on both sides."""
    a = stage.servers("a")["a"]
    tinylb = stage.follow("--idle-timeout", "1")
    client = stage.client(tinylb)
    assert client.line() == "a"
    assert client.ending() == "reset"
    waitUntil(lambda: not a.connections, "the backend's side ends")


def test_halfCloseTimeout(stage: Stage) -> None:
    """--half-close-timeout ends a half-closed connection on which nothing moves."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        host, port = listener.getsockname()
        tinylb = stage.balance("--backend", f"{host}:{port}", "--half-close-timeout", "1")
        client = stage.client(tinylb)
        with listener.accept()[0] as served:
            client.finish()
            assert served.recv(1) == b""
            assert client.ending() == "reset"


def test_ownAddress(stage: Stage) -> None:
    """A set that names the balancer itself does not make it connect to itself; it says so once."""
    port = freePort()
    stage.write({"self": f"127.0.0.1:{port}", "b": stage.server("b")})
    tinylb = stage.follow(listen=f"tcp:{port}:interface=127.0.0.1")
    assert [stage.nameOf(tinylb) for _ in range(4)] == ["b"] * 4
    tinylb.waitFor(rf"self \(127.0.0.1:{port}\) is left out")
    stage.write({"self": f"127.0.0.1:{port}", "c": stage.server("c")})
    tinylb.waitFor("added c=")
    assert [stage.nameOf(tinylb) for _ in range(4)] == ["c"] * 4
    assert tinylb.count("is left out") == 1


def fetch(stage: Stage, tinylb: Tinylb) -> bytes:
    """What curl gets, straight from tinylb, whatever proxy is set for others."""
    command = ["curl", "-sSf", "--noproxy", "*", "-o", "fetched", tinylb.url + "content"]
    assert run(command, stage.folder).returncode == 0
    return (stage.folder / "fetched").read_bytes()


@needsCurl
def test_curl(stage: Stage) -> None:
    """curl fetches what a Python web server has."""
    content = os.urandom(3 << 20)
    (stage.folder / "content").write_bytes(content)
    port = freePort()
    web = stage.run(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    web.waitFor("Serving HTTP")
    tinylb = stage.balance("--backend", f"127.0.0.1:{port}")
    assert fetch(stage, tinylb) == content


@needsCurl
@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx(stage: Stage) -> None:
    """Two nginx share the clients, and what they send arrives whole."""
    assert NGINX is not None
    digests = {}
    targets = {}
    for name in ("a", "b"):
        folder = stage.folder / name
        folder.mkdir()
        content = os.urandom(5 << 20)
        (folder / "content").write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
        port = freePort()
        (folder / "nginx.conf").write_text(NGINX_CONFIGURATION.format(folder=folder, port=port))
        stage.run(NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr")
        targets[name] = f"127.0.0.1:{port}"
        waitUntil(lambda port=port: isListening(port), "nginx listens")  # type: ignore[misc]
    stage.write(targets)
    tinylb = stage.follow()
    fetched = Counter(hashlib.sha256(fetch(stage, tinylb)).hexdigest() for _ in range(4))
    assert fetched == {digests["a"]: 2, digests["b"]: 2}


def isListening(port: int) -> bool:
    """Whether somebody accepts at a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
