"""The balanced endpoint: whom a connection goes to, what is known of that, and how connecting fails."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError, TimeoutError
from twisted.internet.interfaces import IStreamClientEndpoint
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.endpointcase import Application, EndpointCase
from tinylb import (
    LeastConnections,
)
from tinylb.failures import AllFailed, DialTimeout, NoBackends
from tinylb.interfaces import IPolicy
from tinylb.testing import Behaviour, MemoryBackend, MemoryPeer


class WhomTests(EndpointCase):
    """Whom a connection goes to: the same as with a balancer."""

    def test_interface(self) -> None:
        """It is a client endpoint like any other."""
        self.assertTrue(verifyObject(IStreamClientEndpoint, self.endpoint()))

    def test_turns(self) -> None:
        """Connections take turns over the set."""
        self.assertEqual(self.served(self.endpoint("a", "b", "c"), 6), "abcabc")

    def test_turnsGoOnAfterIdleness(self) -> None:
        """Whose turn it is does not depend on whether anything was open meanwhile."""
        endpoint = self.endpoint("a", "b")
        order = ""
        for _ in range(3):
            order += self.served(endpoint, 1)
            self.server(order[-1]).reset()
            self.clock.pump([0, 0])
            self.assertIdle(endpoint)
        self.assertEqual(order, "aba")

    def test_policy(self) -> None:
        """A policy sees how many connections are open."""
        endpoint = self.endpoint("a", "b", policy=LeastConnections())
        self.assertEqual(self.served(endpoint, 2), "ab")
        self.server("b").reset()
        self.clock.pump([0, 0])
        self.assertEqual(self.served(endpoint, 2), "ba")

    def test_talk(self) -> None:
        """What one side says the other hears, both ways; addresses are those of the connection."""
        endpoint = self.endpoint("a")
        factory = Application(peer := MemoryPeer())
        connecting = endpoint.connect(factory)
        self.clock.advance(0)
        self.assertIs(self.successResultOf(connecting), peer)
        peer.send(b"ping")
        self.server("a").send(b"pong")
        self.clock.advance(0)
        self.assertEqual((self.server("a").received, peer.received), (b"ping", b"pong"))
        self.assertEqual([str(address) for address in factory.addresses], [str(peer.transport.getPeer())])

    def test_refused(self) -> None:
        """A backend that refuses is passed over at once, and rests."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES, "a")
        self.assertEqual(self.served(endpoint, 4), "bbbb")
        self.assertEqual(self.backends["a"].attempts, 1)
        self.assertEqual([each["state"] for each in endpoint.describe()["backends"]], ["resting", "ready"])

    def test_staggered(self) -> None:
        """A backend that has not answered in 0.25 s gets another one beside it, and is left when that was faster."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.HANGS, "a")
        connecting = self.connect(endpoint)
        self.clock.advance(0.24)
        self.assertEqual((self.backends["a"].pending, self.backends["b"].attempts), (1, 0))
        self.clock.advance(0.01)
        self.clock.advance(0)
        self.successResultOf(connecting)
        self.assertEqual((self.backends["a"].pending, len(self.backends["b"].connections)), (0, 1))

    def test_tiers(self) -> None:
        """A higher tier serves while no lower one can."""
        endpoint = self.endpoint()
        self.backends["b"] = MemoryBackend(self.clock, "b", tier=1)
        self.publish("a", "b")
        self.assertEqual(self.served(endpoint, 2), "aa")
        self.behave(Behaviour.REFUSES, "a")
        self.assertEqual(self.served(endpoint, 2), "bb")


class FailureTests(EndpointCase):
    """How connecting fails, and that the failure says why."""

    def test_allFail(self) -> None:
        """When each backend has failed, connecting does, with every cause."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.REFUSES)
        connecting = self.connect(endpoint)
        self.clock.advance(0)
        error = self.failureResultOf(connecting, AllFailed).value
        self.assertEqual(len(error.causes), 2)
        for cause in ("a (a): ", "b (b): "):
            self.assertIn(cause, str(error))

    def test_strangersFail(self) -> None:
        """What a policy or a backend of somebody's own raises fails connecting, or that attempt."""
        endpoint = self.endpoint("a", policy=NoPolicy())
        self.failureResultOf(self.connect(endpoint), ZeroDivisionError)
        self.assertIdle(endpoint)
        endpoint = self.endpoint("a", "b")
        self.backends["a"].connect = lambda factory: 1 / 0  # type: ignore[method-assign,assignment,return-value]
        self.assertEqual(self.served(endpoint, 1), "b")

    def test_emptySet(self) -> None:
        """With an empty set connecting fails at once."""
        endpoint = self.endpoint()
        self.publish()
        self.failureResultOf(self.connect(endpoint), NoBackends)

    def test_connectError(self) -> None:
        """Whoever traps Twisted's errors of connecting traps this one."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.REFUSES)
        connecting = self.connect(endpoint)
        self.clock.advance(0)
        error = self.failureResultOf(connecting, ConnectError).value
        self.assertTrue(str(error).startswith("a (a): "), error)

    def test_timeoutError(self) -> None:
        """The same for its error of taking too long."""
        waiting = self.connect(self.endpoint(dialTimeout=3.0))
        self.clock.advance(3)
        self.failureResultOf(waiting, TimeoutError)

    def test_dialTimeout(self) -> None:
        """A connection that nobody answers is given up after the dial timeout."""
        endpoint = self.endpoint("a", dialTimeout=3.0)
        self.behave(Behaviour.HANGS)
        connecting = self.connect(endpoint)
        self.clock.pump([0.25] * 11)
        self.assertNoResult(connecting)
        self.clock.advance(0.25)
        self.assertEqual(self.failureResultOf(connecting, DialTimeout).value.attempts, 1)
        self.assertEqual(self.backends["a"].pending, 0)


class WaitingTests(EndpointCase):
    """Before there is a set."""

    def test_firstSet(self) -> None:
        """Whoever connects waits for the first set, and is connected then."""
        endpoint = self.endpoint()
        waiting = [self.connect(endpoint) for _ in range(3)]
        self.clock.advance(5)
        self.assertEqual(endpoint.describe()["dialing"], 3)
        self.publish("a", "b")
        self.clock.advance(0)
        for connecting in waiting:
            self.successResultOf(connecting)
        self.assertEqual([len(self.backends[id].connections) for id in "ab"], [2, 1])

    def test_firstSetIsEmpty(self) -> None:
        """That there is nobody is an answer, to all who wait."""
        endpoint = self.endpoint()
        waiting = [self.connect(endpoint) for _ in range(3)]
        self.publish()
        for connecting in waiting:
            self.failureResultOf(connecting, NoBackends)

    def test_deadline(self) -> None:
        """Without a set, connecting fails at its deadline, and says so."""
        endpoint = self.endpoint(dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.clock.advance(2.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        error = self.failureResultOf(waiting, DialTimeout).value
        self.assertIn("no backends are known yet", str(error))

    def test_deadlineTellsOfTheProvider(self) -> None:
        """What keeps the provider from saying anything is in the failure."""
        endpoint = self.endpoint(dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.provider.fail(OSError("cannot reach it"))
        self.clock.advance(3)
        self.assertIn("OSError: cannot reach it", str(self.failureResultOf(waiting, DialTimeout).value))

    def test_deadlineCountsFromConnect(self) -> None:
        """What was waited for the set is not waited for the backends once more."""
        endpoint = self.endpoint(dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.clock.advance(2)
        self.backends["a"] = MemoryBackend(self.clock, "a", Behaviour.HANGS)
        self.publish("a")
        self.clock.pump([0.25] * 3)
        self.assertNoResult(waiting)
        self.clock.advance(0.25)
        self.failureResultOf(waiting, DialTimeout)

    def test_deadlineIsOver(self) -> None:
        """Once there is a connection the deadline is nobody's concern."""
        endpoint = self.endpoint(dialTimeout=3.0)
        waiting = self.connect(endpoint)
        self.publish("a")
        self.clock.advance(4)
        peer = self.successResultOf(waiting)
        assert isinstance(peer, MemoryPeer)
        self.assertIsNone(peer.ending)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_laterDeadlinesAreTheirOwn(self) -> None:
        """Each connection that waits has its own deadline."""
        endpoint = self.endpoint(dialTimeout=3.0)
        first = self.connect(endpoint)
        self.clock.advance(2)
        second = self.connect(endpoint)
        self.clock.advance(1)
        self.failureResultOf(first, DialTimeout)
        self.assertNoResult(second)
        self.clock.advance(2)
        self.failureResultOf(second, DialTimeout)


@implementer(IPolicy)
class NoPolicy:
    """Cannot decide."""

    def start(self, random: object) -> None:
        """See L{IPolicy.start}."""

    def pick(self, candidates: object, state: object) -> Any:
        """See L{IPolicy.pick}."""
        raise ZeroDivisionError
