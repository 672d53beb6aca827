"""One attempt to connect to one backend."""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from zope.interface import implementer

from tinylb.events import CloseReason
from tinylb.proxyprotocol.greeting import greet
from tinylb.ranking import Candidate
from tinylb.transports import ISocketFactory


class Search(Protocol):
    """What an attempt belongs to: a dial."""

    factory: IProtocolFactory

    def claim(self, attempt: Attempt) -> bool:
        """An attempt has its connection. Returns whether it wins."""

    def hasOthers(self) -> bool:
        """Whether there is a backend that it has not tried."""

    def moveOn(self, attempt: Attempt, isGone: bool) -> None:
        """An attempt's target is gone, or dead: end it, and find another."""


class State(Enum):
    """How far an attempt, or a whole dial, is."""

    TRYING = "trying"
    CLAIMED = "claimed"  # the connection is made and has its protocol; the Deferred is yet to fire
    OVER = "over"


_TRYING = State.TRYING


@implementer(ISocketFactory)
class Attempt:
    """
    One attempt to connect to one backend. It is the factory that the backend's endpoint asks for a
    protocol, which is the very moment the connection is made: the first attempt that is asked wins.
    """

    __slots__ = (
        "__weakref__",
        "candidate",
        "connecting",
        "dial",
        "protocol",
        "reachedBefore",
        "started",
        "state",
        "takesSockets",
        "target",
    )

    def __init__(self, dial: Search, candidate: Candidate, started: float) -> None:
        self.dial: Search | None = dial
        self.candidate = candidate
        self.target = candidate.target
        self.started = started
        self.reachedBefore = candidate.record.reached
        self.state = _TRYING
        self.protocol: IProtocol | None = None
        self.connecting: Deferred[IProtocol] | None = None
        self.takesSockets: bool = getattr(dial.factory, "takesSockets", False)

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:
        """See L{IProtocolFactory}. L{None} when another attempt was first, or the target is gone."""
        dial = self.dial
        if dial is None or self.state is not _TRYING or not dial.claim(self):
            return None
        protocol = self.protocol = dial.factory.buildProtocol(addr)
        version = self.candidate.proxyProtocol
        if version is not None and protocol is not None and not getattr(dial.factory, "greets", False):
            greet(protocol, version)
        return protocol

    def doStart(self) -> None:
        """Nothing to do, and nothing to log."""

    def doStop(self) -> None:
        """Nothing to do, and nothing to log."""

    def abort(self, reason: CloseReason) -> bool:
        """
        The target is gone, or dead: the attempt ends, and its client is dialled elsewhere. An attempt at a dead target
        goes on where no other backend is left to try.
        """
        dial = self.dial
        if dial is None or (reason is CloseReason.TARGET_DEAD and not dial.hasOthers()):
            return False
        dial.moveOn(self, isGone=reason is CloseReason.TARGET_REMOVED)
        return True
