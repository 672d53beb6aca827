"""How vanished peers are found among pairs that last, and when they are looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tinylb.hearing import Hearing
from tinylb.patrol import Beat, Patrol
from tinylb.relay.interface import Side
from tinylb.sockets import probing

K = 30.0


class FarEnd:
    """
    A peer that is idle, and acknowledges the probes of the kernel, as long as it is there. When it is not, it is mute
    as soon as the last probe is sent.

    @ivar isAsked: whether the kernel asks for an answer at all.
    """

    def __init__(self, clock: Clock, keepalive: float) -> None:
        self.isAsked = True
        self.idle, self.interval = probing(keepalive)
        self._clock = clock
        self._since = clock.seconds()
        self._last: float | None = None

    @property
    def lastHeard(self) -> float:
        """When the last acknowledgement came."""
        if self._last is not None:
            return self._last
        rounds = int((self._clock.seconds() - self._since) / self.idle)
        return self._since + rounds * self.idle

    def vanish(self) -> None:
        """It says nothing any more."""
        self._last = self.lastHeard

    def hearing(self) -> Hearing:
        """What the kernel knows."""
        silence = self._clock.seconds() - self.lastHeard
        return Hearing(silence, self.isAsked and silence >= self.idle + 2 * self.interval)


class FakePair:
    """
    A pair between two far ends, which ends when one of them has vanished.

    @ivar ends: by side; L{None} for one that nothing is known of, as behind a UNIX socket.
    @ivar looks: when it was looked at.
    @ivar lost: when a peer was found to have vanished, and which.
    @ivar onLost: what follows from that.
    """

    def __init__(self, clock: Clock, patrol: Patrol, keepalive: float = K) -> None:
        self.beat: Beat | None = None
        self.ends: dict[Side, FarEnd | None] = {side: FarEnd(clock, keepalive) for side in Side}
        self.looks: list[float] = []
        self.lost: list[tuple[float, Side]] = []
        self.onLost: Callable[[], None] = lambda: None
        self._clock = clock
        self._patrol = patrol
        patrol.add(self)

    def end(self, side: Side = Side.CLIENT) -> FarEnd:
        """One of its far ends."""
        end = self.ends[side]
        assert end is not None
        return end

    def hearing(self, side: Side) -> Hearing | None:
        """See L{Watched <tinylb.patrol.Watched>}."""
        if side is Side.CLIENT:
            self.looks.append(self._clock.seconds())
        end = self.ends[side]
        return None if end is None else end.hearing()

    def vanished(self, side: Side) -> None:
        """See L{Watched <tinylb.patrol.Watched>}."""
        self.lost.append((self._clock.seconds(), side))
        self._patrol.remove(self)
        self.onLost()


class PatrolCase(SynchronousTestCase):
    """A patrol on a clock that the test moves."""

    def setUp(self) -> None:
        """It is noon, and the keepalive is half a minute."""
        self.begin(K, 43200.0)

    def begin(self, keepalive: float, now: float) -> None:
        """Begin anew, at a time."""
        self.clock = Clock()
        self.clock.advance(now)
        self.keepalive = keepalive
        self.patrol = Patrol(self.clock, keepalive)

    def pair(self) -> FakePair:
        """A pair that is looked after."""
        return FakePair(self.clock, self.patrol, self.keepalive)

    def pairs(self, count: int) -> list[FakePair]:
        """So many."""
        return [self.pair() for _ in range(count)]

    def wait(self, seconds: float) -> None:
        """Let time pass, from one thing that is due to the next, so that nothing comes late."""
        until = self.clock.seconds() + seconds
        while calls := [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]:
            self.clock.advance(max(0.0, min(calls) - self.clock.seconds()))
        self.clock.advance(max(0.0, until - self.clock.seconds()))


class PatrolTests(PatrolCase):
    """Who is found, and when. See L{Patrol}."""

    @REPEATABLE
    @given(
        st.sampled_from((0.1, 1.0, 1.4, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 13.0, 16.0, 30.0, 3600.0)),
        st.floats(0, 1e6),
        st.floats(0, 10),
        st.sampled_from(Side),
    )
    def test_found(self, keepalive: float, now: float, rounds: float, side: Side) -> None:
        """
        Whenever a peer vanishes, it is found when there was time for an answer to the last probe, and before the kernel
        would end the connection, which for most keepalives is at twice as much.
        """
        self.begin(keepalive, now)
        pair = self.pair()
        end = pair.end(side)
        self.wait(rounds * end.idle)
        end.vanish()
        self.wait(end.idle + 3 * end.interval)
        ((when, which),) = pair.lost
        self.assertIs(which, side)
        silence = when - end.lastHeard
        self.assertGreaterEqual(silence, end.idle + 2.5 * end.interval)
        self.assertLess(silence, end.idle + 3 * end.interval)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_alive(self) -> None:
        """One that acknowledges what it is asked is never taken for lost."""
        pair = self.pair()
        self.wait(1000 * K)
        self.assertEqual(pair.lost, [])

    def test_rarely(self) -> None:
        """A pair in which all is well is looked at about once in a keepalive."""
        pair = self.pair()
        self.wait(100 * K)
        self.assertTrue(50 < len(pair.looks) < 110, len(pair.looks))

    def test_notAsked(self) -> None:
        """However long one was silent, it is not lost if nobody has asked it for an answer; then it is, soon."""
        pair = self.pair()
        pair.end().isAsked = False
        pair.end().vanish()
        self.wait(10 * K)
        self.assertEqual(pair.lost, [])
        pair.end().isAsked = True
        self.wait(K / 4)
        self.assertEqual(len(pair.lost), 1)

    def test_shortSilence(self) -> None:
        """One that did not answer a few times, and then does, is not lost."""
        pair = self.pair()
        for _ in range(10):
            pair.end().vanish()
            self.wait(1.7 * K)
            self.assertTrue(pair.end().hearing().isMute)
            pair.ends[Side.CLIENT] = FarEnd(self.clock, K)
        self.assertEqual(pair.lost, [])

    def test_both(self) -> None:
        """If both have vanished one of them is named, once."""
        pair = self.pair()
        for side in Side:
            pair.end(side).vanish()
        self.wait(4 * K)
        self.assertEqual([side for _, side in pair.lost], [Side.CLIENT])

    def test_oneSideUnknown(self) -> None:
        """Where nothing is known of one peer, the other is looked after."""
        for side, other in (Side.CLIENT, Side.BACKEND), (Side.BACKEND, Side.CLIENT):
            pair = self.pair()
            pair.ends[side] = None
            pair.end(other).vanish()
            self.wait(2 * K)
            self.assertEqual([lost for _, lost in pair.lost], [other])

    def test_nothingKnown(self) -> None:
        """Where nothing is known of either, nothing is done."""

        class Unknown(FakePair):
            def hearing(self, side: Side) -> None:
                """See L{FakePair.hearing}."""
                self.looks.append(0.0)

        pair = Unknown(self.clock, self.patrol)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(pair.looks), 2)
        self.patrol.remove(pair)

    def test_lastingSilence(self) -> None:
        """A pair that comes when its peer was silent for long already is looked at soon."""
        end = FarEnd(self.clock, K)
        end.vanish()
        self.wait(1.6 * K)
        pair = self.pair()
        pair.ends[Side.CLIENT] = end
        self.patrol.remove(pair)
        self.patrol.add(pair)
        self.wait(0.4 * K)
        self.assertEqual(len(pair.lost), 1)

    def test_removed(self) -> None:
        """A pair that has ended is not looked at any more."""
        pair, other = self.pairs(2)
        self.wait(K)
        self.patrol.remove(pair)
        looks = len(pair.looks)
        for each in (pair, other):
            each.end().vanish()
        self.wait(4 * K)
        self.assertEqual((len(pair.looks), pair.lost, len(other.lost)), (looks, [], 1))

    def test_removedTwice(self) -> None:
        """It may be removed again."""
        pair, other = self.pairs(2)
        self.patrol.remove(pair)
        self.patrol.remove(pair)
        other.end().vanish()
        self.wait(2 * K)
        self.assertEqual(len(other.lost), 1)

    def test_removedMeanwhile(self) -> None:
        """One that ends because another has been found is not found itself, though it was its turn."""
        pairs = self.pairs(2)
        for pair, other in (pairs, reversed(pairs)):
            pair.end().vanish()
            pair.onLost = partial(self.patrol.remove, other)
        self.wait(4 * K)
        self.assertEqual(sum(len(pair.lost) for pair in pairs), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_addedMeanwhile(self) -> None:
        """One that comes because another has been found is looked after as any other."""
        pair, came = self.pair(), list[FakePair]()
        pair.end().vanish()
        pair.onLost = lambda: came.append(self.pair())
        self.wait(2 * K)
        came[0].end().vanish()
        self.wait(2 * K)
        self.assertEqual(len(came[0].lost), 1)

    def test_noTimers(self) -> None:
        """When all have ended nothing is scheduled; and something is, when others come."""
        for _ in range(2):
            pairs = self.pairs(3)
            self.wait(K)
            for pair in pairs:
                self.assertEqual(len(self.clock.getDelayedCalls()), 1)
                self.patrol.remove(pair)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_off(self) -> None:
        """With a keepalive of 0 nobody is looked at."""
        self.begin(0.0, 0.0)
        self.keepalive = K
        pair = self.pair()
        pair.end().vanish()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.wait(100 * K)
        self.assertEqual((pair.looks, pair.lost), ([], []))
        self.patrol.remove(pair)


class CrowdTests(PatrolCase):
    """Many pairs at once, whose turn is at the same time."""

    COUNT = 1001
    # That are looked at in one turn of the reactor, and seconds for all of them.
    PORTION, ALL = 200, 0.1

    def assertInPortions(self, times: list[float]) -> None:
        """So many were looked at in a turn at the most, others after it, and soon all."""
        self.assertLessEqual(max(Counter(times).values()), self.PORTION)
        self.assertLess(max(times) - min(times), self.ALL)

    def test_found(self) -> None:
        """All that have vanished are found at nearly the same time, in portions."""
        pairs = self.pairs(self.COUNT)
        for pair in pairs:
            pair.end().vanish()
        self.wait(2 * K)
        self.assertEqual({len(pair.lost) for pair in pairs}, {1})
        self.assertInPortions([pair.lost[0][0] for pair in pairs])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_alive(self) -> None:
        """So are those looked at in which all is well, each once; and the one among them that has vanished is found."""
        pairs = self.pairs(self.COUNT)
        pairs[-1].end().vanish()
        self.wait(2 * K)
        self.assertEqual([len(pair.lost) for pair in pairs], [0] * (self.COUNT - 1) + [1])
        self.assertEqual({len(pair.looks) for pair in pairs}, {2})
        self.assertInPortions([pair.looks[1] for pair in pairs])
