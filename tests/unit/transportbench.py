"""Two transports to play the same script on: the kit's, and Twisted's own on a socket that is no socket."""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from typing import Any, cast

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.posixbase import _DisconnectSelectableMixin
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from tests.unit.rigs import KIB
from tinylb.testing import MemoryPeer, join

LIMIT = 64 * KIB
"""What a transport buffers before it pauses its producer, and what lies on the wire while nobody reads."""


class Listener(Protocol):
    """A protocol that notes what it hears, and its own producer."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def readConnectionLost(self) -> None:
        self.heard.append("finished")

    def writeConnectionLost(self) -> None:
        self.heard.append("FIN sent")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.heard.append(type(reason.value).__name__)

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def resumeProducing(self) -> None:
        self.heard.append("resume")

    def stopProducing(self) -> None:
        self.heard.append("stop")


class Bench(ABC):
    """
    A transport, its protocol, and a peer that does what the script says.

    @ivar arrived: what the peer has read.
    """

    transport: Any

    def __init__(self, isHalfCloseable: bool = True) -> None:
        self.listener = Listener()
        if isHalfCloseable:
            alsoProvides(self.listener, IHalfCloseableProtocol)

    def hears(self, *heard: str) -> None:
        """Time passes, and this is what has been heard since the last time."""
        self.turn()
        assert self.listener.heard == list(heard), f"{type(self).__name__} heard {self.listener.heard}"
        del self.listener.heard[:]

    @property
    @abstractmethod
    def arrived(self) -> bytes: ...

    @property
    @abstractmethod
    def end(self) -> str | None:
        """How the peer sees the connection's end: C{"FIN"}, C{"reset"}, or not at all."""

    @abstractmethod
    def turn(self) -> None: ...

    @abstractmethod
    def peerSends(self, data: bytes) -> None: ...

    @abstractmethod
    def peerFinishes(self) -> None: ...

    @abstractmethod
    def peerResets(self) -> None: ...

    @abstractmethod
    def peerReads(self, does: bool) -> None: ...


class MemoryBench(Bench):
    """The kit's."""

    def __init__(self, isHalfCloseable: bool = True) -> None:
        super().__init__(isHalfCloseable)
        self._clock = Clock()
        self._peer = MemoryPeer()
        join(self._clock, self._peer, self.listener)
        self.transport = self.listener.transport

    @property
    def arrived(self) -> bytes:
        return self._peer.received

    @property
    def end(self) -> str | None:
        return "reset" if self._peer.ending == "reset" else "FIN" if self._peer.hasFinished else None

    def turn(self) -> None:
        self._clock.advance(0)

    def peerSends(self, data: bytes) -> None:
        self._peer.send(data)

    def peerFinishes(self) -> None:
        self._peer.finish()

    def peerResets(self) -> None:
        self._peer.reset()

    def peerReads(self, does: bool) -> None:
        (self._peer.resume if does else self._peer.pause)()


class ScriptedSocket:
    """What the kernel would do, at the script's command. Room for what nobody reads is as small as the kit's."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.arrived = bytearray()
        self.hasFinished = self.isReset = False
        self.peerReads = True
        self.end: str | None = None

    @property
    def isReadable(self) -> bool:
        return bool(self.incoming) or self.hasFinished or self.isReset

    @property
    def isWritable(self) -> bool:
        return len(self.outgoing) < LIMIT

    def deliver(self) -> None:
        if self.peerReads:
            self.arrived += self.outgoing
            self.outgoing.clear()

    def recv(self, size: int) -> bytes:
        if self.isReset:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        data = bytes(self.incoming[:size])
        del self.incoming[:size]
        return data

    def send(self, data: bytes) -> int:
        if self.end == "FIN":
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        accepted = data[: LIMIT - len(self.outgoing)]
        self.outgoing += accepted
        return len(accepted)

    def shutdown(self, how: int) -> None:
        self.end = "FIN"

    def setsockopt(self, level: int, option: int, value: bytes) -> None:
        """Only SO_LINGER is ever set: the close that follows resets."""
        self.end = "reset"

    def setblocking(self, isBlocking: bool) -> None: ...

    def fileno(self) -> int:
        return 0

    def close(self) -> None: ...


class ScriptedReactor(_DisconnectSelectableMixin, MemoryReactorClock):
    """Runs readers and writers as a reactor does, while their socket is ready."""

    def turn(self, socket: ScriptedSocket) -> None:
        while True:
            self.advance(0)
            ready = [(each, each.doRead, True) for each in self.getReaders() if socket.isReadable]
            ready += [(each, each.doWrite, False) for each in self.getWriters() if socket.isWritable]
            if not ready:
                return
            for each, act, isRead in ready:
                why = act() if each in (self.getReaders() if isRead else self.getWriters()) else None
                if why:
                    self._disconnectSelectable(each, why, isRead)
            socket.deliver()


class TwistedBench(Bench):
    """Twisted's, of its TCP server."""

    def __init__(self, isHalfCloseable: bool = True) -> None:
        super().__init__(isHalfCloseable)
        self._reactor = ScriptedReactor()
        self._socket = ScriptedSocket()
        self.transport = Server(
            cast(Any, self._socket), self.listener, ("127.0.0.1", 2), cast(Any, None), 0, cast(Any, self._reactor)
        )
        self.transport.startReading()
        self.listener.makeConnection(self.transport)

    @property
    def arrived(self) -> bytes:
        return bytes(self._socket.arrived)

    @property
    def end(self) -> str | None:
        return self._socket.end

    def turn(self) -> None:
        self._socket.deliver()
        self._reactor.turn(self._socket)

    def peerSends(self, data: bytes) -> None:
        self._socket.incoming += data

    def peerFinishes(self) -> None:
        self._socket.hasFinished = True

    def peerResets(self) -> None:
        self._socket.isReset = True

    def peerReads(self, does: bool) -> None:
        self._socket.peerReads = does
