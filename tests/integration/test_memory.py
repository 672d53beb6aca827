"""What is left of connections that have ended: nothing that holds memory."""

from __future__ import annotations

import gc

import pytest
import pytest_twisted
from twisted.internet.tcp import Connection

from tests.integration.bench import Bench
from tinylb import PairClosed
from tinylb.ends import End
from tinylb.pair import Pair


def alive() -> int:
    """How many transports, ends and pairs there are, the reactor's idle ones among them."""
    return sum(isinstance(each, (Connection, End, Pair)) for each in gc.get_objects())


@pytest.mark.parametrize("isReset", [False, True], ids=["closed", "reset"])
@pytest_twisted.ensureDeferred
async def test_endedConnectionsAreFreed(bench: Bench, isReset: bool) -> None:
    """
    Transports, with what they could not send, go when their connection does, and not only when Python
    looks for cycles, which on a quiet machine may be never.
    """
    gc.collect()
    before = alive()
    gc.disable()
    try:
        balanced, client, serving = await bench.join()
        await client.fill()
        if isReset:
            client.reset()
        else:
            client.close()
            serving.close()
        await balanced.hearOne(PairClosed)
        assert alive() == before
    finally:
        gc.enable()
