"""The events that observers are told of, as small frozen classes, and the enumerations that they use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from twisted.internet.interfaces import IAddress


class CloseReason(Enum):
    """Why a client's connection ended. C{client-closed} and C{backend-closed} say who closed first,
    and that everything was delivered both ways."""

    # Each member is there once. Enum's own hash is a function in Python, which is called for each count.
    __hash__ = object.__hash__

    CLIENT_CLOSED = "client-closed"
    BACKEND_CLOSED = "backend-closed"
    CLIENT_RESET = "client-reset"
    BACKEND_RESET = "backend-reset"
    TARGET_REMOVED = "target-removed"
    TARGET_DEAD = "target-dead"
    CLIENT_LOST = "client-lost"
    BACKEND_LOST = "backend-lost"
    IDLE_TIMEOUT = "idle-timeout"
    HALF_CLOSE_TIMEOUT = "half-close-timeout"
    NO_BACKENDS = "no-backends"
    DIAL_FAILED = "dial-failed"
    DIAL_TIMEOUT = "dial-timeout"
    CLIENT_LIMIT = "client-limit"
    STOPPING = "stopping"


class Verdict(Enum):
    """What is known of a target's health; the declaration order is the order of preference."""

    READY = "ready"
    RESTING = "resting"
    NOT_READY = "not-ready"
    DEAD = "dead"
    DRAINING = "draining"


class DialFailure(Enum):
    """The kinds of failed attempts. C{LOCAL} is this machine's fault, never the backend's."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RESET = "reset"
    NAME = "name"
    LOCAL = "local"
    OVERTAKEN = "overtaken"
    OTHER = "other"


SILENT = frozenset((DialFailure.OVERTAKEN, DialFailure.TIMEOUT))
"""The failures in which the target gave no answer."""


@dataclass(frozen=True)
class BackendsReplaced:
    """
    Another backend set is current.

    @ivar revision: counts the distinct sets, from 1.
    @ivar backends: id and target of each, in order.
    @ivar added: id and target of those whose id is new.
    @ivar removed: id and former target of those whose id is gone.
    @ivar moved: id, former and new target of those whose id stayed and whose target is another.
    @ivar standby: the ids of those that only stand by.
    @ivar draining: the ids of those to which the provider wants no new connections.
    @ivar changed: of those that stayed at their target but are used differently there, the id and what is different.
    """

    revision: int
    backends: tuple[tuple[str, str], ...]
    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    moved: tuple[tuple[str, str, str], ...]
    standby: tuple[str, ...] = ()
    draining: tuple[str, ...] = ()
    changed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TargetRemoved:
    """A target left the set, or only stands by in it now.

    @ivar pairs: how many connections were ended for it.
    @ivar dials: how many attempts were cancelled, their clients sent elsewhere."""

    target: str
    pairs: int
    dials: int


@dataclass(frozen=True)
class VerdictChanged:
    """
    A target's health is judged differently, or for another reason; or something else made its connections end.

    @ivar why: on what evidence.
    @ivar pairs: how many connections were ended for it.
    @ivar former: the verdict before; equal to C{verdict} where that has not changed.
    @ivar backends: the ids that lead to the target.
    @ivar ready: how many backends are ready now.
    @ivar kept: how many of its connections stay open.
    @ivar standby: how many of the ready ones only stand by.
    """

    target: str
    verdict: Verdict
    why: str
    pairs: int
    former: Verdict
    backends: tuple[str, ...]
    ready: int
    kept: int
    standby: int = 0


@dataclass(frozen=True)
class BackendPicked:
    """
    An attempt to connect began.

    @ivar attempt: 1 for a client's first attempt.
    @ivar passedOver: id of each backend that is less preferred at present, and why. Backends that are preferred to the
        one picked are not listed: they have been tried for this client, or are being tried for another.
    """

    client: IAddress | None
    backend: str
    target: str
    attempt: int
    passedOver: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DialFailed:
    """
    An attempt to connect failed.

    @ivar kind: which kind of failure it is, and so whose fault.
    @ivar why: the failure in words.
    @ivar seconds: how long the attempt took.
    @ivar isEvidence: whether it speaks against the backend. A local error does not, nor does an attempt that got no
        answer while others did.
    """

    client: IAddress | None
    backend: str
    target: str
    kind: DialFailure
    why: str
    seconds: float
    isEvidence: bool = True


@dataclass(frozen=True)
class BackendRecovered:
    """An attempt has succeeded at a target where the last one had failed."""

    client: IAddress | None
    backend: str
    target: str


@dataclass(frozen=True)
class ClientUnserved:
    """
    A client got no backend.

    @ivar causes: one text for each attempt that failed, or why there was none.
    @ivar attempts: how many there were.
    @ivar seconds: how long the client had waited.
    @ivar listener: the address of the listener that it came in by, where that is one of the service's.
    """

    client: IAddress | None
    reason: CloseReason
    causes: tuple[str, ...]
    attempts: int
    seconds: float
    listener: str | None = None


@dataclass(frozen=True)
class PairOpened:
    """A client is connected to its backend.

    @ivar attempts: how many attempts it took.
    @ivar dialSeconds: how long that took in all.
    @ivar listener: as in L{ClientUnserved}."""

    client: IAddress | None
    backend: str
    target: str
    attempts: int
    dialSeconds: float
    listener: str | None = None


@dataclass(frozen=True)
class PairHalfClosed:
    """One end of a pair has nothing more to say; the other may still talk.

    @ivar by: C{"client"} or C{"backend"}."""

    client: IAddress | None
    backend: str
    target: str
    by: str


@dataclass(frozen=True)
class PairClosed:
    """
    A pair is gone, both connections of it.

    @ivar bytesIn: bytes from the client to the backend.
    @ivar bytesOut: bytes from the backend to the client.
    @ivar duration: seconds from the connection to the backend to the end.
    @ivar listener: as in L{ClientUnserved}.
    """

    client: IAddress | None
    backend: str
    target: str
    attempts: int
    dialSeconds: float
    bytesIn: int
    bytesOut: int
    duration: float
    reason: CloseReason
    listener: str | None = None

    def __init__(
        self,
        client: IAddress | None,
        backend: str,
        target: str,
        attempts: int,
        dialSeconds: float,
        bytesIn: int,
        bytesOut: int,
        duration: float,
        reason: CloseReason,
        listener: str | None = None,
    ) -> None:
        # There is one for each connection. The __init__ of a frozen dataclass, which sets each field with
        # object.__setattr__, takes twice as long.
        fields = self.__dict__
        fields["client"] = client
        fields["backend"] = backend
        fields["target"] = target
        fields["attempts"] = attempts
        fields["dialSeconds"] = dialSeconds
        fields["bytesIn"] = bytesIn
        fields["bytesOut"] = bytesOut
        fields["duration"] = duration
        fields["reason"] = reason
        fields["listener"] = listener


Event = Union[
    BackendsReplaced,
    TargetRemoved,
    VerdictChanged,
    BackendPicked,
    DialFailed,
    BackendRecovered,
    ClientUnserved,
    PairOpened,
    PairHalfClosed,
    PairClosed,
]
