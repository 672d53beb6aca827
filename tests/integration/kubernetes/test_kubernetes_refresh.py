"""A service is listed anew when somebody says so."""

from __future__ import annotations

from functools import partial

import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, Hurried, asked, watched
from tests.integration.sockets import eventually
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import On
from tests.kubernetes.shapes import endpointSlice, items

BLIND = 2.0
"""Seconds of the provider's clock for which it may look away when it has been told to look again, however often."""


@pytest_twisted.ensureDeferred
async def test_listedAnew(server: ApiServer, follow: Follow) -> None:
    """What is watched is listed anew, and watched from there on. The same again is no news, and no error."""
    following = follow()
    await watched(server)
    following.provider.refresh()
    await asked(server, On.LIST, 2)
    await asked(server, On.WATCH, 2)
    await watched(server)
    assert following.sets == [KUBEADM]
    assert following.error is None
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    assert len(server.requests(On.LIST)) == 2


@pytest_twisted.ensureDeferred
async def test_burst(server: ApiServer, follow: Follow) -> None:
    """Told a thousand times at once, it lists once or twice."""
    following = follow()
    await watched(server)
    for _ in range(1000):
        following.provider.refresh()
    await asked(server, On.LIST, 2)
    await following.seesNext(server)
    assert len(server.requests(On.LIST)) <= 3


def isListed(server: ApiServer, count: int) -> bool:
    """Whether it was listed so often."""
    return len(server.requests(On.LIST)) >= count


@pytest_twisted.ensureDeferred
async def test_often(server: ApiServer, follow: Follow) -> None:
    """Told again and again, it is not the blinder for it: what changes then is seen soon."""
    clock = Hurried(server)
    following = follow(clock=clock)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 60)
    for count in range(2, 14):
        following.provider.refresh()
        await clock.until(partial(isListed, server, count), "it is listed", 60)
        await clock.until(lambda: server.count("watches") == 1, "it is watched again", 60)
    following.provider.refresh()
    server.put(endpointSlice("192.0.2.14"))
    await clock.until(lambda: following.now == (NEXT,), "what has changed is seen", BLIND)


@pytest_twisted.ensureDeferred
async def test_whileItFails(server: ApiServer, follow: Follow) -> None:
    """When a server is back, whoever knows that need not wait for the pause that its failures have made."""
    clock = Hurried(server)
    following = follow(clock=clock)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 60)
    server.kill()
    await clock.until(lambda: clock.seconds() > 300, "it has failed for long", 600)
    assert following.error is not None
    server.start()
    server.begin(*items("kubeadm"))
    following.provider.refresh()
    server.put(endpointSlice("192.0.2.14"))
    await clock.until(lambda: following.now == (NEXT,), "it is seen", BLIND)


@pytest_twisted.ensureDeferred
async def test_unwatched(server: ApiServer, follow: Follow) -> None:
    """Nobody is asked when nobody watches: before the first, and after the last."""
    following = follow()
    await watched(server)
    await following.close()
    following.provider.refresh()
    await eventually(lambda: server.count("watches") == 0, "it is not watched")
    assert len(server.requests()) == 2
    following.start()
    await watched(server)
    assert following.error is None
