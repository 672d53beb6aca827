"""The API server of the tests is as bad as it was told to be, and comes to its end as real ones do."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes.client import Client, version
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import How, On
from tests.kubernetes.shapes import endpointSlice, items, shape
from tests.program.processes import waitUntil

if TYPE_CHECKING:
    from tests.certificates import Authority

QUIET = 0.3
"""Seconds after which somebody who has said nothing is taken to be silent."""


@pytest.fixture
def other(server: ApiServer, authority: Authority) -> Iterator[Client]:
    """Another client."""
    with closing(Client(server.address, authority.certificate)) as client:
        yield client


@pytest.mark.parametrize(
    ("how", "on", "error"),
    [
        (How.CLOSE_AT_ONCE, On.CONNECTION, ConnectionResetError),
        (How.ENDLESS_HEADERS, On.LIST, HTTPException),
        (How.CLOSE, On.LIST, RemoteDisconnected),
        (How.CLOSE_HALF, On.LIST, IncompleteRead),
    ],
)
def test_noAnswer(client: Client, server: ApiServer, how: How, on: On, error: type[Exception]) -> None:
    """It happens so often as was told, and to that what was told."""
    server.fault(how, on, times=2)
    for _ in range(2):
        with pytest.raises(error):
            client.list()
        client.close()
    assert client.status() == 200


@pytest.mark.parametrize("how", [How.SILENCE, How.HEADERS_ONLY, How.HALF])
def test_silence(client: Client, server: ApiServer, how: How) -> None:
    """So it is when it says nothing, or nothing more."""
    server.fault(how, On.LIST, times=2)
    for asked in (1, 2):
        client.hurry(QUIET)
        with pytest.raises(TimeoutError):
            client.list()
        waitUntil(lambda asked=asked: len(server.requests(On.LIST)) == asked, "it was asked")  # type: ignore[misc]
        client.close()
    assert client.status() == 200


def test_noHandshake(server: ApiServer, authority: Authority, client: Client) -> None:
    """So it is when it does not even begin with TLS."""
    server.fault(How.NO_HANDSHAKE, On.CONNECTION, times=2)
    with closing(Client(server.address, authority.certificate, timeout=QUIET)) as hasty:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                hasty.list()
    assert client.status() == 200


@pytest.mark.parametrize(("on", "query"), [(On.LIST, {}), (On.WATCH, {"watch": "true"})])
def test_refusal(client: Client, server: ApiServer, on: On, query: dict[str, str]) -> None:
    """Any Status can be the answer."""
    server.refuse(on, 429, times=1, retryAfter=2)
    server.refuse(on, 500, times=1, message="etcdserver: request timed out")
    first = client.ask(**query)
    assert (first.status, first.headers["Retry-After"], json.loads(first.read())["code"]) == (429, "2", 429)
    second = client.ask(**query)
    assert json.loads(second.read())["message"] == "etcdserver: request timed out"
    assert client.status() == 200


def test_anyAnswer(client: Client, server: ApiServer) -> None:
    """So can anything else, of any size."""
    server.answer(On.LIST, 502, "<html>", contentType="text/html", times=1)
    server.answer(On.LIST, 200, "{", size=20 << 20, times=1)
    server.answer(On.LIST, 307, times=1, Location="https://192.0.2.1/")
    html = client.ask()
    assert (html.status, html.headers["Content-Type"], html.read()) == (502, "text/html", b"<html>")
    assert len(client.ask().read()) == 20 << 20
    redirect = client.ask()
    assert (redirect.status, redirect.headers["Location"], redirect.read()) == (307, "https://192.0.2.1/", b"")


def test_endlessInterim(server: ApiServer, client: Client) -> None:
    """There can be nothing but interim answers."""
    server.fault(How.ENDLESS_INTERIM, On.LIST)
    assert client.hear(25 << 10) == b"HTTP/1.1 100 Continue\r\n\r\n" * 1024


def test_endlessList(server: ApiServer, client: Client) -> None:
    """A list can go on and on."""
    server.fault(How.ENDLESS_LIST, On.LIST)
    token = ""
    for _ in range(3):
        found = client.list(limit="1", **({"continue": token} if token else {}))
        token = found["metadata"]["continue"]
        assert len(found["items"]) == 1


def test_silentWatch(server: ApiServer, client: Client, other: Client) -> None:
    """A watch can be silent from the beginning, or from some time on, and does not end when it should."""
    events = client.watch(timeoutSeconds="3")
    assert next(events)[0] == "ADDED"
    server.deafen()
    server.fault(How.HEADERS_ONLY, On.WATCH)
    silent = other.watch(timeoutSeconds="1")
    server.put(endpointSlice("192.0.2.1"))
    server.touch(bookmark=True)
    other.hurry(3.0 + QUIET)
    with pytest.raises(TimeoutError):
        next(silent)
    assert server.count("watches") == 2
    server.endWatches()
    assert list(events) == []


@pytest.mark.parametrize("isReset", [False, True])
def test_cut(server: ApiServer, client: Client, isReset: bool) -> None:
    """A watch can end in the middle of an event."""
    answer = client.ask(watch="1")
    answer.readline()
    server.cut(endpointSlice("192.0.2.1"), isReset=isReset)
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        answer.read()


def test_odd(server: ApiServer, client: Client) -> None:
    """A watch can say what nobody has asked for, at any length, or what is no event."""
    events = client.watch(resourceVersion="1000")
    server.say("DELETED", *items("fqdn"), padding=20 << 20)
    kind, object = next(events)
    assert (kind, object["metadata"]["name"]) == ("DELETED", "elsewhere-1")
    server.say("ERROR", shape("expired")["object"])
    assert next(events) == ("ERROR", shape("expired")["object"])
    server.mumble("no JSON\n")
    with pytest.raises(ValueError, match="Expecting value"):
        next(events)


def test_oddVersions(server: ApiServer, client: Client) -> None:
    """Versions need not be numbers."""
    server.spellVersions("generation-")
    seen = version(client.list())
    assert seen == "generation-1000"
    events = client.watch(resourceVersion=seen)
    server.put(endpointSlice("192.0.2.1"))
    assert version(next(events)[1]) == "generation-1001"


def test_anotherCertificate(server: ApiServer, authority: Authority, client: Client, other: Client) -> None:
    """Who connects from now on sees another certificate."""
    stranger = type(authority)(authority.certificate.parent, "stranger")
    assert client.status() == 200
    server.identify(stranger.issue("renewed", ["127.0.0.1"]))
    assert client.status() == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        other.status()


def test_stop(server: ApiServer, client: Client, other: Client) -> None:
    """
    It stops as real ones do: it is not ready, then nobody can connect, while watches stay; they end as they should, and
    the process with them.
    """
    events = client.watch()
    next(events)
    server.ready(False)
    assert (other.status(path="/readyz"), other.status(path="/livez"), other.status()) == (500, 200, 200)
    other.close()
    server.stopListening()
    with pytest.raises(ConnectionRefusedError):
        other.status()
    server.put(endpointSlice("192.0.2.1"))
    assert next(events)[0] == "MODIFIED"
    server.finish()
    assert list(events) == []
    assert server.ended() == 0


@pytest.mark.parametrize("end", [ApiServer.kill, ApiServer.stopListening])
def test_again(server: ApiServer, client: Client, end: Callable[[ApiServer], None]) -> None:
    """Nobody can connect when it is killed, or listens no more; the same address is its own when it is there again."""
    assert client.status() == 200
    end(server)
    client.close()
    with pytest.raises(ConnectionRefusedError):
        client.status()
    if end is ApiServer.kill:
        server.start()
    else:
        server.listenAgain()
    assert client.status() == 200


def test_endsWithItsParent(server: ApiServer) -> None:
    """When nobody commands it any more it ends."""
    server.abandon()
    assert server.ended() == 0
