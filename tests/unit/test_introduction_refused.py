"""Clients that should introduce themselves by the PROXY protocol, and do not, or not well."""

from __future__ import annotations

from tests.unit.introducedcase import LINE, PROXY, IntroducedCase
from tests.unit.loglines import logLines
from tests.unit.rigs import TLSLikeFactory, told
from tests.unit.test_proxyheader import SIGNATURE
from tinylb import BackendPicked, ClientUnserved, CloseReason, DialFailed, DialFailure, PairOpened
from tinylb.testing import Behaviour, MemoryEndpoint

WRONG = {
    b"GET / HTTP/1.1\r\n\r\n": "no PROXY header",
    b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 70000\r\nhello": "invalid PROXY header",
    b"PROXY TCP4 " + b"1" * 100: "invalid PROXY header",
    SIGNATURE + b"\x21\x11\x00\x00": "invalid PROXY header",
}


class WrongTests(IntroducedCase):
    """What is no header."""

    def test_reset(self) -> None:
        """Whoever says something else is reset at once; nobody is dialled for it, and it is told why."""
        for said, why in WRONG.items():
            kit, client = self.saying(said)
            self.assertEqual((client.ending, client.received), ("reset", b""))
            self.assertEqual(kit.backends["a"].attempts, 0)
            event = self.unserved(kit)
            self.assertEqual((event.client, event.reason, event.causes), (PROXY, CloseReason.DIAL_FAILED, (why,)))
            self.assertEqual(event.attempts, 0)
            self.assertEqual(kit.balancer.describe()["unserved"], {"dial-failed": 1})

    def test_atOnce(self) -> None:
        """The first byte that no header has is enough."""
        _, client = self.saying(LINE[:7])
        self.assertIsNone(client.ending)
        _, client = self.saying(LINE[:7], b"!\n")
        self.assertEqual(client.ending, "reset")

    def test_incomplete(self) -> None:
        """A FIN within the header is the end."""
        for header in (LINE, SIGNATURE):
            kit, client = self.saying(header[:-1])
            client.finish()
            kit.advance()
            self.assertEqual(client.ending, "reset")
            event = self.unserved(kit)
            self.assertEqual((event.reason, event.causes), (CloseReason.DIAL_FAILED, ("incomplete PROXY header",)))

    def test_throughTLS(self) -> None:
        """It is the same within TLS."""
        kit = self.balancer("a")
        endpoint = MemoryEndpoint(kit.clock)
        endpoint.listen(TLSLikeFactory(kit.balancer.entrance(proxyProtocol=True)))
        client = endpoint.connect()
        client.send(b"hello")
        kit.advance()
        self.assertEqual(client.ending, "reset")

    def test_log(self) -> None:
        """However many there are, and whatever they say, the log has one line a second, with the kinds of it."""
        lines = logLines(self)
        kit = self.balancer("a")
        for _ in range(2):
            for number in range(100):
                self.introduced(kit).send(b"PROXY number %d\r\n" % number)
                self.introduced(kit).send(b"GET /%d" % number)
                kit.advance()
            kit.advance(1)
        said = [line for line in lines if "could not" in line]
        self.assertEqual(
            said,
            [
                "warn: 1 client could not be served: 1 x dial-failed (invalid PROXY header)",
                "warn: 199 clients could not be served: "
                "100 x dial-failed (no PROXY header), 99 x dial-failed (invalid PROXY header)",
                "warn: 200 clients could not be served: "
                "100 x dial-failed (invalid PROXY header), 100 x dial-failed (no PROXY header)",
            ],
        )


class LeavingTests(IntroducedCase):
    """Who goes before it has said anything, as others' checks do, is nobody's trouble."""

    def test_finish(self) -> None:
        """A FIN without a word is the client's own close; it is answered in kind, and the log says nothing."""
        lines = logLines(self)
        kit, client = self.saying()
        client.finish()
        kit.advance()
        self.assertTrue(client.hasFinished)
        self.assertEqual(self.unserved(kit).reason, CloseReason.CLIENT_CLOSED)
        self.assertEqual([line for line in lines if "served" in line], [])

    def test_reset(self) -> None:
        """A reset is one, with part of a header or without."""
        for said in ((), (LINE[:10],)):
            lines = logLines(self)
            kit, client = self.saying(*said)
            client.reset()
            kit.advance()
            self.assertEqual(self.unserved(kit).reason, CloseReason.CLIENT_RESET)
            self.assertEqual([line for line in lines if "served" in line], [])


class SilentTests(IntroducedCase):
    """A header that does not come."""

    def test_deadline(self) -> None:
        """After the dial timeout it is waited for no longer, though a part may have come just now."""
        for said in (b"", LINE[:10]):
            kit, client = self.saying(*filter(None, [said]), dialTimeout=3)
            kit.advance(2.9)
            self.assertIsNone(client.ending)
            kit.advance(0.1)
            kit.advance()
            self.assertEqual(client.ending, "reset")
            event = self.unserved(kit)
            self.assertEqual((event.reason, event.seconds), (CloseReason.DIAL_TIMEOUT, 3.0))
            self.assertEqual(event.causes, ("no PROXY header within 3 s",))

    def test_deadlineOfTheDial(self) -> None:
        """The time that the header took is the client's own: both together are not longer than the dial timeout."""
        kit = self.balancer("a", dialTimeout=3)
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = self.introduced(kit)
        kit.clock.pump([0.25] * 8)
        client.send(LINE)
        kit.clock.pump([0.125] * 7)
        self.assertIsNone(client.ending)
        kit.clock.pump([0.125] * 2)
        event = self.unserved(kit)
        self.assertEqual((event.reason, event.attempts), (CloseReason.DIAL_TIMEOUT, 1))
        self.assertAlmostEqual(event.seconds, 3.0)

    def test_noEvidence(self) -> None:
        """A backend that has little time left, as the header came late, does not rest for that."""
        kit = self.balancer("a", dialTimeout=3)
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = self.introduced(kit)
        kit.clock.pump([0.25] * 11)
        client.send(LINE)
        kit.clock.pump([0.125] * 3)
        self.assertEqual(self.unserved(kit).reason, CloseReason.DIAL_TIMEOUT)
        (failure,) = told(kit.events, DialFailed)
        self.assertEqual((failure.kind, failure.isEvidence), (DialFailure.TIMEOUT, False))
        self.assertEqual(kit.balancer.describe()["backends"][0]["state"], "ready")

    def test_deadlineIsOver(self) -> None:
        """A client that is served has none."""
        kit = self.balancer("a", dialTimeout=3)
        kit.backends["a"].behaviour = Behaviour.HANGS
        client = self.introduced(kit)
        kit.advance(2)
        client.send(LINE)
        kit.clock.pump([0.125] * 4)
        self.assertIsNone(client.ending)
        kit.backends["a"].behaviour = Behaviour.CONNECTS
        kit.backends["a"].answer()
        kit.clock.pump([1] * 10)
        self.assertEqual((len(told(kit.events, PairOpened)), client.ending), (1, None))

    def test_limit(self) -> None:
        """Those who have not introduced themselves yet count as clients; the next is refused, and says nothing."""
        kit = self.balancer("a", maxConnections=2)
        first, second = self.introduced(kit), self.introduced(kit)
        third = self.introduced(kit)
        self.assertEqual((third.hasFinished, self.unserved(kit).reason), (True, CloseReason.CLIENT_LIMIT))
        self.assertEqual(kit.balancer.describe()["dialing"], 2)
        for client in (first, second):
            client.send(LINE)
        kit.advance()
        self.assertEqual(len(told(kit.events, PairOpened)), 2)

    def test_stop(self) -> None:
        """A stop ends them."""
        kit, client = self.saying(LINE[:10])
        drained = kit.balancer.drain(5)
        kit.advance()
        self.successResultOf(drained)
        self.assertTrue(client.hasFinished)
        self.assertEqual(self.unserved(kit).reason, CloseReason.STOPPING)
        self.assertEqual(kit.clock.getDelayedCalls(), [])

    def test_grace(self) -> None:
        """Where a stop waits for dials that are under way, a header may come, and its client is served still."""
        kit, client = self.saying(LINE[:10])
        kit.balancer.drain(5, grace=1)
        client.send(LINE[10:] + b"hello")
        kit.advance(0.5)
        kit.advance()
        self.assertEqual(told(kit.events, ClientUnserved), [])
        self.assertEqual(len(told(kit.events, BackendPicked)), 1)
        self.assertEqual(kit.server("a").received, b"hello")
