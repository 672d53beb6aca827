"""Random traffic: what one end of a connection sends, when it reads, and how it ends; repeatable by its seed."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from random import Random

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.integration.sockets import PATIENCE, Ending, Peer

SIZES = (1, 1), (1, 200), (1, 200), (1_000, 70_000), (1_000, 70_000), (70_000, 1_000_000), (1_000_000, 4_000_000)
LONGEST_PAUSE = 0.02

MUCH = Random(0).randbytes(2 << 20)

SOME = MUCH[: 512 << 10]
"""Few enough that the kernel takes all of it while nobody reads, and more than reaches the reader then."""


@dataclass(frozen=True)
class Plan:
    """
    What one end does.

    @ivar chunks: what it sends.
    @ivar ending: whether it finishes after the last chunk and reads to the other's end, or resets then.
    @ivar seed: of its pauses, and of how much it reads at once.
    """

    chunks: tuple[bytes, ...]
    ending: Ending
    seed: float

    @classmethod
    def make(cls, random: Random, mayReset: bool) -> Plan:
        """A random one; most end well."""
        sizes = [random.randint(*random.choice(SIZES)) for _ in range(random.randint(0, 12))]
        ending = Ending.RESET if random.randrange(4) == 0 and mayReset else Ending.FIN
        return cls(tuple(map(random.randbytes, sizes)), ending, random.random())

    @property
    def data(self) -> bytes:
        """All that it sends, or means to."""
        return b"".join(self.chunks)


@dataclass(frozen=True)
class Outcome:
    """
    What one end saw.

    @ivar ending: how the other direction ended, or was ended by this end's own reset.
    """

    received: bytes
    ending: Ending


def follow(plan: Plan, peer: Peer) -> Deferred[Outcome]:
    """Do as planned, in a thread."""
    return deferToThread(_End(plan, peer).run)


class _End:
    def __init__(self, plan: Plan, peer: Peer) -> None:
        self._peer = peer
        self._plan = plan
        self._random = Random(plan.seed)
        self._unsent = [memoryview(chunk) for chunk in plan.chunks]
        self._received = bytearray()
        self._ending: Ending | None = None
        self._isSending = True
        self._sendsAt = self._readsAt = 0.0

    def run(self) -> Outcome:
        self._peer.socket.setblocking(False)
        started = time.monotonic()
        while self._isSending or self._ending is None:
            now = time.monotonic()
            assert now - started < PATIENCE, (
                f"held up after {len(self._received)} bytes, with {len(self._unsent)} to send"
            )
            mayRead, maySend = self._ending is None and now >= self._readsAt, self._isSending and now >= self._sendsAt
            ready = self._poll(mayRead * select.POLLIN | maySend * select.POLLOUT)
            if mayRead and ready & (select.POLLIN | select.POLLHUP | select.POLLERR):
                self._read()
                self._readsAt = now + self._pause()
            elif maySend and ready:
                self._send()
                self._sendsAt = now + self._pause()
        assert self._ending is not None
        return Outcome(bytes(self._received), self._ending)

    def _poll(self, events: int) -> int:
        poll = select.poll()
        poll.register(self._peer.socket, events)
        return next((ready for _, ready in poll.poll(1)), 0)

    def _pause(self) -> float:
        return self._random.uniform(0, LONGEST_PAUSE) if self._random.random() < 0.1 else 0.0

    def _read(self) -> None:
        try:
            data = self._peer.socket.recv(self._random.randint(1, 200_000))
        except BlockingIOError:
            return
        except ConnectionResetError:
            self._wasReset()
            return
        self._received += data
        if not data:
            self._ending = Ending.FIN

    def _send(self) -> None:
        try:
            if self._unsent:
                sent = self._peer.socket.send(self._unsent[0])
                self._unsent[0] = self._unsent[0][sent:]
                if not self._unsent[0]:
                    del self._unsent[0]
            elif self._plan.ending is Ending.FIN:
                self._isSending = False
                self._peer.finish()
            else:
                self._isSending = False
                self._ending = self._ending or Ending.RESET
                self._peer.reset()
        except BlockingIOError:
            pass
        except OSError:
            self._wasReset()  # which a FIN is told as "not connected", other bytes as a broken pipe

    def _wasReset(self) -> None:
        self._isSending, self._ending = False, Ending.RESET
