"""What is set up before C{tinylb run} is imported, as that import takes most of the start."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from tinylb.cli.failure import FINE
from tinylb.terminal import hasTerminal


def answerSignals() -> None:
    """Until the program handles signals: a request to stop ends the process at once, as no client is served yet."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    # SIGHUP asks to look again, which is about to be done; at a terminal it means that the terminal is gone: the end.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL and not hasTerminal():
        signal.signal(signal.SIGHUP, lambda *_: None)


def fillStandardStreams() -> None:
    """Open the null device for closed streams: a socket with such a number would get what other code writes there."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


def _end(number: int, frame: FrameType | None) -> None:
    """End at once; an exception would be raised wherever the program happens to be."""
    os._exit(FINE)
