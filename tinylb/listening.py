"""A service that listens from its start to its stop, and may be started again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.python.failure import Failure

from tinylb.listeners import Listeners
from tinylb.outcome import Outcome


class State(Enum):
    """What a service was last asked for."""

    STOPPED = "stopped"
    STARTED = "started"


class ListeningService(Service, ABC):
    """The base class of services that listen. A privileged start and the start after it are one start."""

    def __init__(self) -> None:
        self._state = State.STOPPED
        self._stop: Outcome | None = None
        self._listeners = self._newListeners()

    @property
    def hosts(self) -> Sequence[IAddress]:
        """The addresses listened on, in the order of the endpoints."""
        return self._listeners.hosts

    def whenListening(self) -> Deferred[None]:
        """
        @return: a L{Deferred} that fires when every endpoint is listened on, or fails with
            L{CannotListen <tinylb.listeners.CannotListen>}.
        """
        return self._listeners.outcome.when()

    def privilegedStartService(self) -> None:
        """Listen while ports below 1024 may still be bound; see L{startService}."""
        Service.privilegedStartService(self)
        self._begin()

    def startService(self) -> None:
        """
        Listen.

        @raise tinylb.listeners.CannotListen: when that is known at once. Otherwise L{whenListening} tells.
        """
        Service.startService(self)
        self._begin()

    def stopService(self) -> Deferred[None]:
        """
        Listen no more, and end.

        @return: a L{Deferred} that fires when everything has ended. To cancel it is only to wait no more. A second call
            waits for the same end. The service may be started again.
        """
        Service.stopService(self)
        self._state = State.STOPPED
        if self._stop is None:
            stop = self._stop = Outcome()
            # An error in C{_end} is logged, as nobody else takes it; the stop comes to its end.
            DeferredList([self._listeners.close(), maybeDeferred(self._end)]).addCallback(lambda _: stop.succeed())
        return self._stop.when()

    @abstractmethod
    def _newListeners(self) -> Listeners:
        """The listeners of one start."""

    @abstractmethod
    def _prepare(self, isAgain: bool) -> None:
        """Do what comes before listening, at each start."""

    @abstractmethod
    def _allOpened(self) -> None:
        """Every endpoint is listened on."""

    @abstractmethod
    def _cannotListen(self, failure: Failure) -> None:
        """An endpoint could not be listened on: undo what was prepared."""

    @abstractmethod
    def _end(self) -> Deferred[None]:
        """
        Do what goes with the end of listening.

        @return: a L{Deferred} that fires when that is done.
        """

    def _begin(self) -> None:
        if self._state is State.STARTED:
            return
        self._state = State.STARTED
        self._stop = None
        isAgain = self._listeners.outcome.isKnown
        if isAgain:
            self._listeners = self._newListeners()
        self._prepare(isAgain)
        failures: list[Failure] = []
        listening = self._listeners.outcome.when()
        listening.addCallbacks(lambda _: self._allOpened(), self._failed, errbackArgs=(failures,))
        self._listeners.open()
        if failures:
            failures[0].raiseException()

    def _failed(self, failure: Failure, failures: list[Failure]) -> None:
        failures.append(failure)
        self._state = State.STOPPED
        self._cannotListen(failure)
