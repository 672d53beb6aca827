"""How many attempts there may be: for one client, and at one target; and who waits for room."""

from __future__ import annotations

from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.rigs import DialerRig, HandBackend
from tinylb.dial import ATTEMPTS_PER_CLIENT
from tinylb.failures import DialTimeout, NoBackends
from tinylb.room import ATTEMPTS_PER_TARGET
from tinylb.testing import Behaviour


class ClientBoundTests(SynchronousTestCase):
    """Attempts for one client."""

    def test_bound(self) -> None:
        """Beyond the bound, the attempt that has waited longest makes room for the next."""
        rig = DialerRig(*"abcdef", attemptDelay=0.25)
        for backend in rig.backends.values():
            backend.behaviour = Behaviour.HANGS
        rig.dial()
        rig.advance(*[0.25] * (ATTEMPTS_PER_CLIENT - 1))
        self.assertEqual(rig.registry.dialing, ATTEMPTS_PER_CLIENT)
        rig.advance(0.25)
        self.assertEqual([backend.pending for backend in rig.backends.values()], [0, 1, 1, 1, 1, 0])
        self.assertEqual(rig.failures, [("a", "overtaken")])
        self.assertEqual(rig.registry.record("a").failed, 0)

    def test_nobodyIsGivenUpForNothing(self) -> None:
        """While there is nobody left to try, all attempts go on to the end."""
        rig = DialerRig(*"abcd", attemptDelay=0.25)
        for backend in rig.backends.values():
            backend.behaviour = Behaviour.HANGS
        rig.dial()
        rig.advance(*[0.25] * 30)
        self.assertEqual([backend.pending for backend in rig.backends.values()], [1, 1, 1, 1])

    def test_lastOneIsReached(self) -> None:
        """However many hang, the one that answers is reached, each attempt delay bringing it one nearer."""
        rig = DialerRig(*"abcdefgh", attemptDelay=0.25)
        for id in "abcdefg":
            rig.backends[id].behaviour = Behaviour.HANGS
        dial = rig.dial()
        rig.advance(*[0.25] * 7)
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.seconds), ("h", 1.75))
        self.assertEqual(rig.registry.dialing, 0)


class TargetBoundTests(SynchronousTestCase):
    """Attempts at one target, by as many clients as there are."""

    def setUp(self) -> None:
        """C{a} hangs, and is full."""
        self.rig = DialerRig("a", timeout=10.0, attemptDelay=100.0)
        self.rig.backends["a"].behaviour = Behaviour.HANGS
        self.dials = [self.rig.dial() for _ in range(ATTEMPTS_PER_TARGET)]

    def tearDown(self) -> None:
        for dial in self.dials:
            dial.addErrback(lambda _: None)
            dial.cancel()
        self.rig.advance()
        self.assertEqual((self.rig.registry.dialing, self.rig.clock.getDelayedCalls()), (0, []))

    @property
    def attempts(self) -> int:
        return self.rig.backends["a"].attempts

    def test_bound(self) -> None:
        """A target at its bound gets no further attempt; who needs it waits."""
        self.dials.append(self.rig.dial())
        self.assertEqual(self.attempts, ATTEMPTS_PER_TARGET)
        self.assertNoResult(self.dials[-1])

    def test_othersServeMeanwhile(self) -> None:
        """While one target is full, clients go to the others without a moment's wait."""
        self.rig.publish("a", "b")
        dial = self.rig.dial()
        self.rig.advance()
        connected = self.successResultOf(dial)
        self.assertEqual((connected.candidate.id, connected.attempts, connected.seconds), ("b", 1, 0.0))

    def test_roomGoesToWhoWaitedLongest(self) -> None:
        """Each attempt that ends lets one in who waits, in the order of their coming."""
        late = [self.rig.dial(), self.rig.dial()]
        self.dials += late
        self.dials[0].cancel()
        self.failureResultOf(self.dials[0])
        self.rig.advance()
        self.assertEqual(self.attempts, ATTEMPTS_PER_TARGET + 1)
        late[0].cancel()
        self.failureResultOf(late[0])
        self.rig.advance()
        self.assertEqual(self.attempts, ATTEMPTS_PER_TARGET + 2)
        self.rig.backends["a"].behaviour = Behaviour.CONNECTS
        self.rig.backends["a"].answer()
        self.assertEqual(self.successResultOf(late[1]).attempts, 1)

    def test_successMakesRoom(self) -> None:
        """An attempt that connects makes room, too: all are served in the end."""
        self.dials += [self.rig.dial() for _ in range(10)]
        self.rig.backends["a"].behaviour = Behaviour.CONNECTS
        self.rig.backends["a"].answer()
        self.rig.advance()
        self.assertEqual([self.successResultOf(dial).candidate.id for dial in self.dials], ["a"] * len(self.dials))

    def test_onePieceOfRoomEach(self) -> None:
        """Who was let in at one target has left the queue, and is not let in at another beside it."""
        self.rig.publish("a", "b")
        self.rig.backends["b"].behaviour = Behaviour.HANGS
        atB = [self.rig.dial() for _ in range(ATTEMPTS_PER_TARGET)]
        self.dials += [*atB, self.rig.dial()]
        for dial in (self.dials[0], atB[0]):
            dial.cancel()
            self.failureResultOf(dial)
            self.rig.advance()
        attempts = self.attempts, self.rig.backends["b"].attempts
        self.assertEqual(attempts, (ATTEMPTS_PER_TARGET + 1, ATTEMPTS_PER_TARGET))

    def test_whoGivesUpLeavesTheQueue(self) -> None:
        """A client that is gone before there was room takes none."""
        gone, stays = self.rig.dial(), self.rig.dial()
        self.dials += [gone, stays]
        gone.cancel()
        self.failureResultOf(gone)
        self.dials[0].cancel()
        self.failureResultOf(self.dials[0])
        self.rig.backends["a"].behaviour = Behaviour.CONNECTS
        self.rig.advance()
        self.successResultOf(stays)
        self.assertEqual(self.attempts, ATTEMPTS_PER_TARGET + 1)

    def test_waitingHasTheSameDeadline(self) -> None:
        """Who waits for room waits no longer than anybody else."""
        self.dials.append(self.rig.dial())
        self.rig.advance(9.9)
        self.assertNoResult(self.dials[-1])
        self.rig.advance(0.1)
        for dial in self.dials:
            self.failureResultOf(dial, DialTimeout)

    def test_roomIsForWhoCanUseIt(self) -> None:
        """Room at a target that the first in the queue has tried already goes to the next who has not."""
        rig = DialerRig(timeout=1000.0, attemptDelay=100.0)
        a, b = HandBackend(rig.clock, "a"), HandBackend(rig.clock, "b")
        rig.replace({"a": a, "b": b})
        dials = [rig.dial() for _ in range(2 * ATTEMPTS_PER_TARGET)]
        a.fail(ConnectionRefusedError(), 0)  # its client waits for b from now on
        dials.append(rig.dial())  # and this one takes its place
        dials.append(rig.dial())
        self.assertEqual((len(a.dials), len(b.dials)), (ATTEMPTS_PER_TARGET + 1, ATTEMPTS_PER_TARGET))
        a.fail(ConnectionRefusedError(), 1)
        rig.advance()
        self.assertEqual((len(a.dials), len(b.dials)), (ATTEMPTS_PER_TARGET + 2, ATTEMPTS_PER_TARGET))
        a.succeed()
        self.assertEqual(self.successResultOf(dials.pop()).attempts, 1)
        for dial in dials:
            dial.cancel()
            self.failureResultOf(dial)

    def test_targetGoesWhileClientsWait(self) -> None:
        """When the full target goes, whoever waits for room there is not left waiting."""
        self.rig.publish("a", "b")
        self.rig.backends["b"].behaviour = Behaviour.HANGS
        self.dials += [self.rig.dial() for _ in range(ATTEMPTS_PER_TARGET)]
        waiting = [self.rig.dial() for _ in range(3)]
        self.rig.backends["b"].behaviour = Behaviour.CONNECTS
        self.rig.publish("b")
        self.rig.advance(*[1.0] * 9)
        self.rig.backends["b"].answer()
        self.rig.advance()
        for dial in waiting:
            self.assertEqual(self.successResultOf(dial).candidate.id, "b")

    def test_allGoWhileClientsWait(self) -> None:
        """When the set empties, those who wait for room are told within the attempt delay."""
        rig = DialerRig("a", attemptDelay=0.25)
        rig.backends["a"].behaviour = Behaviour.HANGS
        for _ in range(ATTEMPTS_PER_TARGET):
            rig.dial().addErrback(lambda _: None)
        waiting = [rig.dial() for _ in range(3)]
        rig.publish()
        rig.advance(0.25)
        for dial in waiting:
            self.failureResultOf(dial, NoBackends)
