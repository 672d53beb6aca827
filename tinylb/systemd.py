"""Tells systemd how the program is doing: the protocol of sd_notify(3)."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorCore
from twisted.logger import Logger
from zope.interface import implementer

from tinylb.balancer import LoadBalancer
from tinylb.events import BackendsReplaced, Event, Verdict, VerdictChanged
from tinylb.interfaces import ISelectiveObserver
from tinylb.service import LoadBalancerService
from tinylb.wording import counted, wordingOf

LEAST_BETWEEN_STATUS = 1.0
"""The least seconds between two C{STATUS=}, however often the set changes."""

MOST_BETWEEN_STATUS = 15.0
"""Seconds after which open connections, of which no event is told here, are counted anew."""

RETRY = 1.0
"""Seconds after which what could not be sent is sent again."""


class NotifySocket:
    """
    The socket where systemd listens. Sending to it does not block, and raises nothing.

    @param name: what C{NOTIFY_SOCKET} says: a path, or C{@} and a name in the abstract namespace.
    """

    def __init__(self, name: str) -> None:
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket: socket.socket | None = None

    def send(self, message: str) -> str | None:
        """
        @param message: lines of C{VARIABLE=value}.
        @return: L{None}, or why it could not be sent.
        """
        try:
            if self._socket is None:
                # The socket is kept: a watchdog that is not fed, for want of a descriptor, would end the process.
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            self._socket.sendto(message.encode(), self._address)
        except OSError as error:
            return wordingOf(error)
        return None

    def close(self) -> None:
        """Send nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(frozen=True)
class Watchdog:
    """
    What systemd expects of a service with C{WatchdogSec=}; see sd_watchdog_enabled(3).

    @ivar seconds: systemd ends a process that it has not heard from for so long.
    @ivar pid: which process that is; L{None} for any.
    """

    seconds: float
    pid: str | None

    @property
    def isOurs(self) -> bool:
        """Whether systemd expects to hear from this process."""
        return self.pid in (None, str(os.getpid()))


@implementer(ISelectiveObserver)
class SystemdNotifier(Service):
    """
    Sends C{READY=1} once the balancer listens, C{STATUS=} when the set or its health changes, C{WATCHDOG=1} while the
    reactor turns, and C{STOPPING=1}. What cannot be sent now is sent a second later.

    @param balancer: started before this, and stopped before this, so that the watchdog is fed while connections finish.
    @param channel: the socket of systemd.
    @param watchdog: L{None} if there is none.
    """

    _log = Logger()
    kinds = frozenset((BackendsReplaced, VerdictChanged))

    def __init__(
        self, reactor: IReactorCore, balancer: LoadBalancerService, channel: NotifySocket, watchdog: Watchdog | None
    ) -> None:
        self._reactor = reactor
        self._balancer = balancer
        self._channel = channel
        self._watchdog = watchdog
        self._clock = balancer.balancer.clock
        self._feeds = False
        self._interval = MOST_BETWEEN_STATUS
        self._unsaid: dict[str, str] = {}
        self._isMute = False
        self._status = ""
        self._statusAt = -LEAST_BETWEEN_STATUS
        self._inWords: Callable[[LoadBalancer], str] = ofSet
        self._beating: IDelayedCall | None = None
        self._call: IDelayedCall | None = None
        self._listening: Deferred[None] | None = None
        self._trigger: object = None

    def startService(self) -> None:
        """Begin. C{READY=1} is sent as soon as the balancer listens."""
        Service.startService(self)
        if self._watchdog is not None and self._watchdog.isOurs:
            self._feeds = True
            self._interval = min(self._watchdog.seconds / 2, MOST_BETWEEN_STATUS)
        self._balancer.balancer.observers.append(self)
        self._trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self._stopping)
        self._beat()
        self._listening = self._balancer.whenListening()
        # A balancer that cannot listen ends the program, and that is told elsewhere.
        self._listening.addCallbacks(self._ready, lambda _: None)

    def stopService(self) -> None:
        """Send nothing more."""
        if not self.running:
            return
        Service.stopService(self)
        self._balancer.balancer.observers.remove(self)
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
            self._trigger = None
        if self._listening is not None:
            self._listening.cancel()
        for call in (self._beating, self._call):
            if call is not None:
                call.cancel()
        self._beating = self._call = None
        self._channel.close()

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        self._wake(self._statusAt + LEAST_BETWEEN_STATUS - self._clock.seconds())

    def _ready(self, _: None) -> None:
        self._unsaid["READY"] = "1"
        self._update()

    def _stopping(self) -> None:
        self._trigger = None
        self._unsaid["STOPPING"] = "1"
        self._inWords = ofStop
        self._update()

    def _beat(self) -> None:
        self._beating = self._clock.callLater(self._interval, self._beat)
        if self._feeds:
            self._unsaid["WATCHDOG"] = "1"
        if self._clock.seconds() - self._statusAt >= LEAST_BETWEEN_STATUS:
            self._tellStatus()
        self._say()

    def _wake(self, delay: float) -> None:
        if self._call is None:
            self._call = self._clock.callLater(max(0.0, delay), self._woken)

    def _woken(self) -> None:
        self._call = None
        self._update()

    def _update(self) -> None:
        self._tellStatus()
        self._say()

    def _tellStatus(self) -> None:
        status = self._inWords(self._balancer.balancer)
        if status != self._status:
            self._status = self._unsaid["STATUS"] = status
            self._statusAt = self._clock.seconds()

    def _say(self) -> None:
        if not self._unsaid:
            return
        why = self._channel.send("\n".join(f"{variable}={value}" for variable, value in self._unsaid.items()))
        if why is None:
            self._unsaid.clear()
        else:
            self._wake(min(RETRY, self._interval / 4))
            if not self._isMute:
                self._log.warn("systemd cannot be told how tinylb is doing: {why}", why=why)
        self._isMute = why is not None


def notifier(
    reactor: IReactorCore, balancer: LoadBalancerService, environ: MutableMapping[str, str] = os.environ
) -> SystemdNotifier | None:
    """
    The notifier for this process, by its environment. The variables are removed, as they are not meant for children.

    @return: L{None} where systemd does not want to hear anything.
    """
    name = environ.pop("NOTIFY_SOCKET", "")
    period, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", None)
    if not name:
        return None
    isWatched = period.isascii() and period.isdigit() and int(period) > 0
    watchdog = Watchdog(int(period) / 1e6, pid) if isWatched else None
    return SystemdNotifier(reactor, balancer, NotifySocket(name), watchdog)


def ofSet(balancer: LoadBalancer) -> str:
    """The set in words, such as C{3 backends: 2 ready, 1 dead; 14 connections}."""
    selection = balancer.pool.selection
    states = Counter(selection.findingOf(member).verdict for member in selection.backends.members)
    backends = counted(states.total(), "backend") if states else "no backends"
    of = ", ".join(f"{states[verdict]} {verdict.value}" for verdict in Verdict if states[verdict])
    return f"{backends}{': ' if of else ''}{of}; {counted(balancer.connections, 'connection')}"


def ofStop(balancer: LoadBalancer) -> str:
    """The same while the balancer stops."""
    return f"stopping; {counted(balancer.connections, 'connection')} open"
