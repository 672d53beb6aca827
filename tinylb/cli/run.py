"""C{tinylb run}: the same program as C{twistd tinylb}, without twistd."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from twisted.logger import LogLevel

from tinylb.cli.failure import FINE
from tinylb.cli.logs import PRIORITIES, beginLogging, isJournal
from tinylb.cli.screen import Screen
from tinylb.program import CannotStart
from tinylb.tap import Options, makeService
from tinylb.usage import installedVersion, wrongUsage


class RunOptions(Options):
    """The options of the plugin, and those of the log."""

    command = "tinylb run"
    synopsis = "Usage: tinylb run [options]"
    longdesc = (
        "Balances connections over a live set of backends, in the foreground, for example: "
        "tinylb run --listen tcp:6443:interface=127.0.0.1 --backends-file backends.json. "
        "Exit status: 0 after SIGTERM or SIGINT, 1 for wrong usage and when it cannot start."
    )
    optFlags = [["json", None, "Log JSON objects, one per line, on standard error."]]

    def opt_help(self) -> NoReturn:
        """Display this help and exit."""
        Screen.of().write(f"{self}\n")
        raise SystemExit(FINE)

    opt_h = opt_help

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        Screen.of().write(f"tinylb {installedVersion()}\n")
        raise SystemExit(FINE)


def run(arguments: Sequence[str]) -> int:
    """
    Balance until a stop is asked for.

    @return: the exit status. L{SystemExit} is raised where it cannot start.
    """
    try:
        _run(arguments)
    except SystemExit as end:
        if isinstance(end.code, str) and isJournal(sys.stderr, os.environ):
            raise SystemExit(f"<{PRIORITIES[LogLevel.critical]}>{end.code}") from None
        raise
    return FINE


def _run(arguments: Sequence[str]) -> None:
    options = RunOptions()
    options.parseOptions(arguments)
    beginLogging(sys.stderr, asJSON=bool(options["json"]), environment=os.environ)
    from twisted.internet import reactor

    service = makeService(options)
    signals: list[int] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: signals.append(number))
    try:
        service.privilegedStartService()
        service.startService()
    except CannotStart as error:
        raise wrongUsage(str(error)) from None
    # By now Program handles the signals, and stops as soon as the reactor runs.
    for number in signals[:1]:
        signal.raise_signal(number)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()
