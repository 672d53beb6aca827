"""Runs a credential plugin, a program that prints our credentials, with limits on time and output."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tinylb.files import Missing
from tinylb.wording import printable, wordingOf

LONGEST = 30.0
"""Seconds that the program may take."""

MOST = 1 << 20
"""Bytes that it may print."""

LINGER = 0.5
"""Seconds for which its output is still read after it has ended."""

_STDOUT, _STDERR = 1, 2


class PluginError(Exception):
    """The program was of no use; the message says why, but does not name the program."""


class NoSuchProgram(PluginError, Missing):
    """There is no such program that can be run."""


def findProgram(command: str, environ: Mapping[str, str]) -> str:
    """
    @param command: a path, or a name to be found in the environment's C{PATH}.
    @return: its path.
    @raise NoSuchProgram: when there is none.
    """
    found = shutil.which(command, path=environ.get("PATH"))
    if found is None:
        raise NoSuchProgram("there is no such program, or it may not be run")
    return found


def runPlugin(
    reactor: IReactorProcess, clock: IReactorTime, command: str, args: Sequence[str], environ: Mapping[str, str]
) -> Deferred[bytes]:
    """
    Run a program. It has no terminal and nothing to read.

    @param command: see L{findProgram}.
    @return: fires with the program's output, or fails with L{PluginError}. Cancelling this, exceeding the time limit
        or printing too much kills the program, together with what it has started.
    """
    try:
        found = findProgram(command, environ)
    except NoSuchProgram as error:
        return fail(error)
    # Twisted's children are in our process group. In a session of its own the program also has no terminal to ask at.
    session = shutil.which("setsid")
    line = [found, *args] if session is None else [session, found, *args]
    run = _Run(clock, isLeader=session is not None)
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            reactor.spawnProcess(run, line[0], line, environ, childFDs={0: nothing, _STDOUT: "r", _STDERR: "r"})
        finally:
            os.close(nothing)
    except OSError as error:
        return fail(PluginError(f"cannot be started: {wordingOf(error)}"))
    return run.said


class _Run(ProcessProtocol):
    """
    One run of a program.

    @param isLeader: whether it becomes the leader of a process group.
    @ivar said: fires with its standard output.
    """

    def __init__(self, clock: IReactorTime, isLeader: bool) -> None:
        self.said: Deferred[bytes] = Deferred(lambda _: self._kill())
        self._clock = clock
        self._isLeader = isLeader
        self._output = bytearray()
        self._complaint = b""
        self._heard = 0
        self._limit: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """See L{ProcessProtocol.connectionMade}."""
        self._limit = self._clock.callLater(LONGEST, self._giveUp, f"has not ended within {LONGEST:g} s")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """See L{ProcessProtocol.childDataReceived}."""
        if self.said.called:
            return
        self._heard += len(data)
        if childFD == _STDERR:
            self._complaint = (self._complaint + data)[-4096:]
        else:
            self._output += data
        if self._heard > MOST:
            self._complaint = b""  # it may be cut anywhere
            self._giveUp(f"says more than {MOST >> 20} MiB")

    def processExited(self, reason: Failure) -> None:
        """See L{ProcessProtocol.processExited}. Processes that it has left behind may hold its output open for ever."""
        self._stopWaiting()
        if not self.said.called:
            self._limit = self._clock.callLater(LINGER, self._leave, reason)

    def processEnded(self, reason: Failure) -> None:
        """See L{ProcessProtocol.processEnded}."""
        self._stopWaiting()
        if not self.said.called:
            self._conclude(reason)

    def _leave(self, reason: Failure) -> None:
        self._limit = None
        IProcessTransport(self.transport).loseConnection()
        self._conclude(reason)

    def _conclude(self, reason: Failure) -> None:
        if reason.check(ProcessDone):
            self.said.callback(bytes(self._output))
        else:
            self.said.errback(PluginError(self._why(reason.value)))

    def _giveUp(self, why: str) -> None:
        self._kill()
        self.said.errback(PluginError(why + self._lastWords()))

    def _kill(self) -> None:
        self._stopWaiting()
        process = IProcessTransport(self.transport)
        try:
            if self._isLeader and process.pid is not None:
                os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it is not yet the leader of a process group
        try:
            process.signalProcess("KILL")
        except ProcessExitedAlready:
            pass  # only processes that it has started hold its output open, or did
        process.loseConnection()

    def _stopWaiting(self) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()

    def _why(self, ended: Any) -> str:
        how = f"exit status {ended.exitCode}" if ended.signal is None else f"ended by signal {ended.signal}"
        return how + self._lastWords()

    def _lastWords(self) -> str:
        """The last line of its standard error that is not blank."""
        lines = [" ".join(line.split()) for line in self._complaint.decode("utf-8", "replace").splitlines()]
        last = next((line for line in reversed(lines) if line), "")
        return f": {printable(last)}" if last else ""
