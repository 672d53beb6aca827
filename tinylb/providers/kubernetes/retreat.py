"""
Goes back to the set before. The API server may be reached through the balancer's own backends: after a set that is
empty, draining or just wrong it could not be asked for another one.
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
    A set is proven when the source was asked successfully while the set was in force. A later set is given up for the
    proven one when the source cannot be asked under it, none of its backends answers, and one of the proven set does.
    The source may go on naming the set that was given up; that set is taken as soon as one of its backends answers.

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
        """The source has answered. A set that was given up is probed again, as the source may still name it."""
        self._proven = inForce
        if self._givenUp is not None and self._going is None:
            self._go(self._reconsider(self._givenUp))

    def failed(self, inForce: BackendSet) -> None:
        """The source could not be asked."""
        if inForce.members != self._proven.members and self._going is None:
            self._go(self._return(inForce))

    def allows(self, backends: BackendSet) -> bool:
        """Whether a set that the source names may be in force: not at once if it is the one that was given up."""
        self.end()
        if self._givenUp is not None and self._givenUp.members == backends.members:
            self._go(self._reconsider(self._givenUp))
            return False
        self._givenUp = None
        return True

    def end(self) -> None:
        """Stop probing."""
        going, self._going = self._going, None
        if going is not None:
            going.cancel()

    async def _return(self, inForce: BackendSet) -> None:
        isNewThere = await self._probe.anyAnswers(_usable(inForce))
        isOldThere = not isNewThere and await self._probe.anyAnswers(_usable(self._proven))
        self._going = None
        if isOldThere:
            self._log.warn(
                "No backend of the latest set answers, and the source cannot be asked any more; "
                "the set before it is in force again"
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
