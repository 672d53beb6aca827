"""How one end of a connection ends is how the other end sees it end."""

from __future__ import annotations

import pytest_twisted

from tests.integration.bench import Bench
from tests.integration.sockets import Ending
from tinylb import CloseReason, PairClosed


@pytest_twisted.ensureDeferred
async def test_clientsReset(bench: Bench) -> None:
    """A client's reset is passed on at once, although the backend sends nothing and waits for nothing."""
    balanced, client, serving = await bench.join()
    client.reset()
    assert await serving.receiveToEnd() == (b"", Ending.RESET)
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.CLIENT_RESET


@pytest_twisted.ensureDeferred
async def test_backendsReset(bench: Bench) -> None:
    """A backend's reset is passed on at once, although the client sends nothing and waits for nothing."""
    balanced, client, serving = await bench.join()
    serving.reset()
    assert await client.receiveToEnd() == (b"", Ending.RESET)
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.BACKEND_RESET


@pytest_twisted.ensureDeferred
async def test_resetWhileHeldUp(bench: Bench) -> None:
    """A client's reset is seen and passed on also while nobody reads from it, since the backend takes nothing."""
    balanced, client, serving = await bench.join()
    await client.fill()
    client.reset()
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.CLIENT_RESET
    assert (await serving.receiveToEnd())[1] is Ending.RESET


@pytest_twisted.ensureDeferred
async def test_resetAsThereIsRoomAgain(bench: Bench) -> None:
    """A reset is no FIN, although both ends were held up, and one of them has room again in the very same turn."""
    balanced, client, serving = await bench.join()
    await client.fill()
    await serving.fill()
    serving.takeWhatIsThere()
    client.reset()
    assert (await serving.receiveToEnd())[1] is Ending.RESET
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.CLIENT_RESET


@pytest_twisted.ensureDeferred
async def test_resetAfterFin(bench: Bench) -> None:
    """A client that has finished and then resets is gone: the backend's next word finds nobody."""
    balanced, client, serving = await bench.join()
    await client.send(b"request")
    client.finish()
    assert await serving.receiveToEnd() == (b"request", Ending.FIN)
    client.reset()
    await serving.send(b"reply")
    serving.close()
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.CLIENT_RESET
