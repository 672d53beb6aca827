"""Servers, and others, that say what they should not: the resolver is neither misled nor held up."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.names.dns import ESERVER, IN, A, Message, Query, Record_A, RRHeader
from twisted.names.error import ResolverError

from tests.integration.dnsliar import Liar, Lie, answer, silence
from tests.integration.sockets import eventually, reactor
from tests.nameserver import parsed
from tinylb.clock import monotonicClock, release
from tinylb.providers.dns.system import SystemResolver

GOOD = parsed("api.example 60 A 192.0.2.1")
BAD = parsed("api.example 60 A 192.0.2.66")


@pytest.fixture
def liar() -> Iterator[Liar]:
    """The only server that there is."""
    liar = Liar()
    yield liar
    liar.close()
    release(monotonicClock(reactor))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where there is neither a C{resolv.conf} nor a hosts file, so that the server on this machine is asked."""
    return tmp_path


def lookUp(liar: Liar, folder: Path, clock: IReactorTime | None = None) -> Deferred[list[str]]:
    """The addresses that are found."""
    resolver = SystemResolver(
        reactor,
        clock or monotonicClock(reactor),
        configuration=str(folder / "resolv.conf"),
        hosts=str(folder / "hosts"),
        port=liar.port,
    )
    looking: Deferred[Any] = resolver.lookupAddress("api.example")  # type: ignore[no-untyped-call]
    return looking.addCallback(_addresses)


def _addresses(found: tuple[list[Any], object, object]) -> list[str]:
    return [record.payload.dottedQuad() for record in found[0]]


async def failureOf(looking: Deferred[list[str]]) -> str:
    """Why nothing is found."""
    with pytest.raises(ResolverError) as failed:
        await looking
    return str(failed.value)


def tooLong(request: Message) -> list[bytes]:
    """Ask for a connection."""
    return [answer(request, BAD, trunc=1)]


def strangers(request: Message) -> list[bytes]:
    """What is no answer to a request, though it may look like one."""
    good = answer(request, BAD)
    noise = random.Random(5)
    return [
        b"",
        b"\x00",
        good[:5],
        good[:-3],
        answer(request, BAD, id=request.id ^ 1),
        answer(request, BAD, answer=0),
        answer(request, BAD, queries=[Query("other.example", A, IN)]),
        answer(request, BAD, queries=[]),
        good[:2] + noise.randbytes(400),
        # a pointer to itself for a name
        good[:12] + b"\xc0\x0c" + good[14:],
    ]


@pytest_twisted.ensureDeferred
async def test_strangers(liar: Liar, folder: Path) -> None:
    """What is no answer is not heeded; the answer that comes after it is."""
    liar.byDatagram = lambda request: [*strangers(request), answer(request, GOOD)]
    assert await lookUp(liar, folder) == ["192.0.2.1"]
    assert liar.datagrams == 1


@pytest_twisted.ensureDeferred
async def test_anybody(liar: Liar, folder: Path) -> None:
    """An answer from anywhere but the server is not heard."""
    other = Liar()
    source: list[tuple[str, int]] = []

    def received(datagram: bytes, addr: tuple[str, int]) -> None:
        request = Message()
        request.fromStr(datagram)
        assert other.transport is not None
        assert liar.transport is not None
        other.transport.write(answer(request, BAD), addr)
        source.append(addr)
        reactor.callLater(0.05, liar.transport.write, answer(request, GOOD), addr)

    liar.datagramReceived = received  # type: ignore[method-assign]
    assert await lookUp(liar, folder) == ["192.0.2.1"]
    assert len(source) == 1
    other.close()


@pytest_twisted.ensureDeferred
async def test_ownTime(liar: Liar, folder: Path) -> None:
    """A silent server is asked again after one second, and after two more; all times are those of its clock."""
    clock = Clock()
    looking = lookUp(liar, folder, clock)
    for count, seconds in enumerate((1, 2, 4), 1):
        await eventually(partial(lambda count: liar.datagrams == count, count), f"question {count}")
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(seconds)
    assert await failureOf(looking) == "127.0.0.1 does not answer"
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("byConnection", "said"),
    [
        (lambda request: None, "has a longer answer, and closes the connection for it"),
        (lambda request: [b"what?"], "answers with what cannot be understood"),
        (lambda request: [answer(request, trunc=1)], "answers with what cannot be understood"),
        (lambda request: [answer(request, GOOD, id=request.id ^ 1)], "answers with what cannot be understood"),
        (lambda request: [answer(request, rCode=ESERVER)], "has failed (SERVFAIL)"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_badConnection(liar: Liar, folder: Path, byConnection: Lie, said: str) -> None:
    """A connection that brings no answer is a failure at once."""
    liar.byDatagram = tooLong
    liar.byConnection = byConnection
    assert await failureOf(lookUp(liar, folder)) == f"127.0.0.1 {said}"


@pytest_twisted.ensureDeferred
async def test_noConnection(liar: Liar, folder: Path) -> None:
    """So is one that cannot be made."""
    liar.byDatagram = tooLong
    liar.refuseConnections()
    said = await failureOf(lookUp(liar, folder))
    assert said == "127.0.0.1 has a longer answer, and accepts no connection for it (connection refused)"


@pytest_twisted.ensureDeferred
async def test_silentConnection(liar: Liar, folder: Path) -> None:
    """A connection on which nothing comes is given up, and closed; another one is tried."""
    liar.byDatagram = tooLong
    clock = Clock()
    looking = lookUp(liar, folder, clock)
    for count, seconds in enumerate((1, 2, 4), 1):
        await eventually(partial(lambda count: liar.connections == count, count), f"connection {count}")
        clock.advance(seconds)
    assert await failureOf(looking) == "127.0.0.1 does not answer"
    await eventually(lambda: not liar.open, "all of them are closed")


@pytest_twisted.ensureDeferred
async def test_cancelled(liar: Liar, folder: Path) -> None:
    """A lookup that is cancelled leaves nothing: while it asks, connects, or waits on a connection."""
    before = set(reactor.getReaders())
    clock = Clock()
    for lie in (silence, tooLong):
        liar.byDatagram = lie
        looking = lookUp(liar, folder, clock)
        if lie is tooLong:
            await eventually(lambda: bool(liar.open), "a connection")
        looking.cancel()
        with pytest.raises(CancelledError):
            await looking
        await eventually(lambda: not liar.open, "it is closed")
        assert (set(reactor.getReaders()) - before, clock.getDelayedCalls()) == (set(), [])


@pytest_twisted.ensureDeferred
async def test_doesNotKnow(liar: Liar, folder: Path) -> None:
    """A server that knows nothing and asks nobody has not said that there is nothing."""
    liar.byDatagram = lambda request: [answer(request, recAv=0)]
    assert await failureOf(lookUp(liar, folder)) == "127.0.0.1 does not know the answer, and asks no other server"
    for recursion, authority in ((1, False), (0, True)):
        liar.byDatagram = partial(lambda ra, aa, request: [answer(request, recAv=ra, auth=aa)], recursion, authority)
        assert await lookUp(liar, folder) == []


@pytest_twisted.ensureDeferred
async def test_strangeCode(liar: Liar, folder: Path) -> None:
    """A code that means nothing to us is a failure, and told as it is; who has failed is not asked once more."""
    liar.byDatagram = lambda request: [answer(request, rCode=11)]
    assert await failureOf(lookUp(liar, folder)) == "127.0.0.1 has failed (code 11)"
    assert liar.datagrams == 1


@pytest_twisted.ensureDeferred
async def test_huge(liar: Liar, folder: Path) -> None:
    """Neither an answer with hundreds of records nor the longest one that there can be takes long to read."""
    records = [RRHeader("api.example", A, IN, 60, Record_A(f"10.0.{n >> 8}.{n & 255}")) for n in range(4000)]
    liar.byDatagram = tooLong
    spent = time.process_time()
    liar.byConnection = lambda request: [answer(request, *records[:900])]
    assert len(await lookUp(liar, folder)) == 900
    liar.byConnection = lambda request: [answer(request, *records)]
    assert await failureOf(lookUp(liar, folder)) == "127.0.0.1 answers with what cannot be understood"
    assert time.process_time() - spent < 2


@pytest_twisted.ensureDeferred
async def test_notByTheReactor(liar: Liar, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that lasts is timed by the reactor, whose clock can be set; neither asking nor connecting."""
    delays: list[float] = []
    callLater = reactor.callLater

    def recording(delay: float, *arguments: Any, **kw: Any) -> Any:
        delays.append(delay)
        return callLater(delay, *arguments, **kw)

    monkeypatch.setattr(reactor, "callLater", recording)
    liar.byDatagram = tooLong
    liar.byConnection = lambda request: [answer(request, GOOD)]
    assert await lookUp(liar, folder, Clock()) == ["192.0.2.1"]
    assert [delay for delay in delays if delay > 0] == []
