"""What happens to a dial when the world changes under it: the set, the verdicts, endpoints with ideas of their own."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.unit.rigs import DialerRig, HandBackend, Peers
from tinylb import BackendSet, Verdict
from tinylb.failures import AllFailed, DialCancelled, DialTimeout, NoBackends
from tinylb.findings import Finding
from tinylb.interfaces import IBackend
from tinylb.testing import Behaviour, MemoryPeer, join


class ChangingSetTests(SynchronousTestCase):
    """The set changes during a dial."""

    def test_removedDuringItsDial(self) -> None:
        """The attempt to a target that goes is cancelled, and its client dialled to another in the same turn."""
        rig = DialerRig("b")
        gone = HandBackend(rig.clock, "a")
        rig.replace({"a": gone, "b": rig.backends["b"]})
        dial = rig.dial()
        self.assertEqual(rig.replace({"b": rig.backends["b"]}), 1)
        self.assertEqual(gone.cancelled, 1)
        self.assertEqual(rig.backends["b"].attempts, 1)
        rig.advance()
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts), ("b", 2))
        self.assertEqual(rig.failures, [])

    def test_neverToARemovedTarget(self) -> None:
        """A connection that is made after its target went gets no protocol."""
        rig = DialerRig()
        gone = HandBackend(rig.clock, "a")
        rig.replace({"a": gone})
        factory = Peers()
        dial = rig.dial(factory)
        rig.replace({})
        self.assertIsNone(gone.make())
        self.assertEqual(factory.built, [])
        self.failureResultOf(dial, NoBackends)

    def test_checkedAgainAfterConnecting(self) -> None:
        """The target is looked up when the connection is made: one that is gone by then is not used."""
        rig = DialerRig("b")
        late = HandBackend(rig.clock, "a")
        rig.replace({"a": late, "b": rig.backends["b"]})
        dial = rig.dial()
        # The set is another already, and nobody has come to cancel the attempt yet.
        rig.selection.replace(BackendSet({"b": rig.backends["b"]}))
        self.assertIsNone(late.make())
        late.fail(ConnectionRefusedError())
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")

    def test_removedBetweenConnectionAndResult(self) -> None:
        """A connection that is made, but not handed out yet, is dropped when its target goes; the dial goes on."""
        rig = DialerRig("b")
        handshaking = HandBackend(rig.clock, "a")
        rig.replace({"a": handshaking, "b": rig.backends["b"]})
        dial = rig.dial()
        handshaking.make()
        rig.replace({"b": rig.backends["b"]})
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")
        self.assertEqual(handshaking.server.ending, "reset")
        self.assertEqual(handshaking.cancelled, 1)

    def test_oldAttemptsAreNotDisturbed(self) -> None:
        """Removing another target than those under way changes nothing for a dial."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        self.assertEqual(rig.replace({"a": rig.backends["a"]}), 0)
        self.assertEqual((rig.backends["a"].pending, rig.backends["b"].attempts), (1, 0))
        rig.backends["a"].behaviour = Behaviour.CONNECTS
        rig.backends["a"].answer()
        self.assertEqual(self.successResultOf(dial).attempts, 1)

    def test_setEmpties(self) -> None:
        """When the set empties, a dial ends at once."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance()
        rig.publish()
        self.failureResultOf(dial, NoBackends)
        self.assertEqual((rig.registry.dialing, rig.clock.getDelayedCalls()), (0, []))

    def test_onlyFailedOnesRemain(self) -> None:
        """When the last attempt's target goes and all others have failed, the dial ends at once, with their causes."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour, rig.backends["b"].behaviour = Behaviour.REFUSES, Behaviour.HANGS
        dial = rig.dial()
        rig.advance()
        rig.publish("a")
        self.assertEqual(len(self.failureResultOf(dial, AllFailed).value.causes), 1)

    def test_setGrows(self) -> None:
        """A backend that joins while everybody else was tried already is tried too, within the attempt delay."""
        rig = DialerRig("a", attemptDelay=0.25)
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance(1.0)
        rig.publish("a", "b")
        rig.advance(0.25)
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts), ("b", 2))

    def test_eachTargetOnce(self) -> None:
        """A target that was tried is not tried again for this client, under whatever id it appears."""
        rig = DialerRig("a")
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.replace({"a": rig.backends["a"], "again": rig.backends["a"]})
        rig.advance(*[0.25] * 40)
        self.failureResultOf(dial, DialTimeout)
        self.assertEqual(rig.backends["a"].attempts, 1)

    def test_drainingIsNotDialled(self) -> None:
        """A target that drains gets no attempt, also from a dial under way."""
        rig = DialerRig("a", "b", timeout=1.0)
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.selection.setFinding("b", Finding(Verdict.DRAINING, "maintenance"))
        rig.advance(0.5, 0.5)
        self.failureResultOf(dial, DialTimeout)
        self.assertEqual(rig.backends["b"].attempts, 0)


@implementer(IBackend)
class OddBackend:
    """A backend whose C{connect} is whatever the test says."""

    tier = 0
    weight = 1
    draining = False

    def __init__(self, target: str, connect: Callable[[IProtocolFactory], Deferred[IProtocol]]) -> None:
        self.target = target
        self._connect = connect

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        return self._connect(factory)


class OddEndpointTests(SynchronousTestCase):
    """Endpoints that do not behave as one would wish."""

    def test_connectRaises(self) -> None:
        """An endpoint that raises has failed, as if its Deferred had."""

        def connect(factory: IProtocolFactory) -> Deferred[IProtocol]:
            raise ValueError("no such path")

        rig = DialerRig("b")
        rig.replace({"a": OddBackend("a", connect), "b": rig.backends["b"]})
        dial = rig.dial()
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")
        self.assertEqual(rig.failures, [("a", "other")])

    def test_connectTakesItselfOut(self) -> None:
        """An endpoint that takes its own target out of the set while it connects is cancelled."""
        cancelled: list[object] = []
        rig = DialerRig("b")

        def connect(factory: IProtocolFactory) -> Deferred[IProtocol]:
            rig.publish("b")
            return Deferred(cancelled.append)

        rig.replace({"a": OddBackend("a", connect), "b": rig.backends["b"]})
        dial = rig.dial()
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")
        self.assertEqual(len(cancelled), 1)

    def test_factoryRaises(self) -> None:
        """A protocol that cannot be built fails the attempt, and the dial goes on."""

        class Broken(Peers):
            def buildProtocol(self, addr: object) -> MemoryPeer:
                if not self.built:
                    self.built.append(MemoryPeer())
                    raise RuntimeError("not the first time")
                return MemoryPeer()

        rig = DialerRig("b")
        first = HandBackend(rig.clock, "a")
        rig.replace({"a": first, "b": rig.backends["b"]})
        dial = rig.dial(Broken())
        try:
            first.make()
        except RuntimeError as error:
            first.fail(error)
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")

    def test_connectsThoughCancelled(self) -> None:
        """An endpoint whose answer to being cancelled is a connection has it aborted."""

        class Stubborn(HandBackend):
            def onCancel(self, connecting: Deferred[IProtocol]) -> None:
                protocol = MemoryPeer()
                join(self._clock, self.server, protocol)
                connecting.callback(protocol)

        rig = DialerRig()
        backend = Stubborn(rig.clock, "a")
        rig.replace({"a": backend})
        dial = rig.dial()
        dial.cancel()
        self.failureResultOf(dial, DialCancelled)
        rig.advance()
        self.assertEqual(backend.server.ending, "reset")

    def test_connectionAfterTheDeadline(self) -> None:
        """An endpoint that does not notice that it was cancelled finds its connection unwanted."""
        rig = DialerRig(timeout=1.0)
        backend = HandBackend(rig.clock, "a")
        rig.replace({"a": backend})
        factory = Peers()
        dial = rig.dial(factory)
        rig.advance(*[0.25] * 4)
        self.failureResultOf(dial, DialTimeout)
        self.assertIsNone(backend.make())
        self.assertEqual(factory.built, [])

    def test_handshakeFails(self) -> None:
        """A connection that is made and fails before it is handed out is one more failed attempt."""
        rig = DialerRig("b")
        handshaking = HandBackend(rig.clock, "a")
        rig.replace({"a": handshaking, "b": rig.backends["b"]})
        dial = rig.dial()
        handshaking.make()
        handshaking.fail(RuntimeError("certificate expired"))
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")
        self.assertEqual(rig.failures, [("a", "other")])

    def test_handshakeTakesTooLong(self) -> None:
        """A connection that is made, but never handed out, ends with the deadline."""
        rig = DialerRig(timeout=1.0)
        handshaking = HandBackend(rig.clock, "a")
        rig.replace({"a": handshaking})
        dial = rig.dial()
        handshaking.make()
        rig.advance(*[0.25] * 5)
        self.failureResultOf(dial, DialTimeout)
        self.assertEqual(handshaking.server.ending, "reset")
        self.assertEqual(rig.registry.dialing, 0)
