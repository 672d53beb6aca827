"""
Going back to the set before. The source may be asked by way of its own backends, and a set that is empty, draining or
just wrong would be the last one ever heard of.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from tinylb.backends import BackendSet
from tinylb.interfaces import IBackend, IProbe


class Retreat:
    """
    A set is proven when the source was asked while it was in force. When the source cannot be asked under another one,
    nobody of that answers, and somebody of the proven one does, the other is given up for it. The source may go on
    naming the set that was given up; it is taken as soon as somebody of it answers.

    @param publish: puts a set in force.
    """

    _log = Logger()

    def __init__(self, probe: IProbe, publish: Callable[[BackendSet], None]) -> None:
        self._probe = probe
        self._publish = publish
        self._proven = BackendSet()
        self._givenUp: BackendSet | None = None
        self._going: Deferred[Any] | None = None

    def asked(self, inForce: BackendSet) -> None:
        """The source has been asked. While it names what was given up, that is looked at again."""
        self._proven = inForce
        if self._givenUp is not None and self._going is None:
            self._go(self._reconsider(self._givenUp))

    def failed(self, inForce: BackendSet) -> None:
        """The source could not be asked."""
        if inForce.members != self._proven.members and self._going is None:
            self._go(self._return(inForce))

    def allows(self, backends: BackendSet) -> bool:
        """Whether a set that the source names is to be in force; unless it is the one that was given up."""
        self.end()
        if self._givenUp is not None and self._givenUp.members == backends.members:
            self._go(self._reconsider(self._givenUp))
            return False
        self._givenUp = None
        return True

    def end(self) -> None:
        """Find out nothing more."""
        going, self._going = self._going, None
        if going is not None:
            going.cancel()

    async def _return(self, inForce: BackendSet) -> None:
        isNewThere = await self._probe.anyAnswers(_usable(inForce))
        isOldThere = not isNewThere and await self._probe.anyAnswers(_usable(self._proven))
        self._going = None
        if isOldThere:
            self._log.warn(
                "The source cannot be asked under its latest set, of which nobody answers; "
                "the set before is in force again"
            )
            self._givenUp = inForce
            self._publish(self._proven)

    async def _reconsider(self, backends: BackendSet) -> None:
        isThere = await self._probe.anyAnswers(_usable(backends))
        self._going = None
        if isThere:
            self._givenUp = None
            self._publish(backends)

    def _go(self, probing: Coroutine[Deferred[Any], Any, None]) -> None:
        going = Deferred.fromCoroutine(probing).addErrback(Failure.trap, CancelledError)
        self._going = None if going.called else going


def _usable(backends: BackendSet) -> list[IBackend]:
    return [backends[member.id] for member in backends.members if not member.draining]
