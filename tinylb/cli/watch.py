"""C{tinylb status --watch}: the live state, once a second, also while tinylb is gone and when it is back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinylb.cli.client import StatusClient, Unreachable
from tinylb.cli.failure import FINE
from tinylb.cli.rates import growth, withRates
from tinylb.cli.screen import Paint, Screen
from tinylb.cli.status import STATES_AND_RATES, headlines, unservedOf
from tinylb.cli.table import wrapped
from tinylb.cli.units import lasting
from tinylb.wording import timestamp

INTERVAL = 1.0

# To the terminal's alternate screen, without a cursor; back to the former one, with it.
_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
# To the top; clear a line; clear the rest of the screen.
_HOME = "\x1b[H"
_CLEAR_LINE = "\x1b[K"
_CLEAR_REST = "\x1b[J"


def watch(
    client: StatusClient,
    screen: Screen,
    *,
    asJSON: bool,
    sleep: Callable[[float], None] = time.sleep,
    seconds: Callable[[], float] = time.monotonic,
) -> int:
    """
    Show the state until interrupted.

    @param sleep: waits so many seconds.
    @param seconds: a clock, whose zero may be anywhere.
    @return: the exit status.
    @raise Unreachable: if tinylb cannot be reached at the beginning, as that is likely a mistake.
    """
    view: _View = _Documents(screen) if asJSON else _Drawing(screen) if screen.canRedraw else _Blocks(screen)
    history = _History(client, seconds)
    try:
        history.look()
        if history.error is not None:
            raise history.error
        view.begin()
        while True:
            view.show(history)
            # What is shown is at most that old, and a slow answer is not followed by the next request at once.
            sleep(INTERVAL)
            history.look()
    except KeyboardInterrupt:
        return FINE
    finally:
        view.end()


class _History:
    """
    The last state, with its rates since the one before.

    @ivar state: the last state that was received.
    @ivar backends: its backends, with rates if it is not the first one.
    @ivar unservedRate: how many clients a second got no backend, if it is not the first one.
    @ivar error: why there is no state now, if there is none.
    @ivar since: when that began.
    """

    state: Mapping[str, Any]

    def __init__(self, client: StatusClient, seconds: Callable[[], float]) -> None:
        self._client = client
        self._seconds = seconds
        self._seenAt: float | None = None
        self._unserved = 0
        self.backends: list[dict[str, Any]] = []
        self.unservedRate: float | None = None
        self.error: Unreachable | None = None
        self.since = 0.0

    def look(self) -> None:
        """Ask for the state."""
        try:
            state = self._client.state()
        except Unreachable as error:
            if self.error is None:
                self.since = self._seconds()
            self.error = error
            # When it is back, it may have restarted, with new counters.
            self._seenAt = None
            return
        now = self._seconds()
        # Without a former state there are no rates.
        elapsed = 0.0 if self._seenAt is None else now - self._seenAt
        unserved = sum(unservedOf(state).values())
        self.backends = withRates(state["backends"], self.backends, elapsed)
        self.unservedRate = growth(unserved, self._unserved, elapsed)
        self._unserved = unserved
        self.state, self._seenAt, self.error = state, now, None

    @property
    def trouble(self) -> str | None:
        """What is wrong, and for how long."""
        if self.error is None:
            return None
        return f"{self.error} ({lasting(self._seconds() - self.since)})"


class _View:
    """One way to show what was seen."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def begin(self) -> None:
        """Called before the first state is shown."""

    def show(self, history: _History) -> None:
        """Show the last state, or the error."""
        raise NotImplementedError

    def end(self) -> None:
        """Called when nothing more is shown."""


class _Documents(_View):
    """JSON, one document a line."""

    def show(self, history: _History) -> None:
        """See L{_View.show}."""
        document = {"error": str(history.error)} if history.error is not None else history.state
        self.screen.write(json.dumps({"time": timestamp(), **document}) + "\n")


class _Blocks(_View):
    """One table after another, each below a line that begins with the time."""

    def show(self, history: _History) -> None:
        """See L{_View.show}."""
        if history.error is not None:
            self.screen.write(f"# {timestamp()} {history.error}\n")
            return
        head = headlines(history.state, self.screen, history.unservedRate)
        lines = [*head, *STATES_AND_RATES.lines(history.backends, self.screen)]
        lines[0] = f"# {timestamp()} {lines[0].removeprefix('# ')}"
        self.screen.write("".join(f"{line}\n" for line in lines))


class _Drawing(_View):
    """
    A terminal's screen, drawn again and again. The last picture stays when the watch ends; while it is suspended
    (Ctrl-Z) the former screen is shown.
    """

    def __init__(self, screen: Screen) -> None:
        super().__init__(screen)
        self._latest: Sequence[str] | None = None

    def begin(self) -> None:
        """See L{_View.begin}."""
        self._latest = ()
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, self._suspend)
        self.screen.write(_ENTER)

    def show(self, history: _History) -> None:
        """See L{_View.show}."""
        self._latest = self._picture(history)
        self.screen.write(self._drawn())

    def end(self) -> None:
        """See L{_View.end}."""
        if signal.getsignal(signal.SIGTSTP) == self._suspend:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        if self._latest is not None:
            self.screen.write(_LEAVE + "".join(f"{line}\n" for line in self._latest))

    def _drawn(self) -> str:
        # A line is cleared first: after a full line, clearing would erase its last column.
        return _HOME + "".join(f"{_CLEAR_LINE}{line}\r\n" for line in self._latest or ()) + _CLEAR_REST

    def _suspend(self, number: int, _: object) -> None:
        """Restore the former screen, stop as if there were no handler, and draw again when the shell continues this."""
        # Not through the stream: the signal may arrive while it is being written to.
        terminal = self.screen.out.fileno()
        os.write(terminal, _LEAVE.encode())
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, self._suspend)
        os.write(terminal, (_ENTER + self._drawn()).encode(self.screen.out.encoding, "replace"))

    def _picture(self, history: _History) -> list[str]:
        width, lines = self.screen.size
        height = max(1, lines - 1)
        head = headlines(history.state, self.screen, history.unservedRate)
        if history.trouble is not None:
            head = [*(self.screen.painted(line, Paint.BAD) for line in wrapped(history.trouble, width)), *head]
        rows = history.backends
        table = STATES_AND_RATES.lines(rows, self.screen)
        room = height - len(head) - (len(table) - len(rows))
        if len(rows) <= max(1, room):
            return (head + table)[:height]
        # Backends in trouble are what people look for, so they come first where not all fit.
        shown = sorted(rows, key=lambda each: each.get("state") == "ready")[: max(1, room - 1)]
        more = self.screen.painted(f"and {len(rows) - len(shown)} more", Paint.FAINT)
        return [*head, *STATES_AND_RATES.lines(shown, self.screen), more][:height]
