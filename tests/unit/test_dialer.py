"""The dialer by itself: one client's search for a backend, from its beginning to its one result."""

from __future__ import annotations

import errno

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectBindError, ConnectError, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.rigs import DialerRig, HandBackend, Peers, told
from tinylb import BackendPicked, CloseReason, DialFailed
from tinylb.failures import AllFailed, DialCancelled, DialTimeout, NoBackends
from tinylb.testing import Behaviour


class DialTests(SynchronousTestCase):
    """One dial over a set that stays as it is."""

    def test_connects(self) -> None:
        """A dial gives the connection, where it goes, and what it took."""
        rig = DialerRig("a", "b")
        factory = Peers()
        dial = rig.dial(factory)
        self.assertNoResult(dial)
        rig.advance()
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts, connected.seconds), ("a", 1, 0.0))
        self.assertEqual([connected.protocol], factory.built)
        self.assertEqual(rig.clock.getDelayedCalls(), [])

    def test_connectsAtOnce(self) -> None:
        """An endpoint that connects before it has returned is as good as any."""
        rig = DialerRig()
        backend = AtOnce(rig.clock, "a")
        rig.replace({"a": backend})
        self.assertEqual(self.successResultOf(rig.dial()).candidate.id, "a")
        self.assertEqual(rig.registry.dialing, 0)

    def test_failureStartsTheNextAtOnce(self) -> None:
        """An attempt that fails costs no time: the next begins in the same turn."""
        rig = DialerRig("a", "b", "c")
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.REFUSES
        dial = rig.dial()
        rig.advance()
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts, connected.seconds), ("c", 3, 0.0))

    def test_picksAreTold(self) -> None:
        """Observers are told of each attempt: its place in the client's search, and to whom it goes."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = Behaviour.REFUSES
        rig.dial()
        rig.advance()
        picks = [(pick.backend, pick.target, pick.attempt) for pick in told(rig.events, BackendPicked)]
        self.assertEqual(picks, [("a", "a", 1), ("b", "b", 2)])

    def test_slownessStartsTheNextBeside(self) -> None:
        """An attempt that has not succeeded after the attempt delay goes on, and has the next beside it."""
        rig = DialerRig("a", "b", attemptDelay=0.25)
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.HANGS
        rig.dial()
        rig.advance(0.24)
        self.assertEqual((rig.backends["a"].pending, rig.backends["b"].pending), (1, 0))
        rig.advance(0.01)
        self.assertEqual((rig.backends["a"].pending, rig.backends["b"].pending), (1, 1))

    def test_delayBeginsWithEachAttempt(self) -> None:
        """The delay runs from the latest attempt, also when that began early because one failed."""
        rig = DialerRig("a", "b", "c", attemptDelay=0.25)
        backends = [HandBackend(rig.clock, id) for id in "abc"]
        rig.replace({backend.target: backend for backend in backends})
        rig.dial()
        rig.advance(0.2)
        backends[0].fail(ConnectionRefusedError())
        rig.advance(0.2)
        self.assertEqual([len(backend.dials) for backend in backends], [1, 1, 0])
        rig.advance(0.05)
        self.assertEqual([len(backend.dials) for backend in backends], [1, 1, 1])

    def test_slowOneMayStillWin(self) -> None:
        """The first attempt wins if it connects while the second is under way."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance(0.25)
        rig.backends["a"].behaviour = Behaviour.CONNECTS
        rig.backends["a"].answer()
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts, connected.seconds), ("a", 2, 0.25))

    def test_firstWins(self) -> None:
        """Of attempts side by side the first to connect wins; the others are cancelled, and get no protocol."""
        rig = DialerRig("a", "b")
        slow = HandBackend(rig.clock, "a")
        rig.replace({"a": slow, "b": rig.backends["b"]})
        factory = Peers()
        dial = rig.dial(factory)
        rig.advance(0.25)
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")
        self.assertEqual(slow.cancelled, 1)
        self.assertIsNone(slow.make())
        self.assertEqual(len(factory.built), 1)
        self.assertEqual(rig.registry.dialing, 0)

    def test_firstByTheConnection(self) -> None:
        """Who asks for the protocol first has won, also when another's Deferred would fire before its own."""
        rig = DialerRig()
        first, second = HandBackend(rig.clock, "a"), HandBackend(rig.clock, "b")
        rig.replace({"a": first, "b": second})
        dial = rig.dial()
        rig.advance(0.25)
        protocol = first.make()
        self.assertIsNone(second.make())
        self.assertNoResult(dial)
        assert protocol is not None
        first.dials[0][1].callback(protocol)
        self.assertIs(self.successResultOf(dial).protocol, protocol)

    def test_overtakenIsToldAndNotBlamed(self) -> None:
        """A slower backend is named to observers; it is not counted as failed."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = Behaviour.HANGS
        rig.dial()
        rig.advance(0.25)
        self.assertEqual(rig.failures, [("a", "overtaken")])
        self.assertEqual(told(rig.events, DialFailed)[0].seconds, 0.25)
        self.assertEqual(rig.registry.record("a").failed, 0)

    def test_laterOneIsNotOvertaken(self) -> None:
        """An attempt that began after the winner's was given no chance: nothing is said of it."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.HANGS
        rig.dial()
        rig.advance(0.25)
        rig.backends["a"].behaviour = Behaviour.CONNECTS
        rig.backends["a"].answer()
        self.assertEqual(rig.failures, [])

    def test_allFail(self) -> None:
        """When each backend was tried once and failed, the dial fails with every cause."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.REFUSES
        dial = rig.dial()
        rig.advance()
        error = self.failureResultOf(dial, AllFailed).value
        self.assertEqual((error.reason, error.attempts), (CloseReason.DIAL_FAILED, 2))
        self.assertEqual([cause.split(":")[0] for cause in error.causes], ["a (a)", "b (b)"])
        self.assertEqual([backend.attempts for backend in rig.backends.values()], [1, 1])
        self.assertEqual(rig.clock.getDelayedCalls(), [])

    def test_failuresAreCounted(self) -> None:
        """Each failed attempt is counted against its backend."""
        rig = DialerRig("a", "b")
        rig.backends["a"].behaviour = Behaviour.REFUSES
        rig.dial()
        rig.advance()
        self.assertEqual([rig.registry.record(target).failed for target in "ab"], [1, 0])
        self.assertEqual(rig.failures, [("a", "refused")])

    def test_nobodyThere(self) -> None:
        """An empty set fails a dial at once."""
        rig = DialerRig()
        error = self.failureResultOf(rig.dial(), NoBackends).value
        self.assertEqual((error.reason, error.attempts), (CloseReason.NO_BACKENDS, 0))
        self.assertEqual(rig.clock.getDelayedCalls(), [])

    def test_deadline(self) -> None:
        """A client waits for the dial timeout and no longer; the attempts end with it."""
        rig = DialerRig("a", "b", timeout=3.0)
        hanging = HandBackend(rig.clock, "a"), HandBackend(rig.clock, "b")
        rig.replace({backend.target: backend for backend in hanging})
        dial = rig.dial()
        rig.advance(*[0.125] * 23)
        self.assertNoResult(dial)
        rig.advance(0.125)
        error = self.failureResultOf(dial, DialTimeout).value
        self.assertEqual((error.reason, error.attempts), (CloseReason.DIAL_TIMEOUT, 2))
        self.assertEqual([backend.cancelled for backend in hanging], [1, 1])
        self.assertEqual(rig.failures, [("a", "timeout"), ("b", "timeout")])
        self.assertEqual([rig.registry.record(target).failed for target in "ab"], [1, 1])
        self.assertEqual((rig.registry.dialing, rig.clock.getDelayedCalls()), (0, []))

    def test_deadlineBeforeTheDelay(self) -> None:
        """A timeout shorter than the attempt delay holds."""
        rig = DialerRig("a", "b", timeout=0.1, attemptDelay=0.25)
        rig.backends["a"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance(0.1)
        self.failureResultOf(dial, DialTimeout)
        self.assertEqual(rig.backends["b"].attempts, 0)

    def test_noAttemptDelay(self) -> None:
        """Without an attempt delay the next is started as good as at once, and the reactor gets its turns."""
        rig = DialerRig("a", "b", timeout=1.0, attemptDelay=0.0)
        rig.backends["a"].behaviour = rig.backends["b"].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance(0.001)  # a timer that is due again at once would never let this return
        self.assertEqual([backend.pending for backend in rig.backends.values()], [1, 1])
        rig.advance(1.0)
        self.failureResultOf(dial, DialTimeout)

    def test_cancel(self) -> None:
        """Cancelling a dial cancels its attempts, and starts no other."""
        rig = DialerRig("a", "b", "c")
        hanging = HandBackend(rig.clock, "a"), HandBackend(rig.clock, "b")
        rig.replace({"a": hanging[0], "b": hanging[1], "c": rig.backends["c"]})
        dial = rig.dial()
        rig.advance(0.25)
        dial.cancel()
        self.assertEqual(self.failureResultOf(dial, DialCancelled).value.attempts, 2)
        self.assertEqual([backend.cancelled for backend in hanging], [1, 1])
        self.assertEqual(rig.backends["c"].attempts, 0)
        self.assertEqual((rig.registry.dialing, rig.clock.getDelayedCalls()), (0, []))
        self.assertEqual(rig.failures, [])

    def test_localErrorsAreNotBlamed(self) -> None:
        """What is this machine's fault is told as such, and counted against no backend."""
        for error in (ConnectBindError(errno.EMFILE), ConnectError(errno.ENOBUFS), OSError(errno.ENOMEM, "no memory")):
            rig = DialerRig()
            backend = HandBackend(rig.clock, "a")
            rig.replace({"a": backend})
            dial = rig.dial()
            backend.fail(error)
            self.failureResultOf(dial, AllFailed)
            self.assertEqual(rig.failures, [("a", "local")])
            self.assertEqual(rig.registry.record("a").failed, 0)

    def test_localErrorGoesOnToTheNext(self) -> None:
        """Running out of something here is no reason to give the client up."""
        rig = DialerRig("b")
        backend = HandBackend(rig.clock, "a")
        rig.replace({"a": backend, "b": rig.backends["b"]})
        dial = rig.dial()
        backend.fail(ConnectBindError(errno.EMFILE))
        rig.advance()
        self.assertEqual(self.successResultOf(dial).candidate.id, "b")


class AtOnce(HandBackend):
    """Connects before C{connect} returns."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting = super().connect(factory)
        self.succeed()
        return connecting
