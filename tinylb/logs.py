"""The log lines an operator cares about: one short line an event, never one for each connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger, LogLevel
from zope.interface import implementer

from tinylb.events import (
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    Event,
    TargetRemoved,
    Verdict,
    VerdictChanged,
)
from tinylb.interfaces import ISelectiveObserver
from tinylb.wording import counted, named

_ORDER = list(Verdict)
# Clients that went away, or came during a stop, are no trouble to report.
_SILENT = frozenset((CloseReason.CLIENT_CLOSED, CloseReason.CLIENT_RESET, CloseReason.STOPPING))


class Summary:
    """
    Counts what happens often, and reports it at most once in an interval. The first occurrence
    is reported at once.

    @param interval: seconds.
    @param report: is given how often each thing was counted since the last report.
    """

    def __init__(self, clock: IReactorTime, interval: float, report: Callable[[Counter[str]], None]) -> None:
        self._clock = clock
        self._interval = interval
        self._report = report
        self._counts: Counter[str] = Counter()
        self._silence: IDelayedCall | None = None

    def add(self, what: str, count: int = 1) -> None:
        """Count one, or more."""
        self._counts[what] += count
        if self._silence is None:
            self.flush()

    def flush(self) -> None:
        """Report what was counted since the last report, if anything."""
        self.cancel()
        if self._counts:
            counts, self._counts = self._counts, Counter()
            self._silence = self._clock.callLater(self._interval, self._over)
            self._report(counts)

    def cancel(self) -> None:
        """Schedule nothing any more."""
        silence, self._silence = self._silence, None
        if silence is not None:
            silence.cancel()

    def _over(self) -> None:
        self._silence = None
        self.flush()


@implementer(ISelectiveObserver)
class LogObserver:
    """Writes the log of one balancer."""

    kinds = frozenset((BackendsReplaced, ClientUnserved, TargetRemoved, VerdictChanged))

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._unserved = Summary(clock, 1.0, self._logUnserved)

    def observe(self, event: Event) -> None:
        """See L{IObserver.observe <tinylb.interfaces.IObserver.observe>}."""
        if isinstance(event, ClientUnserved):
            if event.reason not in _SILENT:
                # Sorted, so that the same causes in another order are counted as the same trouble.
                causes = _firstOf(sorted(event.causes), 3, "; ")
                self._unserved.add(f"{event.reason.value} ({causes})" if causes else event.reason.value)
        elif isinstance(event, BackendsReplaced):
            self._logBackends(event)
        elif isinstance(event, TargetRemoved):
            if event.pairs or event.dials:
                self._log.info(
                    "Target {target} removed: {ended} ended, {cancelled} cancelled",
                    target=event.target,
                    pairs=event.pairs,
                    dials=event.dials,
                    ended=counted(event.pairs, "connection"),
                    cancelled=counted(event.dials, "dial"),
                )
        elif isinstance(event, VerdictChanged) and (event.verdict is not event.former or event.pairs):
            self._logVerdict(event)

    def close(self) -> None:
        """Write what is still to be written, and schedule nothing any more."""
        self._unserved.flush()
        self._unserved.cancel()

    def _logBackends(self, event: BackendsReplaced) -> None:
        changes = {
            "added": [_equated(id, target) for id, target in event.added],
            "removed": [_equated(id, target) for id, target in event.removed],
            "moved": [f"{id} from {old} to {new}" for id, old, new in event.moved],
            "changed": [f"{id} ({what})" for id, what in event.changed],
        }
        told = [f"{what} {_firstOf(which, 20, ', ')}" for what, which in changes.items() if which]
        hasNobody = len(event.draining) == len(event.backends)
        if hasNobody:
            told.append("no client can be served")
        size = [counted(len(event.backends), "backend")]
        size += [
            f"{len(ids)} {what}" for ids, what in ((event.standby, "standing by"), (event.draining, "draining")) if ids
        ]
        self._log.emit(
            LogLevel.warn if hasNobody else LogLevel.info,
            "Backend set {revision}: {size}; {changes}",
            revision=event.revision,
            backends=dict(event.backends),
            size=", ".join(size),
            changes="; ".join(told),
        )

    def _logVerdict(self, event: VerdictChanged) -> None:
        isBetter = _ORDER.index(event.verdict) < _ORDER.index(event.former)
        more = [_readiness(event.ready - event.standby, event.standby)]
        if event.pairs:
            more.append(f"{counted(event.pairs, 'connection')} ended")
        if event.verdict is Verdict.DEAD and event.kept:
            more.append(f"{counted(event.kept, 'connection')} kept")
        self._log.emit(
            LogLevel.info if isBetter else LogLevel.warn,
            "Backend {backends} is {verdict}{because}; {more}",
            target=event.target,
            backends=", ".join(named(id, event.target) for id in event.backends),
            verdict=event.verdict.value,
            why=event.why,
            pairs=event.pairs,
            because=f": {event.why}" if event.why else "",
            more="; ".join(more),
        )

    def _logUnserved(self, counts: Counter[str]) -> None:
        self._log.warn(
            "{clients} could not be served: {causes}",
            count=counts.total(),
            clients=counted(counts.total(), "client"),
            causes=_spellOut(counts),
        )


def _readiness(ready: int, standby: int) -> str:
    if not standby:
        return f"{ready} ready" if ready else "no backend is ready, so all are tried"
    return f"{ready} ready, {standby} standing by" if ready else f"no other backend is ready, so {_serving(standby)}"


def _serving(standby: int) -> str:
    return "1 that stands by serves" if standby == 1 else f"{standby} that stand by serve"


def _equated(id: str, target: str) -> str:
    return id if id == target else f"{id}={target}"


def _spellOut(counts: Counter[str], most: int = 5) -> str:
    return _firstOf([f"{count} x {what}" for what, count in counts.most_common()], most, ", ")


def _firstOf(texts: list[str], most: int, separator: str) -> str:
    """The first texts, joined, so that a log line stays short however many backends there are."""
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return separator.join(texts[:most] + more)
