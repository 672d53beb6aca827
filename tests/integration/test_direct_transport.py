"""Any protocol of Twisted's gets from our own endpoint what it gets from Twisted's: a complete transport."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableDescriptor, IReadWriteDescriptor, ISystemHandle, ITCPTransport

from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, eventually
from tests.integration.talkers import Talker, Way, leave
from tests.integration.tls import secureServer
from tests.integration.traffic import MUCH

pytestmark = pytest.mark.parametrize("way", ["twisted", "direct"], indirect=True)


async def _join(way: Way) -> tuple[Talker, Peer]:
    server = Server()
    talker = await way.talk(way.to(server.address))
    serving = await server.accept()
    server.socket.close()
    return talker, serving


@pytest_twisted.ensureDeferred
async def test_interfaces(way: Way) -> None:
    """It provides what TCP transports provide."""
    talker, serving = await _join(way)
    for interface in (ITCPTransport, ISystemHandle, IReadWriteDescriptor, IHalfCloseableDescriptor):
        assert interface.providedBy(talker.transport)
    talker.transport.setTcpNoDelay(True)
    assert talker.transport.getTcpNoDelay()
    talker.transport.setTcpKeepAlive(True)
    assert talker.transport.getTcpKeepAlive()
    await leave(talker)
    serving.close()


@pytest_twisted.ensureDeferred
async def test_much(way: Way) -> None:
    """Much arrives, both ways, and each way ends by itself."""
    talker, serving = await _join(way)
    receiving = serving.receiveToEnd()
    talker.transport.write(MUCH)
    talker.transport.loseWriteConnection()
    assert await receiving == (MUCH, Ending.FIN)
    sending = serving.send(MUCH)
    await eventually(lambda: len(talker.heard) == len(MUCH), "all has come")
    await sending
    assert not talker.ended
    serving.finish()
    await eventually(lambda: talker.ended, "the FIN has come")
    assert talker.heard == MUCH
    await leave(talker)
    serving.close()


@pytest_twisted.ensureDeferred
async def test_paused(way: Way) -> None:
    """Who pauses hears nothing more, and everything once he goes on."""
    talker, serving = await _join(way)
    talker.transport.pauseProducing()
    await serving.fill()
    assert talker.heard == b""
    talker.transport.resumeProducing()
    await eventually(lambda: talker.heard != b"", "something comes")
    await leave(talker)
    serving.close()


@pytest_twisted.ensureDeferred
async def test_closed(way: Way) -> None:
    """What was written before a close arrives before the FIN."""
    talker, serving = await _join(way)
    receiving = serving.receiveToEnd()
    talker.transport.write(MUCH)
    await leave(talker)
    assert talker.lost is not None
    assert talker.lost.check(ConnectionDone)
    assert await receiving == (MUCH, Ending.FIN)
    serving.close()


@pytest_twisted.ensureDeferred
async def test_aborted(way: Way) -> None:
    """An abort resets the connection."""
    talker, serving = await _join(way)
    talker.transport.abortConnection()
    await eventually(lambda: talker.lost is not None, "the connection is lost")
    assert talker.lost is not None
    assert talker.lost.check(ConnectionAborted)
    assert await serving.receiveToEnd() == (b"", Ending.RESET)
    serving.close()


@pytest_twisted.ensureDeferred
async def test_reset(way: Way) -> None:
    """A reset is told as the loss that it is."""
    talker, serving = await _join(way)
    serving.reset()
    await eventually(lambda: talker.lost is not None, "the connection is lost")
    assert talker.lost is not None
    assert talker.lost.check(ConnectionLost)


@pytest_twisted.ensureDeferred
async def test_tls(way: Way, pem: Path) -> None:
    """TLS wraps it as it wraps any endpoint."""
    # They need pyOpenSSL, for want of which the fixture has skipped the test.
    from twisted.internet.endpoints import wrapClientTLS
    from twisted.internet.ssl import Certificate, optionsForClientTLS

    server = Server()
    options = optionsForClientTLS("localhost", Certificate.loadPEM(pem.read_bytes()))
    talker = await way.talk(wrapClientTLS(options, way.to(server.address)))
    serving = await secureServer(await server.accept(), pem)
    sending = serving.send(MUCH)
    await eventually(lambda: len(talker.heard) == len(MUCH), "all has come")
    await sending
    talker.transport.write(b"answer")
    assert await serving.receive(6) == b"answer"
    talker.transport.abortConnection()
    await eventually(lambda: talker.lost is not None, "the connection is lost")
    serving.close()
    server.close()
