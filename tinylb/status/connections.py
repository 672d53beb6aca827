"""The connections to the status endpoint, which are not many, however many come."""

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
"""So many stay open."""

AT_ONCE = 8
"""So many more may be on their way out, which takes a turn of the reactor; and so many are accepted in a turn."""

PAUSE = 0.01
"""Seconds from one such turn to the next: what a flood costs is bounded, and whoever has a question gets through."""

YOUNG = 1.0
"""Seconds in which somebody who has connected, or has got an answer, is expected to ask."""


class _TurnedAway(Protocol):
    """Somebody for whom there is no room. With nobody in its place Twisted's TLS would have nothing to talk to."""

    transport: Any  # a TCP transport, or one like it

    def connectionMade(self) -> None:
        """See L{Protocol.connectionMade}."""
        self.transport.abortConnection()


class Connections(Factory):
    """
    Makes room for each newcomer: who has been idle for longest goes, then who does not read what he asked for, and then
    who may be about to ask.

    @param most: how many stay open.
    """

    noisy = False

    def __init__(self, site: Site, clock: IReactorTime, most: int) -> None:
        self._site = site
        self._clock = clock
        self._most = most
        self._channels: dict[Channel, float] = {}  # since when they are idle, if they are
        self._leaving: set[Channel] = set()
        self._port: tcp.Port | None = None
        self._pause: IDelayedCall | None = None
        self._emptied = Outcome()

    def hold(self, port: IListeningPort) -> None:
        """This is what they come by. It can be held up if it has a socket of the usual kind."""
        self._port = port if isinstance(port, tcp.Port) else None
        if self._port is not None:
            self._port.numberAccepts = AT_ONCE

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """See L{Factory.buildProtocol}."""
        if self._port is not None:
            # Twisted's ports would accept 20 more in each turn that is as full as this says.
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
        """See L{Channels <tinylb.status.channel.Channels>}: the order is that in which they were busy last."""
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
        End them all, at once.

        @return: a L{Deferred} that fires when they have ended.
        """
        self._port = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if not self._channels:
            return succeed(None)
        self._emptied = Outcome()
        for channel in tuple(self._channels):
            channel.abort()
        return self._emptied.when()

    def _holdUp(self) -> None:
        """Others, who have come to be balanced, are not to wait for those who only come."""
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
