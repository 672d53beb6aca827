"""One end of a connection, as a plain blocking socket on this machine's real network stack."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import cast

from twisted.internet import reactor as installedReactor
from twisted.internet.defer import Deferred
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from tests.ipv6 import needIPv6

reactor = cast(PosixReactorBase, installedReactor)

PATIENCE = 10.0
"""Seconds after which a test gives up. No test waits for them to pass."""

QUIET = 0.3
"""Seconds without a byte after which a connection counts as held up."""

ZEROS = memoryview(bytes(64 << 20))
"""More than all buffers between two ends hold."""

Address = tuple[str, int] | str
"""The address of a TCP socket, or the path of a UNIX socket."""


async def eventually(condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
    """Let the reactor turn until C{condition} holds."""
    start = reactor.seconds()
    while not condition():
        isLate = reactor.seconds() - start >= within
        await deferLater(reactor, 0.002)
        if isLate:
            # What had come while this process was stopped is heard now.
            await deferLater(reactor, 0)
            assert condition(), f"not within {within} s: {what}"


class Ending(Enum):
    """How a connection ends, as its peer sees it."""

    FIN = "fin"
    RESET = "reset"


class Peer:
    """
    One end of a connection. Operations that may block on the other end run in a thread, and begin at once.

    @ivar address: its own address.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.socket = connection
        self.address = nameOf(connection)

    def send(self, data: bytes | memoryview) -> Deferred[None]:
        """Send all of it."""
        return deferToThread(self.socket.sendall, data)

    def receive(self, count: int) -> Deferred[bytes]:
        """Receive exactly so many bytes."""
        return deferToThread(self._receive, count)

    def receiveToEnd(self) -> Deferred[tuple[bytes, Ending]]:
        """Everything up to the end of the connection, and how it ended."""
        return deferToThread(self._receiveToEnd)

    def finish(self) -> None:
        """Send a FIN, and go on listening."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Reset the connection. No thread may be using it."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close both directions, which wakes a thread that receives."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already
        self.socket.close()

    def fill(self, data: memoryview = ZEROS) -> Deferred[int]:
        """Send until nothing more is taken for a moment, but not all; fires with the number of bytes that were."""
        return deferToThread(self._fill, data)

    def takeWhatIsThere(self) -> bytes:
        """What the kernel has received so far, without waiting and without a turn of the reactor."""
        data = bytearray()
        self.socket.setblocking(False)
        try:
            while chunk := self.socket.recv(1 << 20):
                data += chunk
        except BlockingIOError:
            pass
        finally:
            self.socket.settimeout(PATIENCE)
        return bytes(data)

    def _receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            assert chunk, f"the connection ended after {len(data)} of {count} bytes"
            data += chunk
        return bytes(data)

    def _fill(self, data: memoryview) -> int:
        self.socket.settimeout(QUIET)
        sent = 0
        try:
            while sent < len(data):
                sent += self.socket.send(data[sent:])
        except TimeoutError:
            return sent
        finally:
            self.socket.settimeout(PATIENCE)
        raise AssertionError(f"all of {sent} bytes were taken")

    def _receiveToEnd(self) -> tuple[bytes, Ending]:
        data = bytearray()
        while True:
            try:
                chunk = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return bytes(data), Ending.RESET
            if not chunk:
                return bytes(data), Ending.FIN
            data += chunk


def connect(address: Address, own: Path | None = None) -> Peer:
    """
    A client of the listener at an address; the kernel completes the connection without a call to accept.

    @param own: the path of its own UNIX socket, which has no name otherwise.
    """
    connection = socket.socket(familyOf(address))
    peer = Peer(connection)
    try:
        if own is not None:
            connection.bind(str(own))
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    peer.address = nameOf(connection)
    return peer


def familyOf(address: Address) -> socket.AddressFamily:
    """The kind of socket that an address is for. The test is skipped where there are none of it."""
    if isinstance(address, str):
        return socket.AF_UNIX
    if ":" not in address[0]:
        return socket.AF_INET
    needIPv6()
    return socket.AF_INET6


def nameOf(sock: socket.socket) -> Address:
    """A socket's own address."""
    name: Address | tuple[str, int, int, int] = sock.getsockname()
    return name if isinstance(name, str) else name[:2]
