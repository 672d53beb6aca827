"""What happens while a pair is being made, before anybody here has heard of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, clientFromString
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from tests.integration.bench import Balanced, Bench, backend
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, Peer, connect, eventually, reactor
from tests.integration.tls import tlsBackend
from tests.integration.traffic import MUCH
from tinylb import DialFailed, EndpointBackend, PairClosed, PairOpened
from tinylb.direct import DirectEndpoint
from tinylb.transports import ISocketFactory

LONG = 60.0

WORDS = [b"", b"hello", MUCH[:100_000]]
WORD_IDS = ["nothing", "little", "much"]


# Twisted's own endpoint begins to connect a turn later.
MOMENTS = pytest.mark.parametrize(
    ("engine", "moment"), [("kernel", "begun"), ("kernel", "made"), ("stream", "made")], indirect=["engine"]
)


def _nothing() -> None:
    pass


@implementer(IStreamClientEndpoint)
class Meanwhile:
    """
    An endpoint that does something else at the same time.

    @param begun: is called when the kernel has made the connection, of which nobody has heard yet.
    @param made: is called when somebody just has.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        begun: Callable[[], object] = _nothing,
        made: Callable[[], object] = _nothing,
    ) -> None:
        self._endpoint = endpoint
        self._begun = begun
        self._made = made

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IStreamClientEndpoint}."""
        connecting: Deferred[IProtocol] = self._endpoint.connect(_Telling(factory, self._made))
        self._begun()
        return connecting


@implementer(ISocketFactory)
class _Telling:
    def __init__(self, factory: IProtocolFactory, made: Callable[[], object]) -> None:
        self.takesSockets: bool = getattr(factory, "takesSockets", False)
        self._factory = factory
        self._made = made

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        self._made()
        return self._factory.buildProtocol(addr)

    def doStart(self) -> None:
        self._factory.doStart()

    def doStop(self) -> None:
        self._factory.doStop()


def _endpoint(server: Server) -> DirectEndpoint:
    assert isinstance(server.address, tuple)
    return DirectEndpoint(reactor, *server.address, timeout=None)


async def _balance(bench: Bench, endpoint: IStreamClientEndpoint) -> Balanced:
    balanced = await bench.balance()
    balanced.publish(a=EndpointBackend("a", endpoint))
    return balanced


@pytest.mark.parametrize("finishes", [False, True], ids=["goes on", "finishes"])
@pytest.mark.parametrize("words", WORDS, ids=WORD_IDS)
@MOMENTS
@pytest_twisted.ensureDeferred
async def test_serverSpeaksFirst(bench: Bench, words: bytes, finishes: bool, moment: str) -> None:
    """What a server says, and its FIN, as soon as the kernel has connected it, arrive; it gets the client's answer."""
    server = bench.add(Server())
    servers: list[Peer] = []

    def speak() -> None:
        serving = server.acceptNow()
        servers.append(serving)
        serving.socket.sendall(words)
        if finishes:
            serving.finish()

    balanced = await _balance(bench, Meanwhile(_endpoint(server), **{moment: speak}))
    client = bench.connect(balanced)
    if finishes:
        assert await client.receiveToEnd() == (words, Ending.FIN)
    else:
        assert await client.receive(len(words)) == words
    await client.send(b"answer")
    client.finish()
    (serving,) = servers
    assert await serving.receiveToEnd() == (b"answer", Ending.FIN)
    serving.close()
    closed = await balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (6, len(words))


@pytest.mark.parametrize("finishes", [False, True], ids=["goes on", "finishes"])
@pytest.mark.parametrize("words", WORDS, ids=WORD_IDS)
@pytest_twisted.ensureDeferred
async def test_clientSpokeBefore(bench: Bench, words: bytes, finishes: bool) -> None:
    """What a client has said, and its FIN, before it is accepted, arrive; it gets the server's answer."""
    server = bench.add(Server())
    balanced = await bench.balance()
    balanced.publish(a=backend(server))
    client = bench.connect(balanced)
    client.socket.sendall(words)
    if finishes:
        client.finish()
    serving = await server.accept()
    if finishes:
        assert await serving.receiveToEnd() == (words, Ending.FIN)
    else:
        assert await serving.receive(len(words)) == words
    await serving.send(b"answer")
    serving.finish()
    assert await client.receiveToEnd() == (b"answer", Ending.FIN)
    client.close()
    closed = await balanced.hearOne(PairClosed)
    assert (closed.bytesIn, closed.bytesOut) == (len(words), 6)


@pytest.mark.parametrize("kind", ["direct", "twisted", "tls"])
@pytest_twisted.ensureDeferred
async def test_clientResetsAsTheBackendIsThere(bench: Bench, request: pytest.FixtureRequest, kind: str) -> None:
    """A client that resets in the very moment in which its backend is connected leaves nothing at either side."""
    server = bench.add(Server())
    clients: list[Peer] = []
    endpoint: IStreamClientEndpoint = _endpoint(server)
    if kind == "tls":
        endpoint = clientFromString(reactor, tlsBackend(server.address, request.getfixturevalue("pem")))
    elif kind == "twisted":
        endpoint = TCP4ClientEndpoint(reactor, *server.address)
    balanced = await _balance(bench, Meanwhile(endpoint, made=lambda: clients.pop().reset()))
    clients.append(connect(balanced.address))
    serving = await server.accept()
    _, ending = await serving.receiveToEnd()
    assert ending is Ending.RESET
    await eventually(lambda: not balanced.balancer.describe()["connections"], "nothing is left")


@pytest.mark.parametrize("engine", ["kernel"], indirect=True)
@pytest_twisted.ensureDeferred
async def test_serverResetsAtOnce(bench: Bench) -> None:
    """A server that resets a connection as soon as it is made was none: the client is served by another one."""
    server, other = bench.add(Server()), bench.add(NamedServer("other"))
    balanced = await bench.balance(attemptDelay=LONG)
    endpoint = Meanwhile(_endpoint(server), begun=lambda: server.acceptNow().reset())
    balanced.publish(a=EndpointBackend("a", endpoint), b=backend(other))
    assert await bench.connect(balanced).receive(6) == b"other\n"
    assert (await balanced.hearOne(DialFailed)).target == "a"


@pytest_twisted.ensureDeferred
async def test_clientsThatAreGone(bench: Bench) -> None:
    """Clients that were gone before they could be accepted hold up nobody, and leave nothing."""
    balanced = await bench.balance()
    balanced.publish(a=backend(bench.add(NamedServer("name"))))
    for _ in range(10):
        connect(balanced.address).reset()
    client = bench.connect(balanced)
    for _ in range(10):
        connect(balanced.address).reset()
    assert await client.receive(5) == b"name\n"
    client.close()
    opened = balanced.told(PairOpened)
    await balanced.hear(PairClosed, len(opened))
