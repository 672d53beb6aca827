"""A service is listed once and watched from then on, whatever becomes of the watches."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, Hurried, asked, watched
from tests.integration.sockets import eventually
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import How, On
from tests.kubernetes.shapes import endpointSlice, items, shape

SELECTOR = "kubernetes.io/service-name=kubernetes"


@pytest_twisted.ensureDeferred
async def test_listThenWatch(server: ApiServer, follow: Follow) -> None:
    """It lists, watches from the list's version on for a bounded time, and publishes what changes."""
    following = follow()
    await following.becomes(*KUBEADM)
    await watched(server)
    (listed,) = server.requests(On.LIST)
    (watch,) = server.requests(On.WATCH)
    assert listed["query"]["labelSelector"] == watch["query"]["labelSelector"] == SELECTOR
    assert watch["query"]["resourceVersion"] == "1000"
    assert watch["query"]["allowWatchBookmarks"] in ("1", "true")
    assert 60 <= int(watch["query"]["timeoutSeconds"]) <= 3600
    server.put(endpointSlice("192.0.2.14", "192.0.2.11"))
    await following.becomes(KUBEADM[0], NEXT)
    server.put(endpointSlice("192.0.2.14", name="more"))
    server.delete("kubernetes")
    await following.becomes(NEXT)
    assert len(server.requests()) == 2
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_agent(server: ApiServer, follow: Follow) -> None:
    """An administrator sees in the server's log who it is."""
    await follow().becomes(*KUBEADM)
    assert all(record["agent"].startswith("tinylb") for record in server.requests())


@pytest_twisted.ensureDeferred
async def test_endOfWatch(server: ApiServer, follow: Follow) -> None:
    """A watch that has come to its end is followed by another one from where that was; nothing is listed anew."""
    following = follow()
    await watched(server)
    reached = server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    server.endWatches()
    *_, watch = await asked(server, On.WATCH, 2)
    assert watch["query"]["resourceVersion"] == reached
    await watched(server)
    server.put(endpointSlice("192.0.2.15"))
    await following.becomes("192.0.2.15:6443")
    assert len(server.requests(On.LIST)) == 1
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_bookmark(server: ApiServer, follow: Follow) -> None:
    """A bookmark is where the next watch begins, though nothing of ours has changed; it is no new set."""
    following = follow()
    await watched(server)
    reached = server.touch(700, bookmark=True)
    server.cut(endpointSlice("192.0.2.66"))
    await eventually(
        lambda: server.requests(On.WATCH)[-1]["query"]["resourceVersion"] == reached, "a watch begins at the bookmark"
    )
    assert following.changes() == [KUBEADM]


@pytest.mark.parametrize("isReset", [False, True], ids=["closed", "reset"])
@pytest_twisted.ensureDeferred
async def test_cut(server: ApiServer, follow: Follow, isReset: bool) -> None:
    """A watch that breaks off goes on from the last whole event; half of an event counts for nothing."""
    following = follow()
    await watched(server)
    reached = server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    server.cut(endpointSlice("192.0.2.66"), isReset=isReset)
    server.put(endpointSlice("192.0.2.14", "192.0.2.15"))
    await following.becomes(NEXT, "192.0.2.15:6443")
    *_, watch = server.requests(On.WATCH)
    assert watch["query"]["resourceVersion"] == reached
    assert len(server.requests(On.LIST)) == 1
    assert following.changes() == [KUBEADM, (NEXT,), (NEXT, "192.0.2.15:6443")]


@pytest.mark.parametrize("asStatus", [False, True], ids=["event", "status"])
@pytest_twisted.ensureDeferred
async def test_expired(server: ApiServer, follow: Follow, asStatus: bool) -> None:
    """When it is too late to go on it lists anew: what has changed is seen, and no other set in between."""
    following = follow()
    await watched(server)
    if asStatus:
        server.fault(How.EXPIRED_STATUS, On.WATCH)
    server.put(endpointSlice("192.0.2.14", name="elsewhere", service="other"))
    server.touch(10)
    server.stopListening()
    server.cut(endpointSlice("192.0.2.66"))
    await watched(server, 0)
    server.put(endpointSlice("192.0.2.14"))
    server.compact()
    server.listenAgain()
    await following.becomes(NEXT)
    assert len(server.requests(On.LIST)) == 2
    assert following.changes() == [KUBEADM, (NEXT,)]
    await following.works()


@pytest_twisted.ensureDeferred
async def test_expiredMeanwhile(server: ApiServer, follow: Follow) -> None:
    """The same if a watch that is under way hears of it."""
    following = follow()
    await watched(server)
    server.say("ERROR", shape("expired")["object"])
    await asked(server, On.LIST, 2)
    await watched(server)
    assert following.changes() == [KUBEADM]


@pytest_twisted.ensureDeferred
async def test_restarted(server: ApiServer, follow: Follow) -> None:
    """A server that is started again, and knows nothing of what was before, is followed as before."""
    following = follow()
    await watched(server)
    server.kill()
    server.start()
    server.begin(endpointSlice("192.0.2.14"), revision=5000)
    await following.becomes(NEXT)
    server.put(endpointSlice("192.0.2.15"))
    await following.becomes("192.0.2.15:6443")
    assert following.changes() == [KUBEADM, (NEXT,), ("192.0.2.15:6443",)]


@pytest_twisted.ensureDeferred
async def test_restored(server: ApiServer, follow: Follow) -> None:
    """
    A cluster that was restored from a backup, and so is back at an earlier version, has nothing to say to a watch from
    the later one; that is found out within half an hour.
    """
    clock = Hurried(server)
    following = follow(clock=clock)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 10)
    server.kill()
    server.start()
    server.begin(endpointSlice("192.0.2.14"), revision=500)
    await clock.until(lambda: following.now == (NEXT,), "the other set", 1800)


@pytest_twisted.ensureDeferred
async def test_versionsAreNotNumbers(server: ApiServer, follow: Follow) -> None:
    """Versions are handed back as they came, and not understood."""
    server.spellVersions("generation-")
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    server.endWatches()
    *_, watch = await asked(server, On.WATCH, 2)
    assert watch["query"]["resourceVersion"] == "generation-1001"


@pytest.mark.parametrize("pieces", [1, 50])
@pytest_twisted.ensureDeferred
async def test_pieces(server: ApiServer, follow: Follow, pieces: int) -> None:
    """An event may come in any number of pieces."""
    server.chunk(pieces)
    following = follow()
    await watched(server)
    server.put(endpointSlice("192.0.2.15"), endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)


@pytest_twisted.ensureDeferred
async def test_manySlices(server: ApiServer, follow: Follow) -> None:
    """A list of any length is seen as one, in however many parts it comes."""
    slices = [
        endpointSlice(f"198.51.{number // 200}.{number % 200 + 1}", name=f"part-{number:04}") for number in range(1100)
    ]
    server.begin(*items("kubeadm"), *slices)
    following = follow()
    await watched(server)
    assert following.changes() == [
        tuple(sorted((*KUBEADM, *(f"{each['endpoints'][0]['addresses'][0]}:6443" for each in slices))))
    ]
