"""Backends, and the immutable sets that they come in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTCP, IStreamClientEndpoint
from zope.interface import implementer

from tinylb.addresses import HostPort
from tinylb.direct import DirectEndpoint
from tinylb.interfaces import IBackend, INamed, IProxyProtocol, IStandby
from tinylb.names import NamesReactor, namesReactor
from tinylb.proxyprotocol.header import VERSIONS


@implementer(IProxyProtocol)
class EndpointBackend:
    """
    A backend reached through any client endpoint: UNIX sockets, TLS, one of your own.

    @param target: names where the connections go. Two endpoints that lead to the same place have
        the same target.
    @param tier: see L{IBackend}; likewise C{weight} and C{draining}.
    @param description: the string that the endpoint was made from, for L{clientFromString
        <twisted.internet.endpoints.clientFromString>}. A backend that has one can be remembered over restarts.
    @param proxyProtocol: C{"v1"}, C{"v2"} or L{None}; see L{IProxyProtocol}. The header is the first thing that goes
        through the endpoint's transport: within TLS, where that is what the endpoint speaks.
    """

    def __init__(
        self,
        target: str,
        endpoint: IStreamClientEndpoint,
        *,
        tier: int = 0,
        weight: int = 1,
        draining: bool = False,
        description: str | None = None,
        proxyProtocol: str | None = None,
    ) -> None:
        self.target = target
        self.description = description
        self.tier = tier
        self.weight = weight
        self.draining = draining
        self.proxyProtocol = proxyProtocol
        self._endpoint = endpoint

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        return self._endpoint.connect(factory)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.target}>"


@implementer(INamed)
class TCPBackend(EndpointBackend):
    """
    A backend at a TCP address, through L{DirectEndpoint <tinylb.direct.DirectEndpoint>} for an IPv4 or IPv6
    literal and L{HostnameEndpoint} for a name.

    The endpoint has no deadline of its own: Twisted's would follow the wall clock, and the dial
    keeps a deadline already.

    @param host: a literal, without brackets, or a name.
    @param port: 1 to 65535.
    @raise tinylb.addresses.InvalidAddress: for anything else.
    """

    def __init__(
        self,
        reactor: IReactorTCP,
        host: str,
        port: int,
        *,
        tier: int = 0,
        weight: int = 1,
        draining: bool = False,
        proxyProtocol: str | None = None,
    ) -> None:
        self.address = HostPort.of(host, port)
        self._names: NamesReactor | None = None
        endpoint: IStreamClientEndpoint
        if self.address.isLiteral:
            endpoint = DirectEndpoint(reactor, self.address.host, port, timeout=None)
        else:
            self._names = namesReactor(reactor)
            endpoint = HostnameEndpoint(self._names, self.address.host, port, timeout=None)  # type: ignore[arg-type]
        super().__init__(
            str(self.address), endpoint, tier=tier, weight=weight, draining=draining, proxyProtocol=proxyProtocol
        )

    @property
    def isLookingUp(self) -> bool:
        """See L{INamed}."""
        return self._names is not None and self._names.nameResolver.isLookingUp(self.address.host)


def proxyProtocolOf(backend: IBackend) -> str | None:
    """The version of the PROXY header that a backend wants each connection to begin with; see L{IProxyProtocol}."""
    return backend.proxyProtocol if IProxyProtocol.providedBy(backend) else None


@dataclass(frozen=True)
class Member:
    """
    What was read of a backend when it became part of a set, so that a backend object that changes later
    is not misfiled. Two members are equal when they agree in everything that tinylb decides by.
    """

    id: str
    target: str
    tier: int
    weight: int
    draining: bool
    isStandby: bool
    proxyProtocol: str | None = None

    @classmethod
    def of(cls, id: str, backend: IBackend) -> Member:
        """
        @raise TypeError: when C{backend} does not provide L{IBackend}.
        @raise ValueError: when the id or the target is empty, tier or weight is out of range, or there is no such
            version of the PROXY protocol.
        """
        if not IBackend.providedBy(backend):
            raise TypeError(f"backend {id!r} is {backend!r}, which does not provide IBackend")
        isStandby = IStandby.providedBy(backend)
        proxyProtocol = proxyProtocolOf(backend)
        member = cls(id, backend.target, backend.tier, backend.weight, backend.draining, isStandby, proxyProtocol)
        if not isinstance(id, str) or not id:
            raise ValueError(f"the id {id!r} is not a non-empty string")
        if not isinstance(member.target, str) or not member.target:
            raise ValueError(f"backend {id!r} has the target {member.target!r}, not a non-empty string")
        if member.tier < 0 or member.weight < 1:
            raise ValueError(f"backend {id!r} has tier {member.tier} and weight {member.weight}; at least 0 and 1")
        if proxyProtocol not in (None, *VERSIONS):
            raise ValueError(f"backend {id!r} has the proxyProtocol {proxyProtocol!r}, not 'v1', 'v2' or None")
        return member

    def difference(self, former: Member) -> str:
        """What differs in how this member is used, in words; empty where nothing does."""
        draining, standby = ("draining" if self.draining else "not draining"), ("" if self.isStandby else " no longer")
        said = (
            (self.tier != former.tier, f"tier {self.tier}"),
            (self.weight != former.weight, f"weight {self.weight}"),
            (self.draining != former.draining, draining),
            (self.isStandby != former.isStandby, f"stands by{standby}"),
            (self.proxyProtocol != former.proxyProtocol, f"PROXY protocol {self.proxyProtocol or 'off'}"),
        )
        return ", ".join(what for isNew, what in said if isNew)


class BackendSet(Mapping[str, IBackend]):
    """
    An immutable mapping from id to backend, ordered by id. A new set is a new object.

    @param backends: a mapping from id to backend, or pairs of them. It is copied.
    @ivar members: what was read of each backend, in order.
    @ivar targets: where the backends' connections go.
    @ivar standing: the targets of backends that do more than stand by; see L{IStandby}.
    """

    def __init__(self, backends: Mapping[str, IBackend] | Iterable[tuple[str, IBackend]] = ()) -> None:
        ordered = dict(backends)
        self.members = tuple(Member.of(id, ordered[id]) for id in sorted(ordered))
        self.targets = frozenset(member.target for member in self.members)
        self.standing = frozenset(member.target for member in self.members if not member.isStandby)
        self._backends = {member.id: ordered[member.id] for member in self.members}

    def __getitem__(self, id: str) -> IBackend:
        return self._backends[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._backends)

    def __len__(self) -> int:
        return len(self._backends)

    def __repr__(self) -> str:
        inside = ", ".join(f"{member.id}={member.target}" for member in self.members)
        return f"<BackendSet {inside}>" if inside else "<BackendSet (empty)>"
