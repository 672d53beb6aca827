"""An application that wants a connection no longer: whatever was being done for it ends."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol

from tests.unit.endpointcase import Application, EndpointCase
from tinylb.testing import Behaviour


class CancellingTests(EndpointCase):
    """In each phase."""

    def test_whileWaiting(self) -> None:
        """While it waits for the first set."""
        endpoint = self.endpoint()
        factory = Application(Protocol())
        waiting = endpoint.connect(factory)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertIdle(endpoint)
        self.publish("a")
        self.assertEqual((self.backends["a"].attempts, factory.life), (0, (1, 1)))

    def test_whileDialling(self) -> None:
        """While one backend after the other is tried."""
        endpoint = self.endpoint("a", "b", "c")
        self.behave(Behaviour.HANGS)
        factory = Application(Protocol())
        connecting = endpoint.connect(factory)
        self.clock.advance(0.25)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertEqual([(each.attempts, each.pending) for each in self.backends.values()], [(1, 0), (1, 0), (0, 0)])
        self.assertEqual(factory.life, (1, 1))
        self.assertIdle(endpoint)

    def test_nobodyIsBlamed(self) -> None:
        """That says nothing about the backends."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        connecting = self.connect(endpoint)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        (known,) = endpoint.describe()["backends"]
        self.assertEqual((known["state"], known["failed"]), ("ready", 0))

    def test_inConnectionMade(self) -> None:
        """In the moment it is connected, before C{connect} has said so: the connection is reset."""
        endpoint = self.endpoint("a")
        protocol = Protocol()
        connecting = endpoint.connect(Application(protocol))
        protocol.connectionMade = connecting.cancel  # type: ignore[method-assign]
        self.clock.pump([0, 0])
        self.failureResultOf(connecting, CancelledError)
        self.assertEqual(self.server("a").ending, "reset")
        self.assertIdle(endpoint)

    def test_connected(self) -> None:
        """Once it is connected there is nothing to cancel."""
        endpoint = self.endpoint("a")
        connecting = self.connect(endpoint)
        self.clock.advance(0)
        connecting.cancel()
        self.successResultOf(connecting)
        self.assertEqual(endpoint.describe()["connections"], 1)

    def test_others(self) -> None:
        """The others that wait, or dial, are left alone."""
        endpoint = self.endpoint()
        first, second, third = (self.connect(endpoint) for _ in range(3))
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.publish("a")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.clock.advance(0)
        self.successResultOf(third)

    def test_oneByTheFailureOfAnother(self) -> None:
        """An application that gives all up when one fails may do so while a set arrives."""
        endpoint = self.endpoint("a")
        self.behave(Behaviour.HANGS)
        first, second = self.connect(endpoint), self.connect(endpoint)
        first.addErrback(lambda _: second.cancel())
        self.publish()
        self.failureResultOf(second, CancelledError)
        self.assertIdle(endpoint)

    def test_oneByTheFailureOfAnotherThatWaits(self) -> None:
        """The same where that is the first set."""
        endpoint = self.endpoint()
        first, second = self.connect(endpoint), self.connect(endpoint)
        first.addErrback(lambda _: second.cancel())
        self.publish()
        self.failureResultOf(second, CancelledError)
        self.assertIdle(endpoint)

    def test_many(self) -> None:
        """Many at once."""
        endpoint = self.endpoint("a", "b")
        self.behave(Behaviour.HANGS)
        all = [self.connect(endpoint) for _ in range(500)]
        self.clock.advance(0.25)
        for connecting in all:
            connecting.cancel()
            self.failureResultOf(connecting, CancelledError)
        self.assertEqual([each.pending for each in self.backends.values()], [0, 0])
        self.assertIdle(endpoint)
