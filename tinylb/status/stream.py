"""Queues messages for one listener, which may read slowly or not at all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from tinylb.status.answer import Part, encode
from tinylb.wording import timestamp

MOST = 1000
"""The most messages that wait for one listener; a change of a whole set makes about as many. Later ones are only
counted."""

# See the HTML standard, "Server-sent events": how long a browser waits before it connects again (ms), and a comment.
_BEGINNING = b"retry: 1000\n\n"
_BEAT = b": \n\n"


def message(data: object) -> bytes:
    """Plain data as a server-sent event."""
    return b"data: " + encode(data) + b"\n\n"


class Stream:
    """
    The parts of an endless answer.

    @param closed: called when the listener has gone.
    """

    def __init__(self, closed: Callable[[Stream], None]) -> None:
        self._closed = closed
        self._untold: deque[bytes] = deque([_BEGINNING])
        self._missed = 0
        self._news: Deferred[None] | None = None

    def tell(self, message: bytes) -> None:
        """Add a message."""
        if len(self._untold) >= MOST:
            self._missed += 1
            return
        self._tellWhatIsMissed()
        self._untold.append(message)
        self._wake()

    def beat(self) -> None:
        """Send a heartbeat, unless a message is about to be sent."""
        if not self._untold:
            self._untold.append(_BEAT)
            self._wake()

    def close(self) -> None:
        """The listener has gone."""
        self._closed(self)

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Part:
        if self._untold:
            part = self._untold.popleft()
            if not self._untold:
                self._tellWhatIsMissed()
            return part
        self._news = Deferred()
        return self._news

    def _tellWhatIsMissed(self) -> None:
        if self._missed:
            missed, self._missed = self._missed, 0
            self._untold.append(message({"time": timestamp(), "what": "missed", "count": missed}))

    def _wake(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.callback(None)
