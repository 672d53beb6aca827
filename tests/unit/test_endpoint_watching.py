"""A balanced endpoint watches its provider while a connection is wanted or open, and else does nothing."""

from __future__ import annotations

from itertools import count

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.unit.endpointcase import EndpointCase
from tests.unit.rigs import HandBackend
from tinylb import BackendSet, BalancedEndpoint, follower
from tinylb.failures import AllFailed, DialTimeout, NoBackends
from tinylb.interfaces import IProvider, IWatcher
from tinylb.testing import Behaviour


class WatchingTests(EndpointCase):
    """When the provider is watched."""

    def test_notBefore(self) -> None:
        """An endpoint that nobody uses is idle."""
        self.assertIdle(self.endpoint("a"))

    def test_open(self) -> None:
        """It is watched until the last connection is lost, whoever ends it."""
        endpoint = self.endpoint("a")
        first, second = self.connected(endpoint), self.connected(endpoint)
        self.server("a", 0).reset()
        self.clock.pump([0, 0])
        self.assertEqual(first.ending, "reset")
        self.assertTrue(self.provider.isWatched)
        second.close()
        self.clock.advance(0)
        self.assertIdle(endpoint)

    def test_closing(self) -> None:
        """A connection that is being closed, and has something to deliver still, is open."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.server("a").pause()
        peer.send(b"x" * (1 << 20))
        peer.close()
        self.clock.pump([0, 0])
        self.assertTrue(self.provider.isWatched)
        self.assertEqual(endpoint.describe()["connections"], 1)

    def test_waiting(self) -> None:
        """It is watched while somebody waits for the first set, and not after his deadline."""
        endpoint = self.endpoint(dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.assertTrue(self.provider.isWatched)
        self.clock.advance(3)
        self.failureResultOf(waiting, DialTimeout)
        self.assertIdle(endpoint)

    def test_failed(self) -> None:
        """When connecting has failed nothing is left: no watcher, and no timer of the backend's rest."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.REFUSES)
        connecting = self.connect(endpoint)
        self.clock.advance(0)
        self.failureResultOf(connecting, AllFailed)
        self.assertIdle(endpoint)

    def test_lastOneEndsAsASetArrives(self) -> None:
        """The last connection ends by the very set that arrives: it is idle then, and can be used again."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        connecting = self.connect(endpoint)
        self.publish()
        self.failureResultOf(connecting, NoBackends)
        self.assertIdle(endpoint)
        self.publish("b")
        self.connected(endpoint)
        self.assertTrue(self.provider.isWatched)

    def test_lastOneEndsAsASetArrivesAndABackendFails(self) -> None:
        """What fails while a set is being made the current one leaves no timer behind either."""
        endpoint = self.endpoint()
        self.publishOnly(self.hand("a"), AtOnceRefusing(self.clock, "b"))
        connecting = self.connect(endpoint)
        self.publishOnly(AtOnceRefusing(self.clock, "b"))
        self.failureResultOf(connecting, AllFailed)
        self.assertIdle(endpoint)

    def test_firstSetAndABackendFails(self) -> None:
        """The same where that is the first set."""
        endpoint = self.endpoint()
        connecting = self.connect(endpoint)
        self.publishOnly(AtOnceRefusing(self.clock, "a"))
        self.failureResultOf(connecting, AllFailed)
        self.assertIdle(endpoint)

    def test_verdictsWhileIdle(self) -> None:
        """Who has something to say about a backend that nobody uses does not wake anything."""
        endpoint = self.endpoint("a", "b")
        self.connected(endpoint).close()
        self.clock.advance(0)
        for verdict in ("not-ready", "dead", "ready"):
            endpoint.setVerdict("a", verdict, "it said so")  # type: ignore[arg-type]
            endpoint.answered("a")
        self.assertIdle(endpoint)

    def test_sameTurn(self) -> None:
        """It may become idle and be used again any number of times in one turn."""
        endpoint = self.endpoint()
        self.publish()
        for _ in range(100):
            self.failureResultOf(self.connect(endpoint), NoBackends)
        self.assertIdle(endpoint)


class AgainTests(EndpointCase):
    """What an application does about a failure may be to connect again, at once."""

    def again(self, endpoint: BalancedEndpoint) -> list[Deferred[IProtocol]]:
        """Connect, and again where that fails."""
        later: list[Deferred[IProtocol]] = []

        def failed(failure: Failure) -> None:
            later.append(self.connect(endpoint))

        self.connect(endpoint).addErrback(failed)
        return later

    def test_whenItFails(self) -> None:
        """It is served by then, though the endpoint was idle for a moment."""
        endpoint = self.endpoint("a")
        later = self.again(endpoint)
        self.behave(Behaviour.REFUSES)
        self.backends["a"].answer()
        self.assertTrue(self.provider.isWatched)
        self.behave(Behaviour.CONNECTS)
        self.clock.advance(0)
        self.successResultOf(later[0])

    def test_whenASetArrives(self) -> None:
        """The same where a set that arrives has ended it: the set has arrived for both."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        later = self.again(endpoint)
        self.publish()
        self.failureResultOf(later[0], NoBackends)
        self.assertIdle(endpoint)

    def test_whenTheFirstSetIsEmpty(self) -> None:
        """The same where that is the first set."""
        endpoint = self.endpoint()
        later = self.again(endpoint)
        self.publish()
        self.failureResultOf(later[0], NoBackends)
        self.assertIdle(endpoint)

    def test_atTheDeadline(self) -> None:
        """Another deadline begins."""
        endpoint = self.endpoint(dialTimeout=3.0)
        later = self.again(endpoint)
        self.clock.advance(3)
        self.clock.advance(2)
        self.assertNoResult(later[0])
        self.publish("a")
        self.clock.advance(0)
        self.successResultOf(later[0])

    def test_many(self) -> None:
        """Many that fail together and come again together find whoever is there then."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        later = [self.again(endpoint) for _ in range(100)]
        self.provider.set(BackendSet())
        self.publish("b")
        for each in later:
            for connecting in each:
                self.failureResultOf(connecting, NoBackends)
        self.assertIdle(endpoint)


class IdleTests(EndpointCase):
    """What is still known after a time of idleness."""

    def test_missedSet(self) -> None:
        """A set that was published meanwhile is in force before anything is connected."""
        endpoint = self.endpoint("a")
        self.connected(endpoint).close()
        self.clock.advance(0)
        self.publish("b")
        self.assertEqual(self.served(endpoint, 1), "b")

    def test_sameSetIsNoNews(self) -> None:
        """The same set once more, after a time of idleness, is not logged, nor counted."""
        endpoint = self.endpoint("a")
        for _ in range(3):
            self.connected(endpoint).close()
            self.clock.advance(0)
        self.assertEqual((endpoint.describe()["revision"], len(self.lines)), (1, 1))

    def test_whenItChanged(self) -> None:
        """When the set last changed is not when somebody last connected."""
        times = count()
        self.patch(follower, "timestamp", lambda: f"time {next(times)}")
        endpoint = self.endpoint("a")
        self.connected(endpoint).close()
        self.clock.advance(0)
        changed = endpoint.describe()["provider"]["changed"]
        self.connected(endpoint)
        self.assertEqual(endpoint.describe()["provider"]["changed"], changed)

    def test_restSurvives(self) -> None:
        """A backend that failed is not tried again before its rest is over, though there was idleness between."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        for _ in range(4):
            self.connected(endpoint).close()
            self.clock.advance(0.2)
            self.assertIdle(endpoint)
        self.assertEqual(self.backends["a"].attempts, 1)
        self.behave(Behaviour.CONNECTS)
        self.clock.advance(0.3)
        self.assertEqual(sorted(self.served(endpoint, 2)), ["a", "b"])

    def test_restGoesOn(self) -> None:
        """A rest that has not ended while the endpoint was idle ends when it would have."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.connected(endpoint).close()
        self.clock.advance(0.5)
        self.connected(endpoint)
        self.behave(Behaviour.CONNECTS)
        self.clock.advance(0.49)
        self.assertEqual(self.served(endpoint, 2), "bb")
        self.clock.advance(0.01)
        self.assertIn("a", self.served(endpoint, 2))

    def test_verdictSurvives(self) -> None:
        """What was said of a target stays, until the target leaves the set."""
        endpoint = self.endpoint("a", "b")
        self.connected(endpoint).close()
        self.clock.advance(0)
        endpoint.setVerdict("b", "not-ready", "it said so")  # type: ignore[arg-type]
        self.assertEqual(self.served(endpoint, 2), "aa")


class FailingProviderTests(EndpointCase):
    """A provider that does not do what it should."""

    def test_keepsTheSet(self) -> None:
        """One that fails takes nothing away; it is asked again as long as somebody is there for whom."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.provider.fail(OSError("cannot reach it"))
        self.assertEqual(self.served(endpoint, 1), "a")
        self.assertEqual(endpoint.describe()["provider"]["error"], "OSError: cannot reach it")
        self.clock.advance(1)
        self.publish("b")
        self.clock.advance(0)
        self.assertEqual(peer.ending, "reset")
        self.assertIsNone(endpoint.describe()["provider"]["error"])

    def test_retryEndsWithTheLast(self) -> None:
        """It is not asked again for nobody."""
        endpoint = self.endpoint("a")
        peer = self.connected(endpoint)
        self.provider.fail(OSError("cannot reach it"))
        peer.close()
        self.clock.advance(0)
        self.assertIdle(endpoint)

    def test_cannotBeWatched(self) -> None:
        """One that cannot even be watched is tried again, until the deadline."""
        endpoint = BalancedEndpoint(self.clock, Unwatchable(), dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.clock.pump([0.25] * 12)
        self.assertIn("too early", str(self.failureResultOf(waiting, DialTimeout).value))
        self.assertIdle(endpoint)


class AtOnceRefusing(HandBackend):
    """Refuses before C{connect} returns."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect <tinylb.interfaces.IBackend.connect>}."""
        return fail(ConnectionRefusedError())


@implementer(IProvider)
class Unwatchable:
    """A provider that is not ready to be watched."""

    def watch(self) -> IWatcher:
        """See L{IProvider.watch}."""
        raise RuntimeError("too early")
