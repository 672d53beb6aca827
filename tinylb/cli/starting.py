"""What is settled before C{tinylb run} is even imported, which takes most of the time until it is at work."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from tinylb.cli.failure import FINE
from tinylb.terminal import hasTerminal


def answerSignals() -> None:
    """Until others handle them: a stop that is asked for is an end at once, as nobody is served yet."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    # It asks to look again, which is about to be done; or a terminal says that it is gone, which ends its programs.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and not hasTerminal():
        signal.signal(signal.SIGHUP, lambda *_: None)


def fillStandardStreams() -> None:
    """In place of those that are closed: a socket that got such a number would get what is written there by others."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _end(number: int, frame: FrameType | None) -> None:
    """An exception would come up wherever the program happens to be."""
    os._exit(FINE)
