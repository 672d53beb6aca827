"""Limits the connections to the status endpoint, however many clients connect."""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.protocol import Factory, Protocol

from tinylb.outcome import Outcome
from tinylb.status.channel import Channel
from tinylb.status.site import Site

MOST = 64
"""The most connections that stay open."""

AT_ONCE = 8
"""The most connections beyond L{MOST} that may be closing, which takes a turn of the reactor, and the most that are
accepted in one turn."""

PAUSE = 0.01
"""Seconds between such turns when all places are taken: it bounds what a flood costs, and real requests get through."""

YOUNG = 1.0
"""Seconds after connecting, or after an answer, in which a client is expected to send a request."""


class _TurnedAway(Protocol):
    """Aborts a connection for which there is no room. Twisted's TLS needs a protocol to wrap, even then."""

    transport: Any  # a TCP transport, or one like it

    def connectionMade(self) -> None:
        """See L{Protocol.connectionMade}."""
        self.transport.abortConnection()


class Connections(Factory):
    """
    Makes room for each new connection by closing another: first the one that has been idle for longest, then one whose
    peer does not read its answer, and then one whose peer may be about to send a request.

    @param most: the most connections that stay open.
    """

    noisy = False

    def __init__(self, site: Site, clock: IReactorTime, most: int) -> None:
        self._site = site
        self._clock = clock
        self._most = most
        self._channels: dict[Channel, float] = {}  # since when each is idle, if it is
        self._leaving: set[Channel] = set()
        self._port: tcp.Port | None = None
        self._pause: IDelayedCall | None = None
        self._emptied = Outcome()

    def hold(self, port: IListeningPort) -> None:
        """Clients connect to this port. Accepting can be paused if it is an ordinary TCP port."""
        self._port = port if isinstance(port, tcp.Port) else None
        if self._port is not None:
            self._port.numberAccepts = AT_ONCE

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """See L{Factory.buildProtocol}."""
        if self._port is not None:
            # After a turn that reaches this limit Twisted's port would raise it by 20.
            self._port.numberAccepts = 0
        if len(self._channels) >= self._most:
            self._holdUp()
            if not self._makeRoom():
                return _TurnedAway()
        return Channel(self._site, self, self._clock)

    def logPrefix(self) -> str:
        """For the line that Twisted logs when it listens."""
        return "Status"

    def opened(self, channel: Channel) -> None:
        """See L{Channels <tinylb.status.channel.Channels>}."""
        self._channels[channel] = self._clock.seconds()

    def rested(self, channel: Channel) -> None:
        """See L{Channels <tinylb.status.channel.Channels>}. The order is that in which channels became idle."""
        if channel in self._channels:
            del self._channels[channel]
            self._channels[channel] = self._clock.seconds()

    def lost(self, channel: Channel) -> None:
        """See L{Channels <tinylb.status.channel.Channels>}."""
        self._channels.pop(channel, None)
        self._leaving.discard(channel)
        if not self._channels:
            self._emptied.succeed()

    def close(self) -> Deferred[None]:
        """
        Abort all connections.

        @return: a L{Deferred} that fires when they have ended.
        """
        self._port = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if not self._channels:
            return succeed(None)
        if self._emptied.isKnown:
            self._emptied = Outcome()
        for channel in tuple(self._channels):
            channel.abort()
        return self._emptied.when()

    def _holdUp(self) -> None:
        """Pause accepting, so that a flood of connections here does not delay the balancer's clients."""
        if self._port is not None and self._pause is None:
            self._port.stopReading()
            self._pause = self._clock.callLater(PAUSE, self._goOn)

    def _goOn(self) -> None:
        self._pause = None
        if self._port is not None:
            self._port.numberAccepts = AT_ONCE
            self._port.startReading()

    def _makeRoom(self) -> bool:
        if len(self._leaving) >= AT_ONCE:
            return False
        idle = [channel for channel in self._channels if not channel.isBusy]
        stuck = (channel for channel in self._channels if channel.isHeldUp)
        channel = idle[0] if idle else None
        if channel is None or self._channels[channel] > self._clock.seconds() - YOUNG:
            channel = next(stuck, channel)
        if channel is not None:
            del self._channels[channel]
            self._leaving.add(channel)
            channel.abort()
        return channel is not None
