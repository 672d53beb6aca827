"""The interfaces that applications may implement: backends, providers, policies, health checks, observers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint

    from tinylb.backends import BackendSet
    from tinylb.events import Event
    from tinylb.health.answer import Answer


class IBackend(Interface):
    """A member of a backend set: somewhere that connections can go."""

    target: str = Attribute(
        """The string that uniquely names where connections go, for TCP the normalised C{host:port}.
        It is read once, when the backend becomes part of a set."""
    )
    tier: int = Attribute("""C{0} is used first; a higher tier serves while no lower one can.""")
    weight: int = Attribute("""The share of new connections beside the others of its tier; at least 1.""")
    draining: bool = Attribute("""C{True}: no new connections; open ones stay.""")

    def connect(factory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect once.

        @param factory: asked for its protocol when, and only when, the connection is made. It may
            return L{None}: the connection came too late and is to be dropped.

        @return: a L{Deferred} that fires with the protocol once it is connected, or fails with
            the reason why there is no connection. Cancelling it ends the attempt.
        """


class INamed(IBackend):
    """A backend whose address has to be looked up before it can be reached. Optional."""

    isLookingUp: bool = Attribute("""Whether that is being done now.""")


class IStandby(IBackend):
    """
    Marks a backend that only stands by for a source's backends. Optional. When the source no longer names a target, and
    only a standby backend has it, its connections end as if it had left the set.
    """


class IProxyProtocol(IBackend):
    """A backend that may want to be told, by the PROXY protocol, which client a connection is for. Optional."""

    proxyProtocol: str | None = Attribute(
        """C{"v1"} or C{"v2"}: each connection begins with such a header. L{None}: it does not. It is read once."""
    )


class IWatcher(Interface):
    """One reader of a value that changes. It is an asynchronous iterator, too."""

    def get() -> Deferred[Any]:
        """
        The newest value that this watcher has not seen.

        @return: a L{Deferred} that fires at once where there is such a value, else with the next
            one. It fails with L{tinylb.value.AlreadyWaiting} while an earlier one is pending and with
            L{tinylb.value.WatcherClosed} once the watcher is closed. It may be cancelled.
        """

    def close() -> None:
        """Stop watching. A pending L{get} fails. May be called again."""


class IProvider(Interface):
    """Anything that can be watched for the current L{BackendSet <tinylb.BackendSet>}."""

    def watch() -> IWatcher:
        """
        A new, independent watcher. The provider's work starts with its first watcher and ends
        when the last one is closed.
        """


class IDescribed(Interface):
    """A provider that can say how it is doing. Optional beside L{IProvider}."""

    def describe() -> Mapping[str, str | None]:
        """
        @return: C{source}, what is followed; C{error}, the present trouble or L{None};
            C{changed}, when the set last changed (ISO 8601, UTC) or L{None}.
        """


class IExpecting(IProvider):
    """A provider that may doubt its source when the source names no backends. Optional."""

    def expect(backends: BackendSet) -> None:
        """
        @param backends: what the source named when it was last heard, before this provider existed. While one of them
            answers, a source that names no backends is not believed.
        """


class IRefreshable(Interface):
    """Something that follows an outside source and can be told to look again. Optional for providers and services."""

    def refresh() -> None:
        """Look again now, without waiting for a sign of change. What is known stays in force meanwhile."""


class IProbe(Interface):
    """Finds out whether backends can be reached: this is how providers, and layers of them, learn of health."""

    def anyAnswers(backends: Iterable[IBackend]) -> Deferred[bool]:
        """
        @return: a L{Deferred} that fires with whether at least one of the backends accepts connections. That takes
            seconds, and longer for many backends. It never fails by itself, and may be cancelled.
        """


class ICandidate(Interface):
    """What a policy may know of a backend that can be picked."""

    id: str = Attribute("""The backend's id.""")
    weight: int = Attribute("""Its weight, at least 1.""")
    connections: int = Attribute("""How many connections to its target are open.""")


class IPolicy(Interface):
    """
    The rule that picks the next backend. A policy is pure: it holds nothing that changes, and its
    state is a value that is passed in and handed back.
    """

    def start(random: Callable[[], float]) -> Any:
        """
        The first state.

        @param random: gives a number in [0, 1), so that balancers that start together do not
            all begin with the same backend.
        """

    def pick(candidates: Sequence[ICandidate], state: Any) -> tuple[ICandidate, Any]:
        """
        @param candidates: at least one, ordered by id. Not always the whole set: backends that were
            tried for this client already, or cannot be used, are left out.

        @return: the choice, and the state for the next pick.
        """


class IHealthCheck(Interface):
    """Asks a backend how it is. One object serves all backends."""

    def check(endpoint: IStreamClientEndpoint, target: str) -> Deferred[Answer]:
        """
        Ask once.

        @param endpoint: connects to the backend, in the way that clients' connections go.
        @param target: the backend's target.

        @return: a L{Deferred} that fires with the answer. If it fails, what that means depends on whether the endpoint
            had made a connection. It is cancelled when it takes too long.
        """


class IObserver(Interface):
    """An object that is told what happened. An exception that it raises is logged and goes no further."""

    def observe(event: Event) -> None:
        """
        @param event: what happened, one of the classes of L{tinylb.events}. The balancer's state
            is consistent again when this is called, and events come in order.
        """


class ISelectiveObserver(IObserver):
    """An observer that is told of some events only. An event that no observer is told of costs nothing."""

    kinds: Collection[type[Event]] = Attribute("""The classes of the events that it is told of. They do not change.""")
