"""How the program starts, takes signals and ends: one line when it cannot start, status 0 when it was told to stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.accepts import TOO_MANY_OPEN_FILES, QuietAccepts
from tinylb.addresses import spell
from tinylb.clock import monotonicClock
from tinylb.interfaces import IRefreshable
from tinylb.listeners import CannotListen
from tinylb.listening import ListeningService
from tinylb.outcome import Outcome
from tinylb.service import LoadBalancerService
from tinylb.signals import Signals
from tinylb.sockets import addressOf
from tinylb.wording import counted

AT_ONCE = 0.5
"""Seconds after a second signal in which what is open is reset, and the access log gets its last lines. Then the
process ends, whatever still hangs."""


class CannotStart(Exception):
    """The program cannot start; the message is the one line that says why."""


@dataclass(frozen=True)
class Process:
    """
    How twistd or twist runs us.

    @ivar pidfile: path of the file with the process id, if there is one.
    @ivar isSilent: whether nobody sees standard error: a daemon's is gone, and its messages go to the
        log.
    """

    pidfile: str | None
    isSilent: bool


class Ending(Enum):
    """How far the program has come in stopping."""

    NONE = "none is near"
    BEGUN = "what is open may finish"
    HURRIED = "what is open is reset"


class Program(Service):
    """
    Runs a balancer as the whole business of a process. Signals are handled here, since twistd and twist
    end a process by the signal that stopped it, which makes a clean stop look like a failure.

    @param listen: the descriptions of the balancer's endpoints.
    @param passing: services beside the balancer that start after it, and stop before it.
    @param lasting: services that stop when the balancer has ended.
    @param status: one more lasting service, which listens, and the description of its endpoint.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        balancer: LoadBalancerService,
        listen: Sequence[str],
        process: Process,
        *,
        passing: Sequence[IService] = (),
        lasting: Sequence[IService] = (),
        status: tuple[ListeningService, str] | None = None,
    ) -> None:
        self._reactor = reactor
        self._balancer = balancer
        self._process = process
        self._passing = passing
        self._lasting = lasting
        self._listening: list[tuple[ListeningService, list[str]]] = []
        if status is not None:
            self._listening.append((status[0], [f"--status {status[1]}"]))
        self._listening.append((balancer, [f"--listen {each}" for each in listen]))
        self._ending = Ending.NONE
        self._status = 0
        self._stopped = Outcome()
        self._clock = monotonicClock(reactor)
        self._signals = Signals(reactor, self._clock, self._signalled, self._refresh)
        self._accepts = QuietAccepts(self._clock, self._turnedAway)

    def privilegedStartService(self) -> None:
        """
        Listen, with the privileges that the process was started with. Signals are taken from now on: a process that
        has waited for the sockets may send some.
        """
        self._signals.take()
        for service, names in self._listening:
            self._reporting(service.privilegedStartService, names)

    def startService(self) -> None:
        """Start, and take the signals over."""
        Service.startService(self)
        self._signals.take()
        for service, names in self._listening:
            self._reporting(service.startService, names)
            service.whenListening().addErrback(self._cannotListen, names)
        self._accepts.start()
        self._reactor.callWhenRunning(self._signals.handle)  # the reactor installs its own handlers before
        for attachment in (*self._lasting, *self._passing):
            # The reactor has yet to open what it needs for itself, and may have few descriptors.
            self._reactor.callWhenRunning(attachment.startService)

    def stopService(self) -> Deferred[None]:
        """Stop; see L{LoadBalancerService.stopService}. A second call waits for the same end."""
        if self.running:
            Service.stopService(self)
            self._begin()
            for attachment in self._passing:
                attachment.stopService()
            self._balancer.stopService().addCallback(self._stopLasting).addCallback(self._end)
        return self._stopped.when()

    def _stopLasting(self, _: None) -> Deferred[Any]:
        listening = [service for service, _ in self._listening if service is not self._balancer]
        stopping = [maybeDeferred(each.stopService) for each in (*listening, *self._lasting)]
        return DeferredList(stopping, consumeErrors=True)

    def _end(self, _: object) -> None:
        self._accepts.stop()
        self._log.info("Stopped")
        self._stopped.succeed()

    def _begin(self) -> bool:
        """
        Note that the program is ending.

        @return: whether this is the first call.
        """
        isFirst = self._ending is Ending.NONE
        if isFirst:
            self._ending = Ending.BEGUN
        return isFirst

    def _reporting(self, start: Callable[[], object], names: Sequence[str]) -> None:
        """
        Start a service, or end in one line if it cannot listen. Only an exception makes Twisted's runners
        give up at this point: they remove the pid file, tell the parent of a daemon, and leave the
        exception to the interpreter.
        """
        try:
            start()
        except CannotListen as error:
            self._giveUp()
            line = _explain(error, names)
            if self._process.isSilent:
                self._log.critical("{line}", line=line)
            sys.excepthook = _inOneLine
            raise CannotStart(line) from None

    def _giveUp(self) -> None:
        """Stop listening. A port removes its files in a turn of the reactor, which has to be run here."""
        self._begin()
        self._status = 1
        for service, _ in self._listening:
            service.stopService()
        self._reactor.iterate()

    def _cannotListen(self, failure: Failure, names: Sequence[str]) -> None:
        """An endpoint has failed after the program has started: end. Endpoints that fail at a stop are no news."""
        error = failure.value
        assert isinstance(error, CannotListen)
        if self._begin():
            self._status = 1
            self._log.critical("{line}", line=_explain(error, names))
            self._reactor.stop()
            self._reactor.addSystemEventTrigger("after", "shutdown", self._exit)

    def _refresh(self) -> None:
        """Look again, at SIGHUP. While the program stops, only its attachments do."""
        first = (self._tellRefresh, self._balancer.refresh) if self.running else ()
        attached = (*self._passing, *self._lasting)
        for step in (*first, *(each.refresh for each in attached if IRefreshable.providedBy(each))):
            try:
                step()
            except Exception:
                self._log.failure("{step!r} failed at SIGHUP", step=step)

    def _tellRefresh(self) -> None:
        self._log.info("SIGHUP: looking again at {source}", source=self._balancer.describeProvider()["source"])

    def _signalled(self, name: str) -> None:
        """Stop, at a signal; called in the middle of other code, see L{Signals}."""
        if self._begin():
            self._reactor.callFromThread(self._stop, name)
        elif self._ending is Ending.BEGUN:
            self._ending = Ending.HURRIED
            self._reactor.callFromThread(self._hurry, name)
        else:
            self._exit()

    def _stop(self, name: str) -> None:
        if self._status:
            return  # the program cannot start, and ends for that
        self._log.info("{signal}: stopping; {open} open", signal=name, **self._open())
        self._reactor.stop()

    def _hurry(self, name: str) -> None:
        """Reset what is open, which takes a turn or two. What is cut short must not look complete."""
        self._log.info("{signal}: ending at once; {open} open", signal=name, **self._open())
        self._clock.callLater(AT_ONCE, self._exit)
        self.stopService().addCallback(lambda _: self._exit())
        self._balancer.balancer.drain(0)

    def _turnedAway(self, port: Any, name: Any) -> bool:
        """See L{QuietAccepts}. The ports of other services may be short of descriptors, too."""
        host = port.getHost()
        if host not in self._balancer.hosts:
            return False
        self._balancer.balancer.turnedAway(addressOf(port.socket.family, name), spell(host), TOO_MANY_OPEN_FILES)
        return True

    def _open(self) -> dict[str, object]:
        connections = self._balancer.balancer.connections
        return {"connections": connections, "open": counted(connections, "connection")}

    def _exit(self) -> None:
        """End now. The pid file is removed here, as twistd, which would do it, does not get control again."""
        if self._process.pidfile:
            try:
                os.unlink(self._process.pidfile)
            except OSError:
                pass
        os._exit(self._status)


def _explain(error: CannotListen, names: Sequence[str]) -> str:
    return f"{names[error.number]}: {error}"


def _inOneLine(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, CannotStart):
        print(f"tinylb: {error}", file=sys.__stderr__)  # sys.stderr goes to the log by now
    else:
        sys.__excepthook__(kind, error, traceback)
