"""
The kit's transport beside Twisted's own: the same script is played on both, and what the protocol and its
producer hear of it has to be the same.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.transportbench import LIMIT, Bench, MemoryBench, TwistedBench


class SameAsTwistedTests(SynchronousTestCase):
    """See L{MemoryTransport <tinylb.testing.MemoryTransport>}."""

    def play(self, script: Callable[[Bench], None], isHalfCloseable: bool = True) -> None:
        for kind in (TwistedBench, MemoryBench):
            script(kind(isHalfCloseable))

    def test_data(self) -> None:
        """What is written arrives, and what the peer sends is received."""

        def script(bench: Bench) -> None:
            bench.transport.write(b"a")
            bench.transport.writeSequence([b"b", b"c"])
            bench.peerSends(b"xyz")
            bench.hears()
            assert (bench.arrived, bench.listener.received) == (b"abc", b"xyz")

        self.play(script)

    def test_pushProducer(self) -> None:
        """A producer is paused when more than the limit is buffered, and resumed when nothing is."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.registerProducer(bench.listener, True)
            bench.transport.write(b"x" * LIMIT)  # goes onto the wire
            bench.hears()
            bench.transport.write(b"x" * LIMIT)
            bench.hears()
            bench.transport.write(b"x")
            bench.hears("pause")
            bench.peerReads(True)
            bench.hears("resume")
            assert len(bench.arrived) == 2 * LIMIT + 1

        self.play(script)

    def test_pullProducer(self) -> None:
        """A pull producer is asked at once, and whenever the buffer has run empty."""

        def script(bench: Bench) -> None:
            bench.transport.registerProducer(bench.listener, False)
            assert bench.listener.heard == ["resume"]
            bench.transport.unregisterProducer()
            bench.hears("resume")

        self.play(script)

    def test_oneProducer(self) -> None:
        """There is one producer at a time."""

        def script(bench: Bench) -> None:
            bench.transport.registerProducer(bench.listener, True)
            self.assertRaises(RuntimeError, bench.transport.registerProducer, bench.listener, True)

        self.play(script)

    def test_close(self) -> None:
        """A close comes behind all that was written; nothing is read or written afterwards."""

        def script(bench: Bench) -> None:
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.transport.loseConnection()
            bench.hears("ConnectionDone")
            assert (len(bench.arrived), bench.end) == (3 * LIMIT, "FIN")
            bench.transport.write(b"more")
            bench.transport.loseConnection()
            bench.transport.abortConnection()
            bench.transport.resumeProducing()
            bench.hears()
            assert len(bench.arrived) == 3 * LIMIT

        self.play(script)

    def test_closeReadsNoMore(self) -> None:
        """From the moment a close was asked for nothing is read, though not all is written yet."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.hears()
            bench.transport.loseConnection()
            bench.transport.resumeProducing()
            bench.peerSends(b"too late")
            bench.hears()
            assert bench.listener.received == b""

        self.play(script)

    def test_closeResumesThePausedProducerFirst(self) -> None:
        """A paused producer is resumed before a close is looked at, and the close waits until it is unregistered."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.registerProducer(bench.listener, True)
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.transport.loseConnection()
            bench.peerReads(True)
            bench.hears("pause", "resume")
            assert bench.end is None
            bench.transport.unregisterProducer()
            bench.hears("ConnectionDone")

        self.play(script)

    def test_finishWithAPausedProducer(self) -> None:
        """A half-close never comes about while a producer that was paused is registered."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.registerProducer(bench.listener, True)
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.transport.loseWriteConnection()
            bench.peerReads(True)
            bench.hears("pause", "resume")
            bench.peerSends(b"anything")
            bench.hears()
            assert bench.end is None
            bench.transport.unregisterProducer()
            bench.transport.loseWriteConnection()
            bench.hears("FIN sent")

        self.play(script)

    def test_finish(self) -> None:
        """A half-close comes behind all that was written; what the peer sends is still received."""

        def script(bench: Bench) -> None:
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.transport.loseWriteConnection()
            bench.hears("FIN sent")
            assert (len(bench.arrived), bench.end) == (3 * LIMIT, "FIN")
            bench.transport.write(b"too late")
            bench.peerSends(b"reply")
            bench.hears()
            assert (len(bench.arrived), bench.listener.received) == (3 * LIMIT, b"reply")

        self.play(script)

    def test_finishTwice(self) -> None:
        """A half-close that is asked for again, once it is done, is the end of the connection."""

        def script(bench: Bench) -> None:
            bench.transport.loseWriteConnection()
            bench.transport.loseWriteConnection()
            bench.hears("FIN sent")
            bench.transport.loseWriteConnection()
            bench.hears("ConnectionLost")

        self.play(script)

    def test_peerFinishesTwice(self) -> None:
        """A FIN is reported again whenever the transport is told to read again."""

        def script(bench: Bench) -> None:
            bench.peerFinishes()
            bench.hears("finished")
            bench.transport.resumeProducing()
            bench.hears("finished")

        self.play(script)

    def test_closeAfterFinish(self) -> None:
        """A close after the half-close is done before it returns."""

        def script(bench: Bench) -> None:
            bench.transport.loseWriteConnection()
            bench.hears("FIN sent")
            bench.transport.loseConnection()
            assert bench.listener.heard == ["ConnectionDone"]

        self.play(script)

    def test_peerFinishes(self) -> None:
        """The peer's FIN, behind its data, leaves a protocol that knows half-closes connected, to write on."""

        def script(bench: Bench) -> None:
            bench.peerSends(b"request")
            bench.peerFinishes()
            bench.hears("finished")
            bench.transport.write(b"reply")
            bench.hears()
            assert (bench.listener.received, bench.arrived) == (b"request", b"reply")

        self.play(script)

    def test_bothFinishedIsNotClosed(self) -> None:
        """When both have finished, the connection is still there until somebody closes it."""

        def script(bench: Bench) -> None:
            bench.peerFinishes()
            bench.transport.loseWriteConnection()
            bench.turn()
            assert sorted(bench.listener.heard) == ["FIN sent", "finished"]

        self.play(script)

    def test_peerFinishesUnknownly(self) -> None:
        """For a protocol that knows no half-close the FIN is the end, and what is not sent yet is lost."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.write(b"x" * 3 * LIMIT)
            bench.hears()
            bench.peerFinishes()
            bench.hears("ConnectionDone")
            bench.peerReads(True)
            bench.turn()
            assert len(bench.arrived) < 3 * LIMIT

        self.play(script, isHalfCloseable=False)

    def test_paused(self) -> None:
        """While it is paused, neither data nor a FIN is seen; both are, afterwards."""

        def script(bench: Bench) -> None:
            bench.transport.pauseProducing()
            bench.peerSends(b"data")
            bench.peerFinishes()
            bench.hears()
            assert bench.listener.received == b""
            bench.transport.resumeProducing()
            bench.hears("finished")
            assert bench.listener.received == b"data"

        self.play(script)

    def test_abort(self) -> None:
        """An abort is done a turn later: unsent data is dropped, the producer stopped, the peer reset."""

        def script(bench: Bench) -> None:
            bench.peerReads(False)
            bench.transport.registerProducer(bench.listener, True)
            bench.transport.write(b"x" * LIMIT)
            bench.transport.abortConnection()
            bench.transport.abortConnection()
            assert bench.listener.heard == []
            bench.hears("stop", "ConnectionAborted")
            assert bench.end == "reset"

        self.play(script)

    def test_peerResets(self) -> None:
        """The peer's reset is the end, for the protocol and for the producer."""

        def script(bench: Bench) -> None:
            bench.transport.registerProducer(bench.listener, True)
            bench.peerResets()
            bench.hears("stop", "ConnectionLost")

        self.play(script)

    def test_lost(self) -> None:
        """A connection that is lost after a half-close is lost once, whatever is asked of it; a producer is stopped."""

        def script(bench: Bench) -> None:
            bench.transport.loseWriteConnection()
            bench.hears("FIN sent")
            bench.peerResets()
            bench.hears("ConnectionLost")
            bench.transport.loseConnection()
            bench.transport.abortConnection()
            bench.transport.registerProducer(bench.listener, True)
            bench.hears("stop")

        self.play(script)
