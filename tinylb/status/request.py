"""One request to the status endpoint, and the sending of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import CooperativeTask, TaskStopped
from twisted.python.failure import Failure
from twisted.web import http
from zope.interface import implementer

from tinylb.status.answer import Answer

if TYPE_CHECKING:
    from tinylb.status.channel import Channel

# As RFC 9110 has them; twisted.web has other names for some.
_REASONS = {**http.RESPONSES, 413: b"Content Too Large", 421: b"Misdirected Request"}

_Work = Iterator["Deferred[None] | None"]


@implementer(IPushProducer)
class Request(http.Request):
    """
    Asks the site for its answer and writes it part by part, while the peer reads. Requests share the turns of the
    reactor.

    @ivar hasBody: whether the request has a body, which is never read.
    """

    channel: Channel
    hasBody = False
    _answer: Answer | None = None
    _task: CooperativeTask[_Work] | None = None
    _isPaused = False

    @property
    def isEndless(self) -> bool:
        """Whether its answer is known to be endless."""
        return self._answer is not None and self._answer.isEndless

    def process(self) -> None:
        """See L{http.Request}."""
        http.Request.registerProducer(self, self, True)
        self._task = self.channel.site.cooperator.cooperate(self._work())
        self._task.whenDone().addBoth(self._ended)
        if self.channel.isHeldUp:
            self.pauseProducing()

    def connectionLost(self, reason: Failure) -> None:
        """See L{http.Request}."""
        http.Request.connectionLost(self, reason)
        self.stopProducing()

    def pauseProducing(self) -> None:
        """See L{IPushProducer.pauseProducing}."""
        if self._task is not None and not self._isPaused:
            self._isPaused = True
            self._task.pause()

    def resumeProducing(self) -> None:
        """See L{IPushProducer.resumeProducing}."""
        if self._task is not None and self._isPaused:
            self._isPaused = False
            self._task.resume()

    def stopProducing(self) -> None:
        """See L{IPushProducer.stopProducing}."""
        if self._task is not None:
            self._task.stop()

    def _work(self) -> _Work:
        answer = self._answer = self.channel.site.answer(self, self.hasBody)
        if answer.isEndless and self.channel.hasFinished:
            self.channel.loseConnection()
            return
        response: http.Request = self  # what a subclass inherits from it is untyped, mypy says
        response.setResponseCode(answer.code, _REASONS[answer.code])
        for name, value in self.channel.site.headers(answer):
            response.setHeader(name, value)
        if not self.channel.persistent:
            response.setHeader("Connection", "close")
        if isinstance(answer.body, bytes):
            response.setHeader("Content-Length", str(len(answer.body)))
        if self.method != b"HEAD":
            for part in (answer.body,) if isinstance(answer.body, bytes) else answer.body:
                if isinstance(part, bytes):
                    response.write(part)
                    yield None
                else:
                    yield part
        response.unregisterProducer()
        response.finish()

    def _ended(self, result: object) -> None:
        self._task = None
        if self._answer is not None and self._answer.release is not None:
            self._answer.release()
        if isinstance(result, Failure) and not result.check(TaskStopped):
            self.channel.site.failed(self.path, result)
            self.channel.abort()
