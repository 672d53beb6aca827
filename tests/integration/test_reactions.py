"""Observers that change the set the moment they are told of something, while the pair they hear of is being served."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from zope.interface import implementer

from tests.integration.bench import Bench, backend
from tests.integration.servers import NamedServer, Server
from tests.integration.sockets import Ending, eventually, reactor
from tests.integration.traffic import MUCH
from tinylb import CloseReason, PairClosed, PairHalfClosed, PairOpened, TCPBackend
from tinylb.events import Event
from tinylb.interfaces import IBackend, IObserver

LONG = 60.0


@implementer(IObserver)
class Reacting:
    """Does something the first time it is told of a kind of event."""

    def __init__(self, kind: type[Event], react: Callable[[], object]) -> None:
        self._kind = kind
        self._react: list[Callable[[], object]] = [react]

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe}."""
        if isinstance(event, self._kind) and self._react:
            self._react.pop()()


@implementer(IBackend)
class Held(TCPBackend):
    """
    A backend whose attempts wait.

    @ivar waiting: how to let each of them through.
    """

    def __init__(self, server: Server) -> None:
        assert isinstance(server.address, tuple)
        super().__init__(reactor, *server.address)
        self.waiting: list[Callable[[], object]] = []

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        held: Deferred[IProtocol] = Deferred()
        self.waiting.append(lambda: super(Held, self).connect(factory).chainDeferred(held))
        return held


@pytest.mark.parametrize("kind", [PairOpened, PairHalfClosed])
@pytest_twisted.ensureDeferred
async def test_removing(bench: Bench, kind: type[Event]) -> None:
    """An observer takes the target out of the set as it is told of a pair: that is reset, and leaves nothing."""
    server = bench.add(Server())
    balanced = await bench.balance(idleTimeout=LONG, halfCloseTimeout=LONG)
    balanced.publish(a=backend(server))
    balanced.balancer.observers.append(Reacting(kind, balanced.publish))
    client = bench.connect(balanced)
    client.socket.sendall(b"request")
    client.finish()
    assert (await client.receiveToEnd()) == (b"", Ending.RESET)
    serving = await server.accept()
    with pytest.raises(ConnectionError):
        await serving.send(MUCH)
    assert (await balanced.hearOne(PairClosed)).reason is CloseReason.TARGET_REMOVED


@pytest_twisted.ensureDeferred
async def test_removingWhileOthersWait(bench: Bench) -> None:
    """Clients that wait for the target which an observer takes out are served by another backend, without delay."""
    server, other = bench.add(Server()), bench.add(NamedServer("other"))
    held = Held(server)
    balanced = await bench.balance(attemptDelay=LONG, dialTimeout=LONG)
    balanced.publish(a=held)
    balanced.balancer.observers.append(Reacting(PairOpened, lambda: balanced.publish(b=backend(other))))
    first, *others = [bench.connect(balanced) for _ in range(4)]
    await eventually(lambda: len(held.waiting) == 4, "all wait")
    held.waiting[0]()
    for client in others:
        assert await client.receive(6) == b"other\n"
    assert await first.receiveToEnd() == (b"", Ending.RESET)
