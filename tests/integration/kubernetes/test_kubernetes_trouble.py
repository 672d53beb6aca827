"""Whatever is wrong with a server, the last set stays, the server is left in peace, and tried again."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, SPEED, Hurried, asked, watched
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import ALWAYS, How, On
from tests.kubernetes.kubeconfig import writeKubeconfig
from tests.kubernetes.shapes import endpointSlice, shape
from tinylb.providers.kubernetes import reflector

if TYPE_CHECKING:
    from tests.certificates import Authority


BAD_ANSWERS: dict[str, dict[str, object]] = {
    "not JSON": {"code": 200, "body": "no JSON"},
    "half of it": {"code": 200, "body": '{"kind": "EndpointSliceList", "items": ['},
    "something else": {"code": 200, "body": '{"kind": "APIVersions"}'},
    "a list": {"code": 200, "body": "[]"},
    "nothing": {"code": 200, "body": ""},
    "of a proxy": {"code": 502, "body": "<html>Bad Gateway</html>", "contentType": "text/html"},
    "of a proxy that is well": {"code": 200, "body": "<html>Log in</html>", "contentType": "text/html"},
    "a redirect": {"code": 302, "Location": "https://192.0.2.1/"},
    "deep": {"code": 200, "body": "[" * 200_000},
}
REFUSALS = [(On.LIST, 401), (On.LIST, 403), (On.LIST, 429), (On.LIST, 503), (On.WATCH, 404), (On.WATCH, 500)]


@pytest.mark.parametrize(("on", "code"), REFUSALS)
@pytest_twisted.ensureDeferred
async def test_refused(server: ApiServer, follow: Follow, log: list[str], on: On, code: int) -> None:
    """A server that refuses is told of in one line, with the status, however often it does; then it works again."""
    following = follow(random=lambda: 0.99)
    await watched(server)
    server.refuse(on, code)
    if on is On.LIST:
        server.refuse(On.WATCH, 410, times=1)
    before = len(server.requests(on))
    server.endWatches()
    assert f"HTTP {code}" in await following.fails()
    await asked(server, on, before + 2)
    server.heal()
    await following.seesNext(server)
    assert following.changes() == [KUBEADM, (NEXT,)]
    assert len([line for line in log if f"HTTP {code}" in line]) == 1
    assert len([line for line in log if "works again" in line]) == 1


@pytest.mark.parametrize("case", BAD_ANSWERS)
@pytest_twisted.ensureDeferred
async def test_badList(server: ApiServer, follow: Follow, log: list[str], case: str) -> None:
    """What is no list is told of in one line that can be read, and tried again."""
    server.answer(On.LIST, times=2, **BAD_ANSWERS[case])  # type: ignore[arg-type]
    following = follow()
    await following.fails()
    await following.seesNext(server)
    (line,) = (line for line in log if "nothing is known from it yet" in line)
    assert line.isprintable()
    assert len(line) < 500


@pytest.mark.parametrize("case", BAD_ANSWERS)
@pytest_twisted.ensureDeferred
async def test_badWatch(server: ApiServer, follow: Follow, case: str) -> None:
    """So it is with what is no watch; nothing that has happened meanwhile is lost."""
    server.answer(On.WATCH, times=2, **BAD_ANSWERS[case])  # type: ignore[arg-type]
    following = follow()
    await asked(server, On.WATCH, 2)
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert following.changes() == [KUBEADM, (NEXT,)]


@pytest.mark.parametrize("line", ["no JSON", "[]", '{"type": "ADDED"}', '{"type": "MODIFIED", "object": []}', "\\xff"])
@pytest_twisted.ensureDeferred
async def test_badEvent(server: ApiServer, follow: Follow, line: str) -> None:
    """Nor does an event that is none harm: the set stays, and what comes then is seen."""
    following = follow()
    await watched(server)
    server.mumble(line + "\n")
    await asked(server, On.WATCH, 2)
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert following.changes() == [KUBEADM, (NEXT,)]


@pytest.mark.parametrize("on", [On.LIST, On.WATCH])
@pytest_twisted.ensureDeferred
async def test_long(server: ApiServer, follow: Follow, on: On) -> None:
    """An answer, or an event, of 20 MB does no harm: it is taken, or given up, and the next is seen."""
    if on is On.LIST:
        server.answer(on, 200, "{", size=20 << 20, times=1)
    following = follow()
    await watched(server)
    if on is On.WATCH:
        server.say("MODIFIED", endpointSlice("192.0.2.13", "192.0.2.12", "192.0.2.11"), padding=20 << 20)
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert following.changes() == [KUBEADM, (NEXT,)]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (How.ENDLESS_HEADERS, "too much before its answer"),
        (How.ENDLESS_INTERIM, "too much before its answer"),
        (How.ENDLESS_LIST, "the list does not end"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_endless(
    server: ApiServer, follow: Follow, log: list[str], monkeypatch: pytest.MonkeyPatch, how: How, error: str
) -> None:
    """An answer that has no end is given up, and told of in one line; the next one counts."""
    monkeypatch.setattr(reflector, "MOST_PAGES", 5)
    server.fault(how, On.LIST, times=1 if how is not How.ENDLESS_LIST else ALWAYS)
    following = follow()
    assert error in await following.fails()
    server.heal()
    await following.seesNext(server)
    assert len(log) == 2


SILENT = [
    (How.NO_HANDSHAKE, On.CONNECTION, "no answer within"),
    (How.SILENCE, On.LIST, "no answer within"),
    (How.HEADERS_ONLY, On.LIST, "its answer does not end"),
    (How.HALF, On.LIST, "its answer does not end"),
    (How.SILENCE, On.WATCH, "no answer within"),
]


@pytest.mark.parametrize(("how", "on", "error"), SILENT)
@pytest_twisted.ensureDeferred
async def test_neverAnswering(server: ApiServer, follow: Follow, how: How, on: On, error: str) -> None:
    """A server that accepts and does not go on to answer is given up soon, told of, and tried again."""
    clock = Hurried(server)
    server.fault(how, on, times=1)
    following = follow(clock=clock)
    await clock.until(lambda: error in str(following.error), "it is told of", 45)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 15)
    assert following.changes() == [KUBEADM]
    await clock.until(lambda: following.error is None, "it works", 15)


@pytest.mark.parametrize("isLater", [False, True])
@pytest_twisted.ensureDeferred
async def test_silentWatch(server: ApiServer, follow: Follow, isLater: bool) -> None:
    """A watch that says nothing, and does not end when it should, is ended and goes on with what it missed."""
    clock = Hurried(server)
    if not isLater:
        server.fault(How.HEADERS_ONLY, On.WATCH, times=1)
    following = follow(clock=clock)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 10)
    if isLater:
        server.deafen()
    server.put(endpointSlice("192.0.2.14"))
    (first,) = server.requests(On.WATCH)
    seconds = int(first["query"]["timeoutSeconds"])
    await clock.until(lambda: following.now == (NEXT,), "the change is seen", seconds + 30)
    assert len(server.requests(On.LIST)) == 1


@pytest_twisted.ensureDeferred
async def test_silentSoon(server: ApiServer, follow: Follow) -> None:
    """Where a server sends bookmarks, its silence is noticed long before the watch should have ended."""
    clock = Hurried(server)
    following = follow(clock=clock)
    await clock.until(lambda: server.count("watches") == 1, "it is watched", 10)
    server.touch(bookmark=True)
    server.put(endpointSlice("192.0.2.13"))
    await clock.until(lambda: following.now == (KUBEADM[2],), "that is seen", 10)
    server.deafen()
    server.put(endpointSlice("192.0.2.14"))
    await clock.until(lambda: following.now == (NEXT,), "the change is seen", 110)


@pytest.mark.parametrize(
    ("how", "on"), [(How.CLOSE, On.LIST), (How.CLOSE_HALF, On.LIST), (How.CLOSE, On.WATCH), (How.CUT, On.WATCH)]
)
@pytest_twisted.ensureDeferred
async def test_noStorm(server: ApiServer, follow: Follow, how: How, on: On) -> None:
    """A server that fails at once is told of, and asked again after a pause, and each pause is longer."""
    clock = Hurried(server)
    server.fault(how, on)
    following = follow(clock=clock)
    await pausesGrow(clock, lambda: len(server.requests(on)))
    await following.fails()


@pytest_twisted.ensureDeferred
async def test_noStormOfConnections(server: ApiServer, follow: Follow) -> None:
    """So it is with one that resets connections."""
    clock = Hurried(server)
    server.fault(How.CLOSE_AT_ONCE, On.CONNECTION)
    follow(clock=clock)
    await pausesGrow(clock, lambda: len(server.connections()))


@pytest.mark.parametrize(
    ("code", "body"), [(200, ""), (200, json.dumps(shape("bookmark"))), (410, "")], ids=["empty", "event", "expired"]
)
@pytest_twisted.ensureDeferred
async def test_noStormOfWatches(server: ApiServer, follow: Follow, code: int, body: str) -> None:
    """So it is with watches that end as soon as they have begun, and with versions that are always too old."""
    clock = Hurried(server)
    server.answer(On.WATCH, code, body + "\n")
    follow(clock=clock)
    await pausesGrow(clock, lambda: len(server.requests(On.WATCH)))


async def momentsOf(clock: Hurried, tries: Callable[[], int], count: int) -> list[float]:
    """When the first tries come, so many of them, by a clock that stands still while anything is on its way."""
    moments = []
    for number in range(count):
        await clock.until(lambda number=number: tries() > number, "it is tried again", 300)  # type: ignore[misc]
        moments.append(clock.seconds())
    return moments


async def pausesGrow(clock: Hurried, tries: Callable[[], int]) -> None:
    """The later tries are farther apart than the first, and none are together."""
    pauses = [after - before for before, after in pairwise(await momentsOf(clock, tries, 6))]
    assert min(pauses) > 0.05, pauses
    assert min(pauses[-2:]) > max(pauses[:2]), pauses


@pytest_twisted.ensureDeferred
async def test_jitter(server: ApiServer, follow: Follow, authority: Authority, tmp_path: Path) -> None:
    """Not all come back together."""
    server.fault(How.CLOSE, On.LIST)
    took: dict[str, float] = {}
    for token, random in (("early", 0.99), ("late", 0.0)):
        path = writeKubeconfig(tmp_path / token, server.url, authority.certificate, token=token)
        clock = Hurried(server)
        follow(path, random=partial(float, random), clock=clock)
        first, *_, last = await momentsOf(clock, partial(triesBy, server, token), 4)
        took[token] = last - first
    assert took["early"] < 0.8 * took["late"]


def triesBy(server: ApiServer, token: str) -> int:
    """How often somebody has asked."""
    return sum(record["token"] == token for record in server.requests())


@pytest_twisted.ensureDeferred
async def test_retryAfter(server: ApiServer, follow: Follow) -> None:
    """A server that asks to be left in peace for some time is."""
    server.refuse(On.LIST, 429, times=1, retryAfter=2)
    following = follow(random=lambda: 0.99)
    await following.becomes(*KUBEADM)
    refused, answered = server.requests(On.LIST)
    assert (answered["at"] - refused["at"]) * SPEED >= 2


@pytest_twisted.ensureDeferred
async def test_gone(server: ApiServer, follow: Follow, log: list[str]) -> None:
    """A server that is not there is told of once; the set stays until it is there again."""
    following = follow()
    await watched(server)
    server.kill()
    assert "refused" in await following.fails()
    server.start()
    server.begin(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert following.changes() == [KUBEADM, (NEXT,)]
    assert len([line for line in log if "the last good set stays" in line]) == 1
