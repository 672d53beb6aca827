"""What each path of the status endpoint shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Protocol

from tinylb.service import LoadBalancerService
from tinylb.status.answer import JSON, Answer, say, show
from tinylb.status.feed import Feed
from tinylb.status.files import files
from tinylb.status.state import States

_EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(Protocol):
    """Counts what C{/metrics} shows."""

    def start(self) -> None:
        """Begin to count."""

    def stop(self) -> None:
        """Stop counting."""

    def expose(self) -> Iterator[bytes]:
        """
        @return: all that is counted, in Prometheus's text format 0.0.4, in parts that each take little time. A part
            may be empty.
        @raise ImportError: when a library that this needs is missing; raised at once, or with the first part.
        """


class Paths:
    """
    Looks up what a path shows.

    @param metrics: L{None} where nothing is counted.
    """

    def __init__(self, balancer: LoadBalancerService, feed: Feed, metrics: Metrics | None) -> None:
        self._balancer = balancer
        self._feed = feed
        self._metrics = metrics
        self._states = States(balancer)
        self._answers: dict[bytes, Callable[[], Answer]] = {
            b"/healthz": self._health,
            b"/readyz": self._readiness,
            b"/metrics": self._exposition,
            b"/api/state": self._state,
            b"/api/explain": lambda: show(balancer.explain()),
            b"/api/events": self._events,
        }

    def answer(self, path: bytes) -> Answer:
        """The answer for a path; 404 for an unknown one."""
        answer = self._answers.get(path)
        if answer is not None:
            return answer()
        return files().get(path) or say(404, "there is nothing here")

    def _health(self) -> Answer:
        return _wellness(self._troubles())

    def _readiness(self) -> Answer:
        troubles = self._troubles()
        if not self._balancer.balancer.isReady:
            troubles.append("no backend is usable")
        return _wellness(troubles)

    def _troubles(self) -> list[str]:
        return [f"{each['address']}: {each['why']}" for each in self._balancer.listening() if each["why"]]

    def _state(self) -> Answer:
        parts = self._states.ask()
        return Answer(200, JSON, parts, release=parts.close)

    def _exposition(self) -> Answer:
        try:
            if self._metrics is None:
                return say(501, "nothing is counted here")
            parts = self._metrics.expose()
            first = next(parts, b"")
        except ImportError as error:
            return say(501, str(error))
        return Answer(200, _EXPOSITION, chain((first,), parts))

    def _events(self) -> Answer:
        stream = self._feed.listen()
        if stream is None:
            return say(503, f"no more than {self._feed.most} may listen", ("Retry-After", "5"))
        return Answer(200, "text/event-stream", stream, isEndless=True, release=stream.close)


def _wellness(troubles: list[str]) -> Answer:
    return say(503, "; ".join(troubles)) if troubles else say(200, "ok")
