"""A source with standby backends, which serve until the source has answered, and when none of its backends can."""

from __future__ import annotations

import random as systemRandom
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from tinylb.backends import BackendSet, Member
from tinylb.clock import monotonicClock, release
from tinylb.follower import Follower
from tinylb.interfaces import (
    IBackend,
    IDescribed,
    IExpecting,
    INamed,
    IProvider,
    IProxyProtocol,
    IRefreshable,
    IStandby,
)
from tinylb.providers.state import StateFile
from tinylb.value import Value, Watcher
from tinylb.wording import counted


@implementer(IProvider, IDescribed, IRefreshable)
class LayeredProvider:
    """
    Publishes the source's set, with the standby backends in a last tier, which serves while no backend of the source
    can. Until the source has answered, the standby backends serve together with those that are remembered of the
    source: what is remembered may be wrong.

    When a target leaves the source its connections end, even if it is the target of a standby backend, too.

    @param reactor: for the clock that goes with it.
    @param source: an L{IProvider}. One that is L{IExpecting} is told the remembered set.
    @param standby: the backends that stand by. Among themselves they keep their tiers.
    @param state: remembers the source's last set over restarts.
    @param clock: monotonic; by default the one that goes with the reactor.
    @param random: gives numbers in [0, 1), for jitter.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        source: IProvider,
        standby: BackendSet | None = None,
        *,
        state: StateFile | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] = systemRandom.random,
    ) -> None:
        self._clock = clock or monotonicClock(reactor)
        self._source = source
        self._standby = standby or BackendSet()
        self._state = state
        self._known = BackendSet()
        self._hasBegun = False
        self._isWaiting = False
        self._hasAnswered = False
        self._follower = Follower(self._clock, source, self._take, random)
        self._value: Value[BackendSet] = Value(onWatched=self._start, onUnwatched=self._stop)

    def watch(self) -> Watcher[BackendSet]:
        """See L{IProvider.watch}."""
        return self._value.watch()

    def describe(self) -> dict[str, str | None]:
        """See L{IDescribed.describe}. The error is the source's, with that of the state file."""
        told = self._follower.describe()
        if self._state is not None and self._state.error is not None:
            trouble = f"state file {self._state.path} cannot be written: {self._state.error}"
            told["error"] = f"{told['error']}; {trouble}" if told["error"] else trouble
        return told

    def refresh(self) -> None:
        """See L{IRefreshable.refresh}. The source looks again, if it can."""
        self._follower.refresh()

    def _start(self) -> None:
        isFirst = not self._hasBegun
        if isFirst:
            self._hasBegun = True
            self._recall()
        self._follower.start()
        if isFirst and not self._hasAnswered and (self._known or self._standby):
            served = [
                counted(len(backends), what)
                for backends, what in ((self._known, "remembered backend"), (self._standby, "fixed backend"))
                if backends
            ]
            self._isWaiting = True
            self._log.info(
                "Until {source} answers, clients go to {served}", source=self._name, served=", ".join(served)
            )
            self._publish()

    def _stop(self) -> None:
        self._follower.stop()
        if self._state is not None:
            self._state.close()
        release(self._clock)

    @property
    def _name(self) -> str:
        """The source's description of itself, by which it is remembered."""
        return str(self._follower.describe()["source"])

    def _recall(self) -> None:
        if self._state is not None:
            self._known = self._state.recall(self._name)
            if IExpecting.providedBy(self._source):
                self._source.expect(self._known)

    def _take(self, backends: BackendSet) -> None:
        if self._isWaiting:
            self._isWaiting = False
            self._log.info("{source} has answered: {count}", source=self._name, count=counted(len(backends), "backend"))
        self._hasAnswered = True
        self._known = backends
        self._publish()
        if self._state is not None:
            self._state.remember(self._name, backends)

    def _publish(self) -> None:
        known = self._known
        backends: dict[str, IBackend] = dict(known)
        tiers = [member.tier for member in known.members]
        tier = max(tiers, default=-1) + 1 if self._hasAnswered else min(tiers, default=0)
        for member in self._standby.members:
            if member.target not in known.targets:
                backends[_free(member.id, backends)] = _standingBy(member, self._standby[member.id], tier)
        self._value.set(BackendSet(backends))


def _free(id: str, taken: dict[str, IBackend]) -> str:
    """The id, or a longer one if the source has given it to another backend."""
    while id in taken:
        id += " (standby)"
    return id


@implementer(IStandby, IProxyProtocol)
class _Standby:
    """A backend with another tier, marked as standing by."""

    def __init__(self, member: Member, backend: IBackend, tier: int) -> None:
        self.target = member.target
        self.tier = tier + member.tier
        self.weight = member.weight
        self.draining = member.draining
        self.proxyProtocol = member.proxyProtocol
        self._backend = backend

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        return self._backend.connect(factory)


@implementer(INamed)
class _NamedStandby(_Standby):
    """The same for a backend whose name has to be looked up."""

    _backend: INamed

    @property
    def isLookingUp(self) -> bool:
        """See L{INamed}."""
        return self._backend.isLookingUp


def _standingBy(member: Member, backend: IBackend, tier: int) -> IBackend:
    kind = _NamedStandby if INamed.providedBy(backend) else _Standby
    return kind(member, backend, tier)
