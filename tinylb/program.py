"""How the program starts, is told things and ends: one line when it cannot start, status 0 when it was told to stop."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.accepts import QuietAccepts
from tinylb.clock import monotonicClock
from tinylb.interfaces import IRefreshable
from tinylb.listeners import CannotListen
from tinylb.listening import ListeningService
from tinylb.service import LoadBalancerService
from tinylb.wording import counted

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

SAME_SIGNAL = 0.05
"""Seconds in which another signal is the same one once more: timeout(1), for one, signals a process and then its
group."""


class CannotStart(Exception):
    """The program cannot start; the message is the one line that says why."""


@dataclass(frozen=True)
class Process:
    """
    How twistd or twist runs us.

    @ivar pidfile: where the process's number stands, if anywhere.
    @ivar isSilent: whether nobody sees standard error: a daemon's is gone, and what it says goes to
        the log.
    """

    pidfile: str | None
    isSilent: bool


class Program(Service):
    """
    Runs a balancer as the process's own business. Signals are handled here, since twistd and twist
    end a process by the signal that stopped it, so that a clean stop looks like a failure.

    @param listen: the descriptions of the balancer's endpoints.
    @param passing: services beside the balancer that start after it, and stop before it.
    @param lasting: those that stop when the balancer has ended.
    @param status: one more of those, which listens, and the description of its endpoint.
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
        self._signalledAt: float | None = None
        self._isHurrying = False
        self._hasTerminal = False
        self._clock = monotonicClock(reactor)
        self._accepts = QuietAccepts(self._clock)

    def privilegedStartService(self) -> None:
        """Listen, with the rights that the process was started with. Whoever waits for that may send signals then."""
        self._takeSignals()
        for service, names in self._listening:
            self._reporting(service.privilegedStartService, names)

    def startService(self) -> None:
        """Start, and take the signals over."""
        Service.startService(self)
        self._takeSignals()
        # Python ends by a signal that comes while it is finishing, unless that is ignored by then.
        atexit.register(_ignoreSignals)
        for service, names in self._listening:
            self._reporting(service.startService, names)
            service.whenListening().addErrback(self._cannotListen, names)
        self._accepts.start()
        self._reactor.callWhenRunning(self._handleSignals)  # the reactor sets up its own before
        for attachment in (*self._lasting, *self._passing):
            # The reactor has yet to open what it needs for itself, and may have few descriptors.
            self._reactor.callWhenRunning(attachment.startService)

    def stopService(self) -> Deferred[None]:
        """Stop; see L{LoadBalancerService.stopService}."""
        Service.stopService(self)
        for attachment in self._passing:
            attachment.stopService()
        return self._balancer.stopService().addCallback(self._ended)

    def _ended(self, _: None) -> Deferred[None]:
        stops: list[Callable[[], Deferred[None] | None]] = [
            *(service.stopService for service, _ in self._listening if service is not self._balancer),
            *(attachment.stopService for attachment in self._lasting),
        ]
        stopping = [maybeDeferred(stop) for stop in stops]
        return DeferredList(stopping, consumeErrors=True).addCallback(self._stopped)

    def _reporting(self, start: Callable[[], object], names: Sequence[str]) -> None:
        """
        Twisted's runners know no other way than an exception to give up at this point: they remove
        the pid file, tell the parent of a daemon, and leave the exception to the interpreter.
        """
        try:
            start()
        except CannotListen as error:
            line = _explain(error, names)
            if self._process.isSilent:
                self._log.critical("{line}", line=line)
            sys.excepthook = _inOneLine
            raise CannotStart(line) from None

    def _cannotListen(self, failure: Failure, names: Sequence[str]) -> None:
        """An endpoint that takes its time has failed: the program has started, and ends."""
        if not isinstance(failure.value, CannotListen):
            failure.raiseException()
        self._log.critical("{line}", line=_explain(failure.value, names))
        self._reactor.stop()
        self._reactor.addSystemEventTrigger("after", "shutdown", self._exit, 1)

    def _takeSignals(self) -> None:
        """A process that was told to ignore SIGHUP, as by nohup(1), is to outlive its terminal."""
        self._hasTerminal = self._hasTerminal or (signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and _hasTerminal())
        self._handleSignals()

    def _handleSignals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._refresh))

    def _refresh(self) -> None:
        """While it stops, only what lasts still has something to look at. A terminal that is gone ends its programs."""
        if self._hasTerminal and not _hasTerminal():
            self._signalled(signal.SIGHUP, None)
            return
        first = (self._tellRefresh, self._balancer.refresh) if self.running else ()
        attached = (*self._passing, *self._lasting)
        for step in (*first, *(each.refresh for each in attached if IRefreshable.providedBy(each))):
            try:
                step()
            except Exception:
                self._log.failure("{step!r} failed at SIGHUP", step=step)

    def _tellRefresh(self) -> None:
        self._log.info("SIGHUP: looking again at {source}", source=self._balancer.describeProvider()["source"])

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        """In the main thread, between two instructions of whatever is going on."""
        now = self._clock.seconds()
        former, self._signalledAt = self._signalledAt, now
        if former is None:
            self._reactor.callFromThread(self._stop, signal.Signals(number).name)
        elif now - former < SAME_SIGNAL:
            self._signalledAt = former
        elif not self._isHurrying:
            self._isHurrying = True
            self._reactor.callFromThread(self._hurry)
        else:
            self._exit(0)

    def _hurry(self) -> None:
        """What is open is reset, which takes a turn or two; cut short, it must not look complete."""
        ended = self._balancer.balancer.drain(0)
        ended.addCallback(lambda _: DeferredList([maybeDeferred(each.stopService) for each in self._lasting]))
        ended.addCallback(lambda _: self._exit(0))

    def _exit(self, status: int) -> None:
        """End now. twistd, to which this does not come back, would remove its pid file."""
        if self._process.pidfile:
            try:
                os.unlink(self._process.pidfile)
            except OSError:
                pass
        sys.stdout.flush()
        os._exit(status)

    def _stop(self, name: str) -> None:
        connections = self._balancer.balancer.connections
        self._log.info(
            "{signal}: stopping; {open} open",
            signal=name,
            connections=connections,
            open=counted(connections, "connection"),
        )
        self._reactor.stop()

    def _stopped(self, _: object) -> None:
        self._accepts.stop()
        self._log.info("Stopped")


def _hasTerminal() -> bool:
    """Whether there is somebody at a terminal that is ours; see tty(4)."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _ignoreSignals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _explain(error: CannotListen, names: Sequence[str]) -> str:
    return f"{names[error.number]}: {error}"


def _inOneLine(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, CannotStart):
        print(f"tinylb: {error}", file=sys.__stderr__)  # the other one goes to the log by now
    else:
        sys.__excepthook__(kind, error, traceback)
