"""What the slices of a service say is what is published."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, watched
from tests.kubernetes.control import ApiServer
from tests.kubernetes.shapes import HTTPS, endpoint, endpointSlice, items
from tests.kubernetes.store import Object

SHAPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "kubeadm": ("kubeadm", "default/kubernetes:https", KUBEADM),
    "k3s": ("k3s", "default/kubernetes:https", ("192.0.2.21:6443",)),
    "eks": ("eks", "default/kubernetes:https", ("198.51.100.142:443", "198.51.100.37:443")),
    "without the port's name": ("eks", "default/kubernetes", ("198.51.100.142:443", "198.51.100.37:443")),
    "two families": (
        "dualstack",
        "default/kubernetes:https",
        ("192.0.2.11:6443", "192.0.2.12:6443", "[2001:db8::11]:6443", "[2001:db8::12]:6443"),
    ),
    "one of two ports": (
        "draining",
        "edge/gateway:metrics",
        ("10.244.1.17:9090", "(10.244.1.18:9090)", "(10.244.2.9:9090)", "(10.244.3.30:9090)"),
    ),
    "a name": ("fqdn", "default/elsewhere:https", ("api.example.com:6443",)),
    "one that is not ready": ("mirrored", "default/outside:6443", ("203.0.113.5:6443", "(203.0.113.6:6443)")),
    "no ports": ("headless", "store/etcd:2379", ("10.244.1.5:2379", "10.244.2.6:2379")),
}


@pytest.mark.parametrize("case", SHAPES)
@pytest_twisted.ensureDeferred
async def test_shapes(server: ApiServer, follow: Follow, case: str) -> None:
    """Slices of real clusters: who is ready serves, who is not, or is terminating, gets nothing new."""
    name, service, targets = SHAPES[case]
    server.begin(*items(name))
    following = follow(service=service)
    await following.becomes(*targets)
    assert following.error is None


CHANGES: dict[str, tuple[Object, tuple[str, ...]]] = {
    "ready is not told": (endpointSlice(endpoint("192.0.2.1")), ("192.0.2.1:6443",)),
    "nothing is told": (endpointSlice({"addresses": ["192.0.2.1"]}), ("192.0.2.1:6443",)),
    "null is told": (
        endpointSlice(endpoint("192.0.2.1", ready=None, serving=None, terminating=None)),
        ("192.0.2.1:6443",),
    ),
    "the same twice": (endpointSlice("192.0.2.1", "192.0.2.1"), ("192.0.2.1:6443",)),
    "other spellings": (
        endpointSlice("2001:DB8::1", "2001:db8:0:0::1", addressType="IPv6"),
        ("[2001:db8::1]:6443",),
    ),
    "two addresses": (endpointSlice(endpoint("192.0.2.1", "192.0.2.2", ready=True)), ("192.0.2.1:6443",)),
    "several ports": (
        endpointSlice("192.0.2.1", ports=[{"name": "metrics", "port": 9090, "protocol": "TCP"}, HTTPS]),
        ("192.0.2.1:6443",),
    ),
    "the port of another protocol": (
        endpointSlice("192.0.2.1", ports=[{"name": "quic", "port": 443, "protocol": "UDP"}, HTTPS]),
        ("192.0.2.1:6443",),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
@pytest_twisted.ensureDeferred
async def test_oddSlices(server: ApiServer, follow: Follow, case: str) -> None:
    """Odd slices are understood, when they are listed and when they change."""
    changed, targets = CHANGES[case]
    following = follow()
    await watched(server)
    server.put(changed)
    await following.becomes(*targets)
    server.begin(changed)
    other = follow()
    await other.becomes(*targets)


@pytest_twisted.ensureDeferred
async def test_terminating(server: ApiServer, follow: Follow) -> None:
    """Who begins to terminate stays in the set, for his connections, until he leaves it."""
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.1", endpoint("192.0.2.2", ready=False, serving=True, terminating=True)))
    await following.becomes("192.0.2.1:6443", "(192.0.2.2:6443)")
    server.put(endpointSlice("192.0.2.1"))
    await following.becomes("192.0.2.1:6443")


@pytest_twisted.ensureDeferred
async def test_severalSlices(server: ApiServer, follow: Follow) -> None:
    """A set is made of all slices."""
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.13", "192.0.2.14", name="more"))
    await following.becomes(*KUBEADM, NEXT)
    server.put(endpointSlice("192.0.2.11"))
    await following.becomes(KUBEADM[0], KUBEADM[2], NEXT)
    server.put(endpointSlice("2001:db8::14", name="six", addressType="IPv6"))
    server.delete("more", "kubernetes")
    await following.becomes("[2001:db8::14]:6443")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
@pytest_twisted.ensureDeferred
async def test_inTwoSlices(server: ApiServer, follow: Follow, names: tuple[str, str]) -> None:
    """Who is ready in one slice, and terminating in another, is ready."""
    former, latter = names
    leaving = endpoint("192.0.2.14", ready=False, serving=True, terminating=True)
    server.begin(endpointSlice(leaving, name=former), endpointSlice("192.0.2.14", name=latter))
    following = follow()
    await following.becomes(NEXT)


@pytest_twisted.ensureDeferred
async def test_moved(server: ApiServer, follow: Follow) -> None:
    """Who moves from one slice to another was never away."""
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.11", "192.0.2.12"), endpointSlice("192.0.2.13", "192.0.2.14", name="more"))
    await following.becomes(*KUBEADM, NEXT)
    assert all(KUBEADM[2] in each for each in following.sets)


@pytest_twisted.ensureDeferred
async def test_whatIsNotOurs(server: ApiServer, follow: Follow) -> None:
    """Slices of others, and such as nobody has heard of, change nothing, whatever is said of them."""
    following = follow()
    await watched(server)
    stranger = endpointSlice("203.0.113.66", name="stranger", service="other")
    for kind in ("DELETED", "ADDED", "MODIFIED"):
        server.say(kind, stranger)
    server.say("DELETED", endpointSlice("203.0.113.67", name="unknown"))
    server.say("RENAMED", endpointSlice("203.0.113.68", name="unknown"))
    server.put(endpointSlice("192.0.2.14", name="more"))
    await following.becomes(*KUBEADM, NEXT)
    assert following.changes() == [KUBEADM, (*KUBEADM, NEXT)]
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_changeOfAnUnknownSlice(server: ApiServer, follow: Follow) -> None:
    """A slice that is changed, and was never listed, counts from then on."""
    following = follow()
    await watched(server)
    server.say("MODIFIED", endpointSlice("192.0.2.14", name="more"))
    await following.becomes(*KUBEADM, NEXT)


@pytest_twisted.ensureDeferred
async def test_relabelled(server: ApiServer, follow: Follow) -> None:
    """A slice that is given to another service is not ours any more."""
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.14", name="more"))
    await following.becomes(*KUBEADM, NEXT)
    server.put(endpointSlice("192.0.2.14", name="more", service="other"))
    await following.becomes(*KUBEADM)


@pytest.mark.parametrize("service", ["default/missing:https", "missing/kubernetes:https"])
@pytest_twisted.ensureDeferred
async def test_noSuchService(server: ApiServer, follow: Follow, log: list[str], service: str) -> None:
    """A service that does not exist is named in one line; it is followed as soon as it exists."""
    following = follow(service=service)
    await following.fails()
    namespace, name = service.removesuffix(":https").split("/")
    server.put(endpointSlice("192.0.2.14", service=name, namespace=namespace))
    await following.becomes(NEXT)
    await following.works()
    trouble, over = log
    assert service in trouble
    assert "works again" in over


@pytest_twisted.ensureDeferred
async def test_noSuchPort(server: ApiServer, follow: Follow) -> None:
    """For a port that does not exist those are named that do."""
    assert "has no port http; it has https (6443)" in await follow(service="default/kubernetes:http").fails()


@pytest.mark.parametrize(
    "odd",
    [
        endpointSlice("not an address"),
        {**endpointSlice(), "endpoints": "none"},
        {**endpointSlice("192.0.2.1"), "ports": [{"name": "https", "port": "six"}]},
        {**endpointSlice("192.0.2.1"), "ports": [{"name": "https", "port": 70000}]},
    ],
)
@pytest_twisted.ensureDeferred
async def test_impossible(server: ApiServer, follow: Follow, odd: Object) -> None:
    """What no server should say changes nothing, and is said; what comes before and after it counts."""
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.13"), odd)
    await following.fails()
    assert set(following.changes()) <= {KUBEADM, ("192.0.2.13:6443",)}
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert set(following.changes()) <= {KUBEADM, ("192.0.2.13:6443",), (NEXT,)}
