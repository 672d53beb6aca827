"""
One connection to the status endpoint: L{HTTPChannel}, with limits on what a peer may do, and on how long it may do
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from zope.interface import implementer

from tinylb.sockets import holdLittle, probe, socketOf
from tinylb.status.request import Request
from tinylb.status.site import Site

IDLE = 30
"""Seconds that a peer may take for a request, from the connection or the last answer to the request's last byte."""

STUCK = 60
"""Seconds that a peer may take to read what is buffered of an unfinished answer, about 100 kB at most."""

CLOSING = 30
"""Seconds that a peer may take to read the rest when the connection is being closed."""

KEEPALIVE = 30.0
"""Seconds of silence after which the kernel probes whether a peer is still there."""

UNREAD = 64 * 1024
"""Bytes that the kernel is asked to buffer for a peer that does not read; by default it would be megabytes."""


class Channels(Protocol):
    """Is told of each connection."""

    def opened(self, channel: Channel) -> None: ...

    def rested(self, channel: Channel) -> None:
        """An answer has ended."""

    def lost(self, channel: Channel) -> None: ...


@implementer(IHalfCloseableProtocol)
class Channel(HTTPChannel):
    """
    Reads requests, and logs none of them.

    @ivar site: answers the requests.
    @ivar isBusy: whether a request is being answered.
    @ivar isHeldUp: whether the peer does not read what was written for it.
    @ivar hasFinished: whether the peer has closed its sending side.
    """

    transport: Any  # a TCP transport, or one like it
    requestFactory = Request
    maxHeaders = 100

    def __init__(self, site: Site, channels: Channels, clock: IReactorTime) -> None:
        HTTPChannel.__init__(self)
        self.site = site
        self.isBusy = False
        self.isHeldUp = False
        self.hasFinished = False
        self.timeOut = IDLE
        self._clock = clock
        self._channels = channels

    def connectionMade(self) -> None:
        """See L{HTTPChannel}."""
        HTTPChannel.connectionMade(self)
        sock = socketOf(self.transport)
        if sock is not None:
            probe(sock, KEEPALIVE)
            holdLittle(sock, UNREAD)
        self._channels.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See L{HTTPChannel}."""
        HTTPChannel.connectionLost(self, reason)
        self._channels.lost(self)

    def readConnectionLost(self) -> None:
        """
        The peer has closed its sending side. Its request is still answered, unless the answer is endless. A transport
        that is resumed after an answer calls this a second time.
        """
        self.hasFinished = True
        if not self.isBusy or self.requests[0].isEndless:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        """See L{IHalfCloseableProtocol}; this side never half-closes."""

    def callLater(self, period: float, func: Callable[[], None]) -> IDelayedCall:
        """See L{TimeoutMixin <twisted.protocols.policies.TimeoutMixin>}."""
        return self._clock.callLater(period, func)

    def setTimeout(self, period: int | None) -> int | None:
        """See L{TimeoutMixin <twisted.protocols.policies.TimeoutMixin>}."""
        former: int | None = HTTPChannel.setTimeout(self, period)
        return former

    def resetTimeout(self) -> None:
        """Does nothing, so that a byte now and then gains no time: a request has to be complete within L{IDLE}."""

    def lineLengthExceeded(self, line: bytes) -> None:
        """See L{LineReceiver <twisted.protocols.basic.LineReceiver>}."""
        self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n\r\n")
        self.loseConnection()

    def headerReceived(self, line: bytes) -> bool:
        """See L{HTTPChannel}, which raises when a Content-Length has more digits than Python converts to a number."""
        try:
            return bool(HTTPChannel.headerReceived(self, line))
        except ValueError:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            self.loseConnection()
            return False

    def allHeadersReceived(self) -> None:
        """
        See L{HTTPChannel}. A body is never waited for, nor invited by a C{100 Continue}: the request counts as
        complete, and the connection ends after its answer.
        """
        request = self.requests[0]
        request.hasBody = self.length != 0
        request.requestHeaders.removeHeader(b"Expect")
        self.length = 0
        HTTPChannel.allHeadersReceived(self)
        if request.hasBody:
            self.persistent = 0

    def allContentReceived(self) -> None:
        """See L{HTTPChannel}."""
        self.isBusy = True
        HTTPChannel.allContentReceived(self)
        if self.isHeldUp:
            self.setTimeout(STUCK)

    def requestDone(self, request: Request) -> None:
        """See L{HTTPChannel}."""
        self.isBusy = False
        self._channels.rested(self)
        HTTPChannel.requestDone(self, request)

    def pauseProducing(self) -> None:
        """
        See L{HTTPChannel}. While the peer does not read, nothing is read from it either: during a request HTTPChannel
        would go on reading, and keep whatever comes.
        """
        self.isHeldUp = True
        HTTPChannel.pauseProducing(self)
        self.transport.pauseProducing()
        if self.isBusy:
            self.setTimeout(STUCK)

    def resumeProducing(self) -> None:
        """See L{HTTPChannel}."""
        self.isHeldUp = False
        if self.isBusy:
            self.setTimeout(None)
        HTTPChannel.resumeProducing(self)
        self.transport.resumeProducing()

    def loseConnection(self) -> None:
        """See L{HTTPChannel}. Here closing has a time limit, L{CLOSING}."""
        self.setTimeout(CLOSING)
        HTTPChannel.loseConnection(self)

    def timeoutConnection(self) -> None:
        """See L{HTTPChannel}, which would log it."""
        if self.isBusy or self.transport.disconnecting:
            self.abort()
        else:
            self.loseConnection()

    def abort(self) -> None:
        """End the connection now."""
        self.transport.abortConnection()
