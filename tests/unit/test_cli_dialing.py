"""Trying backends: what is found of each, and that nothing is left of it."""

from __future__ import annotations

from twisted.internet.defer import Deferred, FirstError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.dialing import AT_ONCE, Finding, dialAll
from tinylb.reach import HOLD
from tinylb.testing import Behaviour, MemoryBackend


class DialCase(SynchronousTestCase):
    """Backends, and two seconds for each."""

    def setUp(self) -> None:
        """One of them, which connects."""
        self.clock = Clock()
        self.backends = [self.backend("a")]

    def backend(self, target: str, behaviour: Behaviour = Behaviour.CONNECTS) -> MemoryBackend:
        """A backend."""
        return MemoryBackend(self.clock, target, behaviour)

    def dial(self) -> Deferred[list[Finding]]:
        """Try them all; who connects has connected."""
        findings = dialAll(self.clock, self.backends, 2.0)
        self.wait()
        return findings

    def wait(self, seconds: float = 0.0) -> None:
        """Let time pass, and let all that follows from it at once follow."""
        self.clock.pump([seconds, 0.0, 0.0, 0.0])

    def found(self, findings: Deferred[list[Finding]]) -> list[str | None]:
        """What was found, in order; nothing is left."""
        found = self.successResultOf(findings)
        self.assertNothingLeft()
        return [each.why for each in found]

    def assertNothingLeft(self) -> None:
        """All that was begun has ended."""
        self.wait()
        self.assertEqual(sum(backend.pending for backend in self.backends), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        connections = [each for backend in self.backends for each in backend.connections]
        self.assertNotIn(None, [connection.ending for connection in connections])


class DialTests(DialCase):
    """See L{dialAll}."""

    def test_reachable(self) -> None:
        """Who keeps the connection for a moment is reachable; the moment does not count as its time."""
        findings = self.dial()
        self.assertNoResult(findings)
        self.wait(HOLD)
        self.assertEqual(self.successResultOf(findings), [Finding(None, 0.0)])
        self.assertNothingLeft()

    def test_refused(self) -> None:
        """Who refuses is told with the reason."""
        self.backends[0].behaviour = Behaviour.REFUSES
        self.assertEqual(self.found(self.dial()), ["Connection was refused by other side."])

    def test_silent(self) -> None:
        """Who does not answer is given up when its time is over."""
        self.backends[0].behaviour = Behaviour.HANGS
        findings = self.dial()
        self.wait(1.9)
        self.assertNoResult(findings)
        self.wait(0.1)
        self.assertEqual(self.successResultOf(findings), [Finding("no answer within 2 s", 2.0)])
        self.assertNothingLeft()

    def test_closes(self) -> None:
        """Who closes the connection at once, as a balancer without backends does, is not reachable."""
        findings = self.dial()
        self.backends[0].connections[0].close()
        self.wait()
        self.assertEqual(self.found(findings), ["closed at once: without a word"])

    def test_resets(self) -> None:
        """Nor is who resets it."""
        findings = self.dial()
        self.backends[0].connections[0].reset()
        self.wait()
        (why,) = self.found(findings)
        self.assertTrue(str(why).startswith("closed at once: "), why)

    def test_speaks(self) -> None:
        """Who says something is there, whatever it does then, and nobody waits any longer."""
        findings = self.dial()
        self.backends[0].connections[0].send(b"hello")
        self.wait()
        self.assertEqual(self.found(findings), [None])

    def test_order(self) -> None:
        """What was found stands in the order of the backends, whoever answers first."""
        self.backends = [self.backend(each) for each in "abc"]
        self.backends[0].behaviour = Behaviour.HANGS
        self.backends[1].behaviour = Behaviour.REFUSES
        findings = self.dial()
        self.wait(2.0)
        self.assertEqual(self.found(findings), ["no answer within 2 s", "Connection was refused by other side.", None])

    def test_bounded(self) -> None:
        """They are tried at the same time, and not too many of them; each of the others has its whole time then."""
        self.backends = [self.backend(str(number), Behaviour.HANGS) for number in range(AT_ONCE + 1)]
        findings = self.dial()
        self.assertEqual([each.attempts for each in self.backends], [1] * AT_ONCE + [0])
        self.wait(2.0)
        self.assertEqual(self.backends[-1].attempts, 1)
        self.wait(1.9)
        self.assertNoResult(findings)
        self.wait(0.1)
        self.assertEqual(self.found(findings), ["no answer within 2 s"] * (AT_ONCE + 1))

    def test_nobody(self) -> None:
        """Nobody is soon tried."""
        self.backends = []
        self.assertEqual(self.found(self.dial()), [])

    def test_cancelled(self) -> None:
        """It can be given up; whatever was under way is given up with it."""
        self.backends = [self.backend("a"), self.backend("b", Behaviour.HANGS)]
        findings = self.dial()
        findings.cancel()
        self.failureResultOf(findings).trap(FirstError)
        self.assertNothingLeft()
