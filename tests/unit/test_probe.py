"""Whether anybody of several backends answers, found out by connecting to them."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.unit.rigs import HandBackend
from tinylb.interfaces import IProbe
from tinylb.probe import AT_ONCE, PATIENCE, ConnectProbe
from tinylb.reach import HOLD
from tinylb.testing import Behaviour, MemoryBackend, MemoryPeer


class UncancellableBackend(HandBackend):
    """A backend whose attempts go on, whoever wants them or not."""

    def onCancel(self, connecting: Deferred[IProtocol]) -> None:
        """It does not care; the Deferred is told all the same."""
        connecting.addErrback(lambda _: None)


class RaisingBackend(HandBackend):
    """Somebody's own backend, which has a bug."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        raise RuntimeError("a bug")


class PromptBackend(MemoryBackend):
    """A backend whose attempts have come to their end when they are returned."""

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """See L{IBackend.connect}."""
        connecting = super().connect(factory)
        self.answer()
        return connecting


class ProbeCase(SynchronousTestCase):
    """Questions to the backends C{a}, C{b} and C{c}; those that come first are asked first."""

    def setUp(self) -> None:
        """All of them connect."""
        self.clock = Clock()
        self.probe = ConnectProbe(self.clock, lambda: 0.0)
        self.backends = [MemoryBackend(self.clock, target) for target in "abc"]

    def behave(self, *behaviours: Behaviour) -> None:
        """The backends behave so, in order."""
        for backend, behaviour in zip(self.backends, behaviours, strict=True):
            backend.behaviour = behaviour

    def ask(self) -> Deferred[bool]:
        """Ask whether one of them answers; who connects has connected."""
        answer = self.probe.anyAnswers(self.backends)
        self.wait()
        return answer

    def wait(self, seconds: float = 0.0) -> None:
        """Let time pass, and let all that follows from it at once follow."""
        self.clock.pump([seconds, 0.0, 0.0, 0.0])

    def connections(self) -> list[MemoryPeer]:
        """The backends' side of all connections there have been."""
        return [each for backend in self.backends for each in backend.connections]

    def assertAnswer(self, answer: Deferred[bool], expected: bool) -> None:
        """That is the answer, and nothing is left: no attempt, no connection, nothing that is to happen."""
        self.assertIs(self.successResultOf(answer), expected)
        self.assertNothingLeft()

    def assertNothingLeft(self) -> None:
        """All that was begun has ended."""
        self.wait()
        self.assertEqual(sum(backend.pending for backend in self.backends), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertNotIn(None, [connection.ending for connection in self.connections()])


class YesTests(ProbeCase):
    """Somebody answers."""

    def test_interface(self) -> None:
        """It is a probe."""
        verifyObject(IProbe, self.probe)

    def test_oneIsEnough(self) -> None:
        """One connection that lasts is a yes, whatever the others do; all that was begun ends with it."""
        for which in range(3):
            behaviours = [Behaviour.HANGS, Behaviour.REFUSES, Behaviour.HANGS]
            behaviours[which] = Behaviour.CONNECTS
            self.behave(*behaviours)
            answer = self.ask()
            self.wait(HOLD)
            self.assertAnswer(answer, True)

    def test_allAtOnce(self) -> None:
        """Several may answer in the same moment."""
        answer = self.ask()
        self.assertEqual(len(self.connections()), 3)
        self.wait(HOLD)
        self.assertAnswer(answer, True)

    def test_prompt(self) -> None:
        """A backend that has connected before it returns is as good as one that takes its time."""
        self.backends = [PromptBackend(self.clock, target) for target in "abc"]
        answer = self.ask()
        self.wait(HOLD)
        self.assertAnswer(answer, True)

    def test_saysNothing(self) -> None:
        """Not a byte is sent, and the connection is reset: it is none that a server has to care for."""
        self.ask()
        self.wait(HOLD)
        seen = {(each.received, each.hasFinished, each.ending) for each in self.connections()}
        self.assertEqual(seen, {(b"", False, "reset")})

    def test_late(self) -> None:
        """An answer within the time is an answer."""
        self.behave(*[Behaviour.HANGS] * 3)
        answer = self.ask()
        self.wait(PATIENCE - 2 * HOLD)
        self.backends[1].behaviour = Behaviour.CONNECTS
        self.backends[1].answer()
        self.wait(HOLD)
        self.assertAnswer(answer, True)

    def test_greeting(self) -> None:
        """Who says something and stays has answered; what it says is of no interest."""
        self.behave(Behaviour.CONNECTS, Behaviour.REFUSES, Behaviour.HANGS)
        answer = self.ask()
        self.connections()[0].send(b"220 hello")
        self.wait(HOLD)
        self.assertAnswer(answer, True)


class NoTests(ProbeCase):
    """Nobody answers."""

    def test_nobody(self) -> None:
        """Of nobody, nobody answers."""
        self.backends = []
        self.assertAnswer(self.ask(), False)

    def test_allRefuse(self) -> None:
        """When the last of them has refused, that is a no; nobody waits any longer."""
        self.behave(Behaviour.REFUSES, Behaviour.REFUSES, Behaviour.HANGS)
        answer = self.ask()
        self.assertNoResult(answer)
        self.backends[2].behaviour = Behaviour.REFUSES
        self.backends[2].answer()
        self.assertAnswer(answer, False)

    def test_promptly(self) -> None:
        """Those who have refused before they return have refused."""
        self.backends = [PromptBackend(self.clock, target, Behaviour.REFUSES) for target in "abc"]
        self.assertAnswer(self.ask(), False)

    def test_patience(self) -> None:
        """Those who say nothing are waited for, for so long; then it is a no."""
        self.behave(Behaviour.REFUSES, Behaviour.HANGS, Behaviour.HANGS)
        answer = self.ask()
        self.wait(PATIENCE - 0.01)
        self.assertNoResult(answer)
        self.wait(0.01)
        self.assertAnswer(answer, False)

    def test_closedAtOnce(self) -> None:
        """Who closes or resets at once has nobody to serve with, as a balancer without backends: no answer."""
        for end in (MemoryPeer.close, MemoryPeer.reset):
            self.behave(Behaviour.CONNECTS, Behaviour.CONNECTS, Behaviour.REFUSES)
            answer = self.ask()
            self.assertNoResult(answer)
            for connection in self.connections():
                end(connection)
            self.wait()
            self.assertAnswer(answer, False)
            for backend in self.backends:
                del backend.connections[:]

    def test_closedByOne(self) -> None:
        """The others may have somebody all the same, and have the same time."""
        self.behave(Behaviour.CONNECTS, Behaviour.HANGS, Behaviour.REFUSES)
        answer = self.ask()
        self.connections()[0].close()
        self.wait()
        self.wait(HOLD)
        self.assertNoResult(answer)
        self.backends[1].behaviour = Behaviour.CONNECTS
        self.backends[1].answer()
        self.wait(HOLD)
        self.assertAnswer(answer, True)


class ManyTests(ProbeCase):
    """More backends than are asked at a time."""

    def setUp(self) -> None:
        """Two handfuls, and one more."""
        super().setUp()
        self.backends = [
            MemoryBackend(self.clock, f"{number:02}", Behaviour.HANGS) for number in range(2 * AT_ONCE + 1)
        ]

    def attempts(self) -> list[int]:
        """How often each was asked."""
        return [backend.attempts for backend in self.backends]

    def test_inTurn(self) -> None:
        """The next ones are asked when the former have not answered, each lot with the same patience."""
        answer = self.ask()
        for lot in (1, 2):
            self.assertEqual(sum(self.attempts()), lot * AT_ONCE)
            self.assertNoResult(answer)
            self.wait(PATIENCE)
        self.assertEqual(self.attempts(), [1] * len(self.backends))
        self.wait(PATIENCE)
        self.assertAnswer(answer, False)

    def test_noMoreThanNeeded(self) -> None:
        """Once somebody has answered nobody else is asked."""
        self.backends[AT_ONCE].behaviour = Behaviour.CONNECTS
        answer = self.ask()
        self.wait(PATIENCE)
        self.wait(HOLD)
        self.assertAnswer(answer, True)
        self.assertEqual(sum(self.attempts()), 2 * AT_ONCE)

    def test_random(self) -> None:
        """Who is asked first is left to chance, so that not every node asks the same ones."""
        numbers = iter(range(len(self.backends), 0, -1))
        self.probe = ConnectProbe(self.clock, lambda: next(numbers) / 100)
        answer = self.ask()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual(self.attempts(), [0] * (AT_ONCE + 1) + [1] * AT_ONCE)

    def test_cancelled(self) -> None:
        """Who asked may lose interest in the midst of it."""
        answer = self.ask()
        self.wait(PATIENCE)
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertNothingLeft()
        self.assertEqual(sum(self.attempts()), 2 * AT_ONCE)


class OddTests(ProbeCase):
    """Backends that do not behave, and who loses interest."""

    def test_cancelled(self) -> None:
        """All that was begun ends with the interest, be it an attempt or a connection."""
        self.behave(Behaviour.CONNECTS, Behaviour.HANGS, Behaviour.REFUSES)
        answer = self.ask()
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertNothingLeft()

    def test_uncancellable(self) -> None:
        """A connection that comes when all is over gets no protocol."""
        hand = UncancellableBackend(self.clock, "x")
        answer = self.probe.anyAnswers([hand])
        self.wait(PATIENCE)
        self.assertAnswer(answer, False)
        self.assertIsNone(hand.make())

    def test_raises(self) -> None:
        """A backend that raises has not answered, and keeps nobody else from it."""
        raising = RaisingBackend(self.clock, "x")
        self.assertAnswer(self.probe.anyAnswers([raising]), False)
        answer = self.probe.anyAnswers([raising, *self.backends])
        self.wait()
        self.wait(HOLD)
        self.assertAnswer(answer, True)
