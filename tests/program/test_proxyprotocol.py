"""The PROXY protocol in the whole program: asked for in the backends file, and spoken by clients."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.program.accessfile import linesOf
from tests.program.peers import Client, Server, freePort
from tests.program.processes import waitUntil
from tests.program.stage import LOOPBACK, Stage, Tinylb

LINE = b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 443\r\n"


def write(stage: Stage, server: Server, **more: str) -> None:
    """A backends file with one backend, C{a}."""
    stage.writeText(json.dumps({"backends": {"a": {"address": server.target, **more}}}))


def lineOf(client: Client, address: Any) -> str:
    """The header of version 1 for a client of the program."""
    host, port = client.socket.getsockname()
    return f"PROXY TCP4 {host} {address[0]} {port} {address[1]}"


def heard(stage: Stage, tinylb: Tinylb) -> tuple[Client, str]:
    """A new client, and what its server, which echoes, has heard before it says anything."""
    client = stage.client(tinylb)
    assert client.line() == "a"
    return client, client.line()


def test_file(stage: Stage) -> None:
    """The header is what the file says, and another one when it changes; who is connected stays so."""
    server = stage.server("a")
    write(stage, server, proxyProtocol="v1")
    tinylb = stage.follow()
    client, header = heard(stage, tinylb)
    assert header == lineOf(client, tinylb.address)
    write(stage, server, proxyProtocol="v2")
    tinylb.waitFor(r"Backend set 2: 1 backend; changed \w+ \(PROXY protocol v2\)")
    other = stage.client(tinylb)
    assert other.line() == "a"
    assert other.receive(16) == bytes.fromhex("0D0A0D0A000D0A515549540A 21 11 000C")
    write(stage, server)
    tinylb.waitForSet(3)
    last = stage.client(tinylb)
    assert last.line() == "a"
    assert last.echoes(b"first word")
    assert client.echoes(b"still here")
    assert server.connections == 3


def test_wrongVersion(stage: Stage) -> None:
    """A version that there is not ends the program at its start, in one line; later it changes nothing."""
    server = stage.server("a")
    write(stage, server, proxyProtocol="v3")
    tinylb = stage.launch("--listen", LOOPBACK, "--backends-file", stage.file)
    assert tinylb.ended() == 1
    assert re.search(r"""\["?'?a'?"?\]\.proxyProtocol is 'v3'; expected: "v1" or "v2"$""", tinylb.stderr[-1])
    write(stage, server, proxyProtocol="v1")
    tinylb = stage.follow()
    write(stage, server, proxyProtocol="1")
    tinylb.waitFor("proxyProtocol is '1'")
    client, header = heard(stage, tinylb)
    assert header == lineOf(client, tinylb.address)


def test_remembered(stage: Stage) -> None:
    """A restart that has nothing but the state file still says who connects."""
    server, state = stage.server("a"), stage.folder / "state.json"
    write(stage, server, proxyProtocol="v1")
    tinylb = stage.follow("--state-file", state)
    waitUntil(state.exists, "it is remembered")
    assert tinylb.stop() == 0
    stage.file.unlink()
    tinylb = stage.follow("--state-file", state)
    client, header = heard(stage, tinylb)
    assert header == lineOf(client, tinylb.address)


def test_fromClients(stage: Stage) -> None:
    """Behind haproxy: the client that the header names is in the access log, and in the header for the backend."""
    server, log = stage.server("a"), stage.folder / "access.log"
    write(stage, server, proxyProtocol="v1")
    tinylb = stage.follow("--access-log", log, listen=f"haproxy:{LOOPBACK}")
    client = stage.client(tinylb)
    for at in range(len(LINE)):
        client.send(LINE[at : at + 1])
    assert client.line() == "a"
    assert client.line() == LINE.decode().rstrip()
    client.send(b"request")
    client.finish()
    assert client.receive(100) == b"request"
    waitUntil(lambda: log.exists() and linesOf(log), "a line of the log")
    [line] = linesOf(log)
    assert (line["client"], line["reason"]) == ("192.0.2.7:4711", "client-closed")
    assert (line["bytesIn"], line["bytesOut"]) == (7, len(b"a\n" + LINE + b"request"))


def test_wrongClients(stage: Stage) -> None:
    """Who says something else is reset at once, and the log is not flooded."""
    stage.servers("a")
    tinylb = stage.follow(listen=f"haproxy:{LOOPBACK}")
    for number in range(200):
        client = Client(tinylb.address)
        client.send(b"GET /%d HTTP/1.1\r\n\r\n" % number)
        assert client.ending() == "reset"
        client.close()
    tinylb.waitFor(r"could not be served: 1 x dial-failed \(no PROXY header\)")
    tinylb.waitFor(r"clients could not be served: \d+ x dial-failed \(no PROXY header\)")
    assert tinylb.stop() == 0
    said = [int(count) for count in re.findall(r"(\d+) x dial-failed", tinylb.output)]
    assert sum(said) == 200
    assert len(said) < 20


def test_silentClients(stage: Stage) -> None:
    """Who says nothing is reset when the time is over, and a stop does not wait for it."""
    stage.servers("a")
    tinylb = stage.follow("--dial-timeout", "0.2", listen=f"haproxy:{LOOPBACK}")
    assert stage.client(tinylb).ending() == "reset"
    tinylb.waitFor(r"dial-timeout \(no PROXY header within 0.2 s\)")
    tinylb.stop()
    tinylb = stage.follow("--dial-timeout", "3600", "--drain", "3600", listen=f"haproxy:{LOOPBACK}")
    client = stage.client(tinylb)
    client.send(LINE[:9])
    assert tinylb.stop() == 0


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_chain(stage: Stage, version: str) -> None:
    """Through two of them, from one to the other by the protocol, the last backend hears of the first client."""
    server, port = stage.server("a"), freePort()
    write(stage, server, proxyProtocol="v1")
    inner = stage.follow(listen=f"haproxy:tcp:{port}:interface=127.0.0.1")
    outer = stage.folder / "outer.json"
    outer.write_text(json.dumps({"backends": {"b": {"address": f"127.0.0.1:{port}", "proxyProtocol": version}}}))
    tinylb = stage.balance("--backends-file", outer, "--check", "tcp")
    client, header = heard(stage, tinylb)
    assert header == lineOf(client, tinylb.address)
    assert client.echoes(b"hello")
    assert "could not be served" not in inner.output
