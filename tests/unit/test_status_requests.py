"""How requests are answered, whatever they ask for."""

from __future__ import annotations

from itertools import pairwise

from tests.unit.statuscase import HEALTH, LISTEN, METRICS, FixedMetrics, LongMetrics, StatusTestCase, responses
from tinylb.status.answer import Answer
from tinylb.status.paths import Paths


class AnswerTests(StatusTestCase):
    """An answer."""

    def test_headers(self) -> None:
        """Every answer, errors too, forbids browsers to run, frame, keep or lend out what comes with it."""
        self.serve()
        for path, method in (("/", "GET"), ("/api/state", "HEAD"), ("/nothing", "GET"), ("/", "POST")):
            headers = self.ask(path, method).headers
            self.assertEqual(
                headers["content-security-policy"],
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            )
            self.assertEqual(headers["cache-control"], "no-store")
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")
            self.assertNotIn("access-control-allow-origin", headers)
            self.assertNotIn("server", headers)

    def test_head(self) -> None:
        """HEAD is answered as GET is, without the body."""
        self.serve(metrics=FixedMetrics(b"a 1\n"))
        for path in ("/", "/healthz", "/api/explain", "/nothing"):
            head, get = self.ask(path, "HEAD"), self.ask(path)
            self.assertEqual((head.code, head.body), (get.code, b""))
            self.assertEqual(head.headers["content-length"], str(len(get.body)))
        self.assertEqual(self.ask("/metrics", "HEAD").body, b"")

    def test_methods(self) -> None:
        """Nothing but GET and HEAD is known, not even to pages of others that ask beforehand."""
        self.serve()
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get"):
            response = self.ask("/api/state", method)
            self.assertEqual((response.code, response.headers["allow"]), (405, "GET, HEAD"), method)

    def test_log(self) -> None:
        """Whatever is asked, and however it fails, nothing is logged."""
        self.serve()
        del self.lines[:]
        for path in ("/", "/nothing", "/api/events"):
            self.ask(path)
        for nonsense in (b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n", b"GET / HTTP/1.1\r\n: \r\n\r\n", b"GET /"):
            peer = self.door.connect()
            peer.send(nonsense)
            self.settle()
            self.clock.advance(60)
        self.assertEqual(self.lines, [])

    def test_failure(self) -> None:
        """What fails is answered by 500 without a detail, and logged once, however often it is asked for."""
        self.serve(metrics=FixedMetrics(ZeroDivisionError("a secret")))
        for _ in range(3):
            response = self.ask("/metrics")
            self.assertEqual((response.code, response.body), (500, b"this failed; the log says why\n"))
        self.assertEqual(self.ask("/healthz").code, 200)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len([line for line in self.lines if "failed at /metrics" in line]), 1)

    def test_manyFailures(self) -> None:
        """Whatever hosts a client makes up to have new paths for what fails, few failures are logged."""
        self.serve(metrics=FixedMetrics(ZeroDivisionError()))
        for number in range(100):
            self.assertEqual(self.ask(f"http://127.0.0.{number}/metrics").code, 500)
        self.assertLess(len(self.flushLoggedErrors(ZeroDivisionError)), 20)

    def test_failureInBetween(self) -> None:
        """What fails when a part of it has been sent is cut, so that it does not look complete."""
        self.serve(metrics=FixedMetrics(b"a 1\n", b"b 2\n", ZeroDivisionError()))
        peer = self.say("GET /metrics HTTP/1.1")
        self.assertEqual(peer.ending, "reset")
        self.assertNotIn(b"\r\n0\r\n", peer.received)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class ConnectionTests(StatusTestCase):
    """A connection."""

    def test_persistent(self) -> None:
        """One connection serves any number of requests, one after another."""
        self.serve(metrics=FixedMetrics(b"a 1\n", b"b 2\n"))
        peer = self.door.connect()
        for path in ("/healthz", "/metrics", "/nothing", "/api/state"):
            self.say(f"GET {path} HTTP/1.1", to=peer)
        self.assertEqual([response.code for response in responses(peer.received)], [200, 200, 404, 200])
        self.assertIsNone(peer.ending)

    def test_close(self) -> None:
        """It ends when the client wants it to, and behind an answer for HTTP/1.0."""
        self.serve(metrics=FixedMetrics(b"a 1\n", b"b 2\n"))
        for first, *more in (("GET /metrics HTTP/1.1", "Connection: close"), ("GET /metrics HTTP/1.0",)):
            peer = self.say(first, *more)
            (response,) = responses(peer.received)
            self.assertEqual((response.body, response.headers["connection"]), (b"a 1\nb 2\n", "close"))
            self.assertTrue(peer.hasFinished)

    def test_halfClose(self) -> None:
        """Who says that it has nothing more to ask is answered still; then the connection ends."""
        self.serve()
        for request, count in ((HEALTH, 1), (b"GET /healthz HTTP/1.0\r\n\r\n", 1), (HEALTH * 5, 5)):
            peer = self.door.connect()
            peer.send(request)
            peer.finish()
            self.settle()
            self.assertEqual([response.body for response in responses(peer.received)], [b"ok\n"] * count)
            self.assertTrue(peer.hasFinished)

    def test_finishedListener(self) -> None:
        """Who asks for events and finishes at once is left: nobody can tell when it goes."""
        self.serve()
        peer = self.door.connect()
        peer.send(LISTEN)
        peer.finish()
        self.settle()
        self.assertEqual((peer.received, peer.hasFinished), (b"", True))

    def test_finishedWithoutAWord(self) -> None:
        """Who asks nothing and finishes is left."""
        self.serve()
        for beginning in (b"", b"GET / HT"):
            peer = self.door.connect()
            peer.send(beginning)
            peer.finish()
            self.settle()
            self.assertEqual((peer.received, peer.hasFinished), (b"", True))

    def test_bodies(self) -> None:
        """A body is refused before it comes, however its length is told; none is asked for, or taken for a request."""
        self.serve()
        for headers in (
            ("Content-Length: 5",),
            ("Content-Length: 99999999999999999999",),
            ("Transfer-Encoding: chunked",),
            ("Content-Length: 5", "Expect: 100-continue"),
        ):
            for method, code in (("GET", 413), ("POST", 405)):
                peer = self.say(f"{method} /api/state HTTP/1.1", *headers)
                peer.send(HEALTH)
                self.settle()
                (response,) = responses(peer.received)
                self.assertEqual((response.code, response.headers["connection"]), (code, "close"))
                self.assertTrue(peer.hasFinished or peer.ending)

    def test_emptyBody(self) -> None:
        """A body of no length is none."""
        self.serve()
        self.assertEqual(self.ask("/healthz", "GET", "Content-Length: 0").code, 200)

    def test_badRequests(self) -> None:
        """What is no request is answered by 400 and the end."""
        self.serve()
        for nonsense in (
            b"GET /", b"GET  / HTTP/1.1", b"GET / HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM", b"\x00",
            b"\xff\xfe / HTTP/1.1", b"GET / HTTP/1.1\r\nHost localhost", b"GET / HTTP/1.1\r\nHost: a\x00b",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1",
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000,
            b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\nAccept: *",
        ):  # fmt: skip
            peer = self.door.connect()
            peer.send(nonsense + b"\r\n\r\n" + HEALTH)
            self.settle()
            self.assertTrue(peer.received.startswith(b"HTTP/1.1 400 "), nonsense)
            self.assertEqual(len(responses(peer.received)), 1)
            self.assertTrue(peer.hasFinished or peer.ending)


class TurnTests(StatusTestCase):
    """The turns of the reactor that answers take. Each piece of work takes 10 ms here, which is long."""

    def setUp(self) -> None:
        super().setUp()
        self.done: list[str] = []

    def work(self, what: str) -> None:
        """A piece of work was done."""
        self.clock.rightNow += 0.01
        self.done.append(what)

    def watch(self, count: int) -> None:
        """Let so many pieces be done. Whoever else has something to do, at any time, is called between two of them."""

        def somebodyElse() -> None:
            self.done.append("other")
            if len(self.pieces()) < count and len(self.done) < 1000:
                self.clock.callLater(0, somebodyElse)

        self.clock.callLater(0, somebodyElse)
        self.settle()
        self.assertEqual(len(self.pieces()), count)
        self.assertEqual([pair for pair in pairwise(self.done) if "other" not in pair], [])

    def pieces(self) -> list[str]:
        """What was done, of the work."""
        return [each for each in self.done if each != "other"]

    def test_pipelined(self) -> None:
        """Of requests that come together one is answered in a turn; they are answered in order."""
        answer = Paths.answer

        def slowly(paths: Paths, path: bytes) -> Answer:
            self.work(path.decode())
            return answer(paths, path)

        self.patch(Paths, "answer", slowly)
        self.serve()
        peer = self.door.connect()
        peer.send(b"".join(HEALTH.replace(b"healthz", b"%d" % number) for number in range(50)))
        self.watch(50)
        self.assertEqual(self.pieces(), [f"/{number}" for number in range(50)])
        self.assertEqual(len(responses(peer.received)), 50)

    def test_parts(self) -> None:
        """Each part of a long answer has a turn of its own, and others are answered meanwhile."""
        self.serve(metrics=LongMetrics(lambda: self.work("part"), 20))
        first, second = self.door.connect(), self.door.connect()
        first.send(METRICS)
        self.clock.callLater(0.05, second.send, HEALTH)
        self.clock.callLater(0.1, lambda: self.assertIn(b"ok\n", second.received))
        self.watch(20)
        self.assertEqual(responses(first.received)[0].body, b"a 1\n" * 20)
