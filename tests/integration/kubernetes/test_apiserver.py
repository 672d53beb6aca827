"""The API server of the tests speaks as real ones do."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes.client import Client, version
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import How, On
from tests.kubernetes.shapes import endpointSlice, items, shape

if TYPE_CHECKING:
    from tests.certificates import Authority


def test_list(client: Client) -> None:
    """A list has the objects that are selected, as they are but for their kind, and a version of its own."""
    found = client.list()
    assert (found["kind"], found["apiVersion"]) == ("EndpointSliceList", "discovery.k8s.io/v1")
    assert version(found) == "1000"
    (slice,) = found["items"]
    (expected,) = items("kubeadm")
    assert slice == {**expected, "metadata": {**expected["metadata"], "resourceVersion": "1000"}}


def test_noSuchService(client: Client) -> None:
    """A service that does not exist has a list without items."""
    assert client.list(labelSelector="kubernetes.io/service-name=other")["items"] == []


def test_pages(client: Client, server: ApiServer) -> None:
    """A list comes in parts that make one consistent whole, whatever has changed in between."""
    server.put(*(endpointSlice(f"192.0.2.{number}", name=f"part-{number}") for number in range(5)))
    first = client.list(limit="4")
    server.delete("part-3", "part-4")
    rest = client.list(limit="4", **{"continue": first["metadata"]["continue"]})
    names = [each["metadata"]["name"] for each in first["items"] + rest["items"]]
    assert names == ["kubernetes", *(f"part-{number}" for number in range(5))]
    assert "continue" not in rest["metadata"]
    server.compact()
    assert client.list(**{"continue": first["metadata"]["continue"]})["reason"] == "Expired"


def test_versions(client: Client, server: ApiServer) -> None:
    """A list of an exact version shows what was then, while that is known; any later one may stand for it otherwise."""
    then = server.put(endpointSlice("192.0.2.1"))
    server.put(endpointSlice("192.0.2.2"))
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    assert client.list(**exact)["items"][0]["endpoints"][0]["addresses"] == ["192.0.2.1"]
    for query in ({}, {"resourceVersion": "0"}, {"resourceVersion": then, "resourceVersionMatch": "NotOlderThan"}):
        assert client.list(**query)["items"][0]["endpoints"][0]["addresses"] == ["192.0.2.2"]
    server.compact()
    assert (client.list(**exact)["code"], client.list(resourceVersion="9999")["code"]) == (410, 504)
    assert client.list(resourceVersion="none")["code"] == 400


def test_watch(client: Client, server: ApiServer) -> None:
    """A watch has each change since its version, in order; an object that is gone in its last state."""
    seen = version(client.list())
    server.put(endpointSlice("192.0.2.1", name="other"))
    events = client.watch(resourceVersion=seen)
    kind, added = next(events)
    assert (kind, added["kind"], version(added)) == ("ADDED", "EndpointSlice", "1001")
    server.put(endpointSlice("192.0.2.2", name="other"), endpointSlice("192.0.2.3", name="not-ours", service="else"))
    gone = server.delete("other")
    kind, modified = next(events)
    assert (kind, modified["endpoints"][0]["addresses"]) == ("MODIFIED", ["192.0.2.2"])
    kind, deleted = next(events)
    assert (kind, deleted["endpoints"], version(deleted)) == ("DELETED", modified["endpoints"], gone)


def test_watchWithoutVersion(client: Client) -> None:
    """It begins with all there is."""
    kind, object = next(client.watch())
    assert (kind, object["metadata"]["name"]) == ("ADDED", "kubernetes")


def test_watchOfTheFuture(client: Client, server: ApiServer) -> None:
    """A watch from a version that is still to come says nothing until then."""
    events = client.watch(resourceVersion="1002")
    for number in range(3):
        server.put(endpointSlice(f"192.0.2.{number}"))
    assert version(next(events)[1]) == "1003"


def test_bookmarks(client: Client, server: ApiServer) -> None:
    """Who wants to is told how far it is, in between and at the end that he has asked for. The connection stays."""
    wanted = {"resourceVersion": "1000", "allowWatchBookmarks": "true"}
    events = client.watch(**wanted)
    reached = server.touch(7, bookmark=True)
    server.endWatches()
    expected = shape("bookmark")["object"]
    expected["metadata"]["resourceVersion"] = reached
    assert list(events) == [("BOOKMARK", expected)] * 2
    assert list(client.watch(**wanted, timeoutSeconds="1")) == [("BOOKMARK", expected)]
    assert list(client.watch(resourceVersion="1000", timeoutSeconds="1")) == []
    assert len(server.connections()) == 1


def test_expired(client: Client, server: ApiServer) -> None:
    """A watch that begins too long ago is told so by its only event, or by the status where that was told."""
    server.touch(5)
    server.compact()
    ((kind, status),) = client.watch(resourceVersion="1000")
    expected = shape("expired")["object"]
    assert (kind, status) == ("ERROR", {**expected, "message": "too old resource version: 1000 (1005)"})
    server.fault(How.EXPIRED_STATUS, On.WATCH)
    answer = client.ask(watch="1", resourceVersion="1000")
    assert (answer.status, json.loads(answer.read())["reason"]) == (410, "Expired")


@pytest.mark.parametrize("pieces", [0, 1, 100])
def test_chunks(client: Client, server: ApiServer, pieces: int) -> None:
    """Several events come in one chunk, or an event in several."""
    server.chunk(pieces)
    events = client.watch(resourceVersion="1000")
    server.put(endpointSlice("192.0.2.1"), endpointSlice("192.0.2.2"))
    assert [version(object) for _, object in (next(events), next(events))] == ["1001", "1002"]


def test_credentials(client: Client, server: ApiServer, authority: Authority) -> None:
    """Who shows nothing may not, who shows what is not believed is nobody, and that can change at any time."""
    server.allow("good", certificates=("node",))
    with closing(Client(server.address, authority.certificate, identity=authority.issue("node"))) as node:
        assert node.status() == 200
        server.allow("good")
        assert (node.status(), node.status("good")) == (401, 200)
    assert (client.status(), client.status("bad")) == (403, 401)
    assert client.list()["reason"] == "Forbidden"
    assert client.status(path="/readyz") == 200
    seen = [(record["certificate"], record["token"], record["code"]) for record in server.requests()]
    assert seen[:5] == [
        ("node", None, 200),
        ("node", None, 401),
        ("node", "good", 200),
        (None, None, 403),
        (None, "bad", 401),
    ]
