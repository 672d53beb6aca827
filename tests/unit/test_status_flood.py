"""What becomes of the status endpoint's port when too many come at once."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import tcp
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tinylb.status.channel import Channel
from tinylb.status.connections import AT_ONCE, PAUSE, YOUNG, Connections

SOMEBODY = IPv4Address("TCP", "127.0.0.1", 50000)


class FloodTests(SynchronousTestCase):
    """See L{Connections.hold}."""

    def setUp(self) -> None:
        """Room for two, by a port that is listened on."""
        self.reactor = MemoryReactorClock()
        self.connections = Connections(cast(Any, None), self.reactor, 2)
        self.port = tcp.Port(0, self.connections, reactor=self.reactor)
        self.port.startReading()
        self.connections.hold(self.port)

    def come(self, count: int) -> list[bool]:
        """So many come, one after the other: which of them stay."""
        stay = []
        for _ in range(count):
            transport = StringTransport()
            self.connect(transport)
            stay.append(not transport.disconnected)
        return stay

    def connect(self, transport: StringTransport) -> Any:
        """Somebody comes: what is made for him."""
        protocol: Any = self.connections.buildProtocol(SOMEBODY)
        protocol.makeConnection(transport)
        if isinstance(protocol, Channel):
            self.addCleanup(protocol.setTimeout, None)
        return protocol

    def due(self, seconds: float) -> int:
        """How many timers run out within that time."""
        return sum(call.getTime() <= self.reactor.seconds() + seconds for call in self.reactor.getDelayedCalls())

    @property
    def isListening(self) -> bool:
        """Whether the reactor asks the port."""
        return self.port in self.reactor.getReaders()

    def test_heldUp(self) -> None:
        """When it is full those who come take the place of others; a few in a turn, and the next after a moment."""
        self.assertEqual(self.come(2), [True] * 2)
        self.assertTrue(self.isListening)
        self.assertEqual(self.come(AT_ONCE + 1), [True] * AT_ONCE + [False])
        self.assertFalse(self.isListening)
        self.port.numberAccepts = 500
        self.reactor.advance(PAUSE)
        self.assertTrue(self.isListening)
        self.assertEqual(self.port.numberAccepts, AT_ONCE)

    def test_ended(self) -> None:
        """A port that is closed meanwhile is left alone, and no timer waits to open it."""
        self.come(3)
        self.assertEqual(self.due(PAUSE), 1)
        self.connections.close()
        self.assertEqual(self.due(PAUSE), 0)
        self.reactor.advance(PAUSE)
        self.assertFalse(self.isListening)

    def test_whoGoes(self) -> None:
        """Who has just come may be about to ask: before him goes who does not read, and before that one who is idle."""
        stuck, idle = (self.connect(StringTransport()) for _ in range(2))
        stuck.isBusy = stuck.isHeldUp = True
        self.come(1)
        self.assertEqual(self.aborted(stuck, idle), [True, False])
        self.reactor.advance(YOUNG)
        self.come(1)
        self.assertEqual(self.aborted(stuck, idle), [True, True])

    def aborted(self, *channels: Any) -> list[bool]:
        """Which of them have been ended."""
        return [channel.transport.disconnected for channel in channels]
