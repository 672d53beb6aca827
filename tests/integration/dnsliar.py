"""A name server that says whatever a test wants it to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.names.dns import Message, RRHeader

from tests.integration.sockets import reactor

Lie = Callable[[Message], list[bytes] | None]


def answer(request: Message, *records: RRHeader, **fields: Any) -> bytes:
    """What an honest server says, but for some fields."""
    message = Message(id=request.id, answer=1, recAv=1, maxSize=0)
    message.queries = request.queries
    message.answers = [*records]
    for name, value in fields.items():
        setattr(message, name, value)
    return message.toStr()


def silence(request: Message) -> list[bytes]:
    """Say nothing."""
    return []


class Liar(DatagramProtocol):
    """
    @ivar byDatagram: what to say to a question.
    @ivar byConnection: the same to one that comes by a connection; after L{None} that is closed.
    @ivar datagrams: how many questions there were; C{connections} likewise.
    @ivar open: the connections that are open.
    """

    noisy = False

    def __init__(self) -> None:
        self.byDatagram: Lie = silence
        self.byConnection: Lie = silence
        self.datagrams = 0
        self.connections = 0
        self.open: set[Protocol] = set()
        self._factory = Factory.forProtocol(_Connection)
        self._factory.noisy = False
        vars(self._factory)["liar"] = self
        self._ports: list[Any] = []
        self.port = self._listen()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """See L{DatagramProtocol}."""
        self.datagrams += 1
        assert self.transport is not None
        for message in self.byDatagram(parsed(datagram)) or []:
            self.transport.write(message, addr)

    def refuseConnections(self) -> None:
        """From now on."""
        self._ports.pop().stopListening()

    def close(self) -> None:
        """Say no more."""
        for port in self._ports:
            port.stopListening()
        for connection in self.open:
            assert connection.transport is not None
            connection.transport.loseConnection()

    def _listen(self) -> int:
        while True:
            tcp = reactor.listenTCP(0, self._factory, interface="127.0.0.1")
            number: int = tcp.getHost().port
            try:
                self._ports = [reactor.listenUDP(number, self, interface="127.0.0.1"), tcp]
            except CannotListenError:
                tcp.stopListening()
            else:
                return number


class _Connection(Protocol):
    def connectionMade(self) -> None:
        """See L{Protocol}."""
        self._liar: Liar = vars(self.factory)["liar"]
        self._liar.connections += 1
        self._liar.open.add(self)

    def connectionLost(self, reason: object = None) -> None:
        """See L{Protocol}."""
        self._liar.open.remove(self)

    def dataReceived(self, data: bytes) -> None:
        """See L{Protocol}. A question comes in one piece, on this machine."""
        assert self.transport is not None
        messages = self._liar.byConnection(parsed(data[2:]))
        for message in messages or []:
            self.transport.write(struct.pack("!H", len(message)) + message)
        if messages is None:
            self.transport.loseConnection()


def parsed(data: bytes) -> Message:
    """A message."""
    message = Message()
    message.fromStr(data)
    return message
