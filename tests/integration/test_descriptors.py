"""Running out of descriptors passes, and is no backend's fault."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench
from tests.integration.process import BalancerProcess
from tests.integration.servers import BlackHole, NamedServer
from tests.integration.sockets import PATIENCE, QUIET, Peer
from tinylb import DialFailure


async def _isServed(process: BalancerProcess) -> bool:
    """Whether a new client, which stays, gets a backend."""
    client = process.connect()
    try:
        return await deferToThread(client.socket.recv, 5) == b"name\n"
    except ConnectionResetError:
        return False


@pytest.mark.parametrize("few", [48, 49], ids=["even", "odd"])
@pytest_twisted.ensureDeferred
async def test_descriptorsRunOut(bench: Bench, few: int) -> None:
    """
    Clients for whom there is no descriptor are closed, the others go on; when descriptors are free again, accepts
    resume by themselves; and the backend is not blamed (row 17). The last descriptor is a client's or a backend's.
    """
    process = await bench.start({"a": bench.add(NamedServer("name"))}, descriptors=few)
    served = [await _isServed(process) for _ in range(few)]
    assert served.count(True) > few // 4
    assert served.count(False) > few // 4
    assert {told["kind"] for told in process.told("DialFailed")} <= {str(DialFailure.LOCAL)}
    process.closeClients()
    while (await process.describe())["connections"]:
        pass
    assert [await _isServed(process) for _ in range(5)] == [True] * 5
    (backend,) = (await process.describe())["backends"]
    assert (backend["failed"], backend["state"]) == (0, "ready")


@pytest_twisted.ensureDeferred
async def test_noneLeftForClients(bench: Bench) -> None:
    """Clients that cannot even be accepted are closed; when descriptors are free again, others are accepted."""
    hole = bench.add(BlackHole())
    process = await bench.start({"a": hole}, descriptors=48, attemptDelay=60.0, dialTimeout=60.0)
    clients = [process.connect() for _ in range(48)]
    ended = await deferToThread(_whoseEndCame, clients)
    assert 0 < len(ended) < len(clients)
    for client in clients:
        client.reset()
    await _isDialling(process, 0)
    process.connect()
    await _isDialling(process, 1)


async def _isDialling(process: BalancerProcess, count: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while (described := await process.describe())["dialing"] != count:
        assert time.monotonic() < deadline, described


def _whoseEndCame(clients: Sequence[Peer]) -> list[Peer]:
    """As soon as there is somebody, and no news for a moment."""
    with select.epoll() as poll:
        ended: set[int] = set()
        for client in clients:
            poll.register(client.socket, select.EPOLLIN)
        while news := poll.poll(QUIET if ended else PATIENCE):
            for descriptor, _ in news:
                poll.unregister(descriptor)
                ended.add(descriptor)
        return [client for client in clients if client.socket.fileno() in ended]
