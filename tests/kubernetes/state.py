"""What an API server has been told, and what it has seen."""

from __future__ import annotations

from typing import TypedDict

from tests.kubernetes.faults import Faults
from tests.kubernetes.store import Change, Selector, Store
from tests.kubernetes.watches import Watch, bookmark, event


class Record(TypedDict):
    """
    A request, for tests to read: C{on} is one of L{On <tests.kubernetes.faults.On>}, C{at} the monotonic time,
    C{connection} the number of the one that it came by, and C{code} the status of the answer, if there was any.
    """

    on: str
    at: float
    connection: int
    method: str
    path: str
    query: dict[str, str]
    agent: str
    token: str | None
    certificate: str | None
    serverName: str | None
    code: int | None


class State:
    """
    All of that.

    @ivar isReady: what C{/readyz} says.
    @ivar isListening: whether there can be more connections.
    @ivar isOpen: whether anybody may read.
    @ivar tokens: those that are believed; likewise C{certificates}, common names.
    @ivar pieces: the most bytes in a chunk of a watch; C{0}: what is sent at once is one.
    @ivar watches: those that are under way.
    @ivar accepted: when each connection was, in monotonic time; C{open}: how many of them are there now.
    """

    def __init__(self) -> None:
        self.store = Store()
        self.faults = Faults()
        self.isReady = True
        self.isListening = False
        self.isOpen = True
        self.tokens: set[str] = set()
        self.certificates: set[str] = set()
        self.pieces = 0
        self.watches: set[Watch] = set()
        self.records: list[Record] = []
        self.accepted: list[float] = []
        self.open = 0

    def tell(self, changes: list[Change]) -> None:
        """Those who watch get the events in one go."""
        for watch in self.watches:
            watch.send(self.events([each for each in changes if each.revision > watch.after], watch.selector))

    def tellBookmarks(self) -> None:
        """Those who want to know are told how far it is."""
        for watch in self.watches:
            if watch.hasBookmarks:
                watch.send(bookmark(self.store.spell(self.store.revision)))

    def events(self, changes: list[Change], selector: Selector) -> bytes:
        """The lines for who watches those selected."""
        seen = [(change.revision, change.seenBy(selector)) for change in changes]
        return b"".join(event(told[0], self.store.render(told[1], revision)) for revision, told in seen if told)
