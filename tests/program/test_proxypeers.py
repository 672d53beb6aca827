"""The PROXY protocol as nginx and HAProxy understand it, behind the whole program and before it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.program.accessfile import linesOf
from tests.program.processes import waitUntil
from tests.program.proxies import get, haproxyProxy, haproxyServer, nginxProxy, nginxServer
from tests.program.stage import LOOPBACK, Stage

SERVERS = {"nginx": nginxServer, "haproxy": haproxyServer}
PROXIES = {
    "nginx": nginxProxy,
    "haproxy v1": haproxyProxy("send-proxy"),
    "haproxy v2": haproxyProxy("send-proxy-v2"),
    # With a TLV behind the addresses.
    "haproxy v2 with a checksum": haproxyProxy("send-proxy-v2 proxy-v2-options crc32c"),
}
VERSIONS = ["v1", "v2"]


def write(stage: Stage, port: int, version: str) -> None:
    """A backends file with one backend, C{a}, that wants a header."""
    backend = {"address": f"127.0.0.1:{port}", "proxyProtocol": version}
    stage.writeText(json.dumps({"backends": {"a": backend}}))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("serve", SERVERS.values(), ids=SERVERS)
def test_server(stage: Stage, serve: Callable[[Stage], int], version: str) -> None:
    """They hear who the client is, and where it has connected to; a check over HTTP is answered, too."""
    write(stage, serve(stage), version)
    tinylb = stage.follow("--check", "http:/", "--check-interval", "0.05", "--rise", "1", "--fall", "1")
    for _ in range(3):
        client = stage.client(tinylb)
        host, port = client.socket.getsockname()
        assert get(client) == f"{host} {port} {tinylb.address[0]} {tinylb.address[1]}"
        client.close()
    assert tinylb.stop() == 0
    assert "Backend a is" not in tinylb.output


@pytest.mark.parametrize("proxy", PROXIES.values(), ids=PROXIES)
def test_proxy(stage: Stage, proxy: Callable[[Stage, int], int]) -> None:
    """What they say of a client is understood: the access log has its address, and what it says arrives as it was."""
    stage.servers("a")
    log = stage.folder / "access.log"
    tinylb = stage.follow("--access-log", log, listen=f"haproxy:{LOOPBACK}")
    client = stage.client(("127.0.0.1", proxy(stage, tinylb.address[1])))
    host, port = client.socket.getsockname()
    assert client.line() == "a"
    data = bytes(range(256)) * 4096
    assert client.echoes(data)
    client.finish()
    assert client.ending() == "closed"

    def received() -> list[int]:
        return [line["bytesIn"] for line in linesOf(log) if line["client"] == f"{host}:{port}"] if log.exists() else []

    waitUntil(received, "a line of the log")
    assert received() == [len(data)]


@pytest.mark.parametrize("version", VERSIONS)
def test_between(stage: Stage, version: str) -> None:
    """Between HAProxy, which says who the client is, and nginx, which wants to know, it gets through."""
    write(stage, nginxServer(stage), version)
    tinylb = stage.follow(listen=f"haproxy:{LOOPBACK}")
    there = haproxyProxy("send-proxy-v2")(stage, tinylb.address[1])
    client = stage.client(("127.0.0.1", there))
    host, port = client.socket.getsockname()
    assert get(client) == f"{host} {port} 127.0.0.1 {there}"


def test_checkedByHAProxy(stage: Stage) -> None:
    """HAProxy's own checks, with a header or without one, are nothing to speak of."""
    stage.servers("a")
    tinylb = stage.follow(listen=f"haproxy:{LOOPBACK}")
    for options in ("send-proxy check inter 20ms", "send-proxy-v2 check inter 20ms", "check inter 20ms"):
        haproxyProxy(options)(stage, tinylb.address[1])
    client = stage.client(("127.0.0.1", haproxyProxy("send-proxy check inter 20ms")(stage, tinylb.address[1])))
    assert client.line() == "a"
    client.close()
    assert tinylb.stop() == 0
    assert "could not be served" not in tinylb.output
