"""A provider that nobody watches any more leaves nothing behind, whatever it was doing, and can be watched again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, asked, watched
from tests.integration.kubernetes.test_kubernetes_empty import doubts, sliceOf
from tests.integration.servers import BlackHole, NamedServer
from tests.integration.sockets import eventually
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import How, On
from tests.kubernetes.kubeconfig import writeKubeconfig
from tests.kubernetes.shapes import endpointSlice

if TYPE_CHECKING:
    from tests.certificates import Authority

PHASES = [
    (How.NO_HANDSHAKE, On.CONNECTION),
    (How.SILENCE, On.LIST),
    (How.HEADERS_ONLY, On.LIST),
    (How.HALF, On.LIST),
    (How.CLOSE, On.LIST),
    (How.SILENCE, On.WATCH),
    (How.HEADERS_ONLY, On.WATCH),
    (How.CLOSE, On.WATCH),
]


@pytest.mark.parametrize(("how", "on"), PHASES)
@pytest_twisted.ensureDeferred
async def test_everyPhase(server: ApiServer, follow: Follow, how: How, on: On) -> None:
    """Its connections are closed at once in every phase, and it publishes nothing more; watched again, it works."""
    server.fault(how, on, times=1)
    following = follow(clock=None)
    if on is On.CONNECTION:
        await eventually(lambda: len(server.connections()) == 1, "it connects")
    else:
        await asked(server, on, 1)
    published = list(following.sets)
    await following.close()
    await eventually(lambda: server.count("open") == 0, "the connections are closed")
    server.put(endpointSlice("192.0.2.14"))
    assert following.sets == published
    following.start()
    await following.becomes(NEXT)
    await following.close()


@pytest_twisted.ensureDeferred
async def test_atOnce(server: ApiServer, follow: Follow) -> None:
    """One that is closed before it has begun asks nobody."""
    following = follow(clock=None)
    await following.close()
    again = follow(clock=None)
    await again.becomes(*KUBEADM)
    assert len(server.requests(On.LIST)) == 1
    assert following.sets == []


@pytest_twisted.ensureDeferred
async def test_duringChange(server: ApiServer, follow: Follow) -> None:
    """What is on its way when it is closed is not published."""
    following = follow(clock=None)
    await watched(server)
    server.put(endpointSlice("192.0.2.14"))
    await following.close()
    assert following.sets == [KUBEADM]


@pytest_twisted.ensureDeferred
async def test_whileConnecting(follow: Follow, authority: Authority, tmp_path: Path) -> None:
    """A server that nobody hears from is not waited for."""
    with closing(BlackHole()) as hole:
        assert isinstance(hole.address, tuple)
        host, port = hole.address
        following = follow(
            writeKubeconfig(tmp_path / "nowhere", f"https://{host}:{port}", authority.certificate), clock=None
        )
        await eventually(lambda: hole.trying() == 1, "it tries")
        await following.close()
        await eventually(lambda: hole.trying() == 0, "it tries no more")


@pytest_twisted.ensureDeferred
async def test_whileDoubting(server: ApiServer, follow: Follow) -> None:
    """Nor is somebody asked any more whether he is there."""
    with closing(NamedServer("known")) as known:
        server.begin(sliceOf(known))
        following = follow(clock=None)
        await watched(server)
        server.put(endpointSlice())
        await doubts(following)
        await following.close()
        assert len(following.changes()) == 1


@pytest_twisted.ensureDeferred
async def test_twoWatchers(server: ApiServer, follow: Follow) -> None:
    """Two watchers share what is known, and the work goes on until both are closed."""
    following = follow(clock=None)
    await watched(server)
    watcher = following.provider.watch()
    backends = await watcher.get()
    assert sorted(backends.targets) == sorted(KUBEADM)
    await following.close()
    server.put(endpointSlice("192.0.2.14"))
    assert (await watcher.get()).targets == {NEXT}
    watcher.close()
    assert len(server.requests(On.LIST)) == 1


@pytest_twisted.ensureDeferred
async def test_describes(server: ApiServer, follow: Follow, kubeconfig: Path) -> None:
    """It tells what it follows, when that has changed last, and what is wrong."""
    following = follow(clock=None)
    described = following.provider.describe()
    assert described["changed"] is None
    assert "default/kubernetes:https" in str(described["source"])
    assert str(kubeconfig) in str(described["source"])
    await watched(server)
    described = following.provider.describe()
    assert str(described["changed"]).endswith(("Z", "+00:00"))
    assert described["error"] is None
