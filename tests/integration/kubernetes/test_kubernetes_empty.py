"""A list that turns empty is not believed while anybody who was known answers: a stopping server empties it for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
import pytest_twisted

from tests.integration.bench import Listening, backend
from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import NEXT, Following, Hurried, watched
from tests.integration.servers import BlackHole, NamedServer, Refusing
from tests.integration.sockets import eventually
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import On
from tests.kubernetes.shapes import endpointSlice
from tests.kubernetes.store import Object
from tinylb import BackendSet

NOBODY = ("the service has no endpoints", "there is no such service, or it has no EndpointSlice")


@pytest.fixture
def known() -> Iterator[NamedServer]:
    """Somebody who answers."""
    with closing(NamedServer("known")) as server:
        yield server


def sliceOf(server: Listening, name: str = "kubernetes") -> Object:
    """A slice with a server that is really there, or not."""
    assert isinstance(server.address, tuple)
    host, port = server.address
    return endpointSlice(host, name=name, ports=[{"name": "https", "port": port, "protocol": "TCP"}])


def targetOf(server: Listening) -> str:
    """As in a set."""
    return backend(server).target


async def doubts(following: Following) -> None:
    """Wait until it has heard that there is nobody."""
    await eventually(lambda: following.error in NOBODY, f"a doubt; {following.error}")


@pytest.mark.parametrize("isDeleted", [False, True], ids=["emptied", "deleted"])
@pytest_twisted.ensureDeferred
async def test_stopping(server: ApiServer, follow: Follow, known: NamedServer, log: list[str], isDeleted: bool) -> None:
    """While somebody answers the set stays, and that is told; when somebody is named again all is well."""
    server.begin(sliceOf(known))
    following = follow()
    await watched(server)
    if isDeleted:
        server.delete("kubernetes")
    else:
        server.put(endpointSlice())
    await doubts(following)
    asked = known.served
    await eventually(lambda: known.served > asked, "he is asked again")
    assert following.changes() == [(targetOf(known),)]
    server.put(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)
    await following.works()
    assert following.changes() == [(targetOf(known),), (NEXT,)]
    trouble, over = log
    assert "not believed" in trouble
    assert "works again" in over


@pytest_twisted.ensureDeferred
async def test_throughTheWatch(server: ApiServer, follow: Follow, known: NamedServer) -> None:
    """What is not believed is not believed either when it is listed anew."""
    server.begin(sliceOf(known))
    following = follow()
    await watched(server)
    server.put(endpointSlice())
    await doubts(following)
    server.compact()
    server.touch()
    server.compact()
    server.refuse(On.WATCH, 410, times=1)
    server.endWatches()
    await eventually(lambda: len(server.requests(On.LIST)) == 2, "it is listed anew")
    asked = known.served
    await eventually(lambda: known.served > asked, "he is asked again")
    assert following.changes() == [(targetOf(known),)]


@pytest_twisted.ensureDeferred
async def test_reallyNobody(server: ApiServer, follow: Follow, known: NamedServer) -> None:
    """When nobody answers any more, and the server says so once more, it is believed."""
    with closing(NamedServer("other")) as other:
        server.begin(sliceOf(known), sliceOf(other, "other"))
        following = follow()
        await watched(server)
        server.put(endpointSlice(), endpointSlice(name="other"))
        known.close()
        await doubts(following)
        asked = other.served
        await eventually(lambda: other.served > asked, "the other is asked again")
        assert len(following.changes()) == 1
    lists = len(server.requests(On.LIST))
    await following.becomes()
    assert len(server.requests(On.LIST)) > lists
    await following.seesNext(server)


@pytest_twisted.ensureDeferred
async def test_neverAnswered(server: ApiServer, follow: Follow) -> None:
    """Who does not answer at all, be it that he refuses or is silent, is no reason to doubt."""
    clock = Hurried(server)
    with closing(BlackHole()) as silent, closing(Refusing()) as refusing:
        server.begin(sliceOf(silent), sliceOf(refusing, "other"))
        following = follow(clock=clock)
        await clock.until(lambda: server.count("watches") == 1, "it is watched", 10)
        server.put(endpointSlice(), endpointSlice(name="other"))
        await clock.until(lambda: following.now == (), "it is believed", 30)


@pytest_twisted.ensureDeferred
async def test_contradicted(server: ApiServer, follow: Follow, known: NamedServer) -> None:
    """If the server names somebody when it is asked once more, nobody was ever missing."""
    server.begin(sliceOf(known))
    following = follow()
    await watched(server)
    known.close()
    server.say("MODIFIED", endpointSlice())
    await eventually(lambda: len(server.requests(On.LIST)) == 2, "it is asked once more")
    await watched(server)
    await following.works()
    assert following.changes() == [(targetOf(known),)]


@pytest_twisted.ensureDeferred
async def test_serverIsGone(server: ApiServer, follow: Follow, known: NamedServer) -> None:
    """While the server cannot be asked once more, those who were known stay the only hope."""
    server.begin(sliceOf(known))
    following = follow()
    await watched(server)
    server.put(endpointSlice())
    await doubts(following)
    server.kill()
    known.close()
    await eventually(lambda: "refused" in str(following.error), f"it is missed; {following.error}")
    assert following.changes() == [(targetOf(known),)]
    server.start()
    server.begin(endpointSlice("192.0.2.14"))
    await following.becomes(NEXT)


@pytest_twisted.ensureDeferred
async def test_expected(server: ApiServer, follow: Follow, known: NamedServer) -> None:
    """Who is remembered from before counts as much: the first list is not believed either if it is empty."""
    server.begin(endpointSlice())
    following = follow(known=BackendSet({"remembered": backend(known)}))
    await doubts(following)
    assert following.sets == []
    known.close()
    await following.becomes()


@pytest_twisted.ensureDeferred
async def test_nobodyKnown(server: ApiServer, follow: Follow) -> None:
    """Where nobody was ever known an empty list is believed at once, and told of."""
    server.begin(endpointSlice())
    following = follow()
    await following.becomes()
    assert "no endpoints" in await following.fails()
