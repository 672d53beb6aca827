"""What there is to see at the status endpoint."""

from __future__ import annotations

from tests.unit.descriptors import noDescriptors
from tests.unit.statuscase import FixedMetrics, StatusTestCase, responses
from tinylb import BackendSet
from tinylb.listeners import CannotListen
from tinylb.status.answer import show
from tinylb.status.feed import LISTENERS
from tinylb.testing import MemoryEndpoint


class HealthTests(StatusTestCase):
    """C{/healthz} and C{/readyz}."""

    def test_well(self) -> None:
        """While every listener accepts and a backend is usable, both say so."""
        self.serve()
        for path in ("/healthz", "/readyz"):
            response = self.ask(path)
            self.assertEqual((response.code, response.body), (200, b"ok\n"))

    def test_noBackends(self) -> None:
        """Without a usable backend the balancer is healthy, but not ready."""
        self.serve()
        self.provider.set(BackendSet({}))
        response = self.ask("/readyz")
        self.assertEqual((response.code, response.body), (503, b"no backend is usable\n"))
        self.assertEqual(self.ask("/healthz").code, 200)

    def test_noDescriptors(self) -> None:
        """While a listener could take no client neither is well; which listener it is, and why, is told."""
        self.serve()
        peer = self.door.connect()
        for path in ("/healthz", "/readyz"):
            with noDescriptors():
                self.say(f"GET {path} HTTP/1.1", to=peer)
        for response in responses(peer.received):
            self.assertEqual((response.code, response.body), (503, b"127.0.0.1:6443: too many open files\n"))

    def test_stopped(self) -> None:
        """A balancer that has stopped is neither healthy nor ready, though backends are."""
        self.serve()
        self.balancer.stopService()
        for path in ("/healthz", "/readyz"):
            response = self.ask(path)
            self.assertEqual((response.code, response.body), (503, b"127.0.0.1:6443: stopping\n"))

    def test_allOfIt(self) -> None:
        """All that is wrong is told, on one line."""
        self.serve()
        self.provider.set(BackendSet({}))
        self.balancer.stopService()
        self.assertEqual(self.ask("/readyz").body, b"127.0.0.1:6443: stopping; no backend is usable\n")


class DataTests(StatusTestCase):
    """What is known, as JSON."""

    def test_state(self) -> None:
        """C{/api/state} is what the service describes."""
        self.serve()
        response = self.ask("/api/state")
        self.assertEqual(response.headers["content-type"], "application/json")
        self.assertEqual(response.json(), self.balancer.describe())
        self.assertEqual([backend["id"] for backend in response.json()["backends"]], ["a"])

    def test_explain(self) -> None:
        """C{/api/explain} is what the service explains, the newest first."""
        self.serve()
        self.provider.set(BackendSet({}))
        explained = self.ask("/api/explain").json()
        self.assertEqual(explained, self.balancer.explain())
        self.assertEqual([decision["what"] for decision in explained], ["removed", "added"])

    def test_strange(self) -> None:
        """Text that cannot be encoded does no harm."""
        answer = show({"id": "\ud800\n"})
        self.assertEqual(answer.body, b'{"id":"\\ud800\\n"}\n')


class MetricsTests(StatusTestCase):
    """C{/metrics}."""

    def test_parts(self) -> None:
        """What is counted comes whole, as Prometheus's text."""
        self.serve(metrics=FixedMetrics(b"a 1\n", b"", b"b 2\n", b"c 3\n"))
        response = self.ask("/metrics")
        self.assertEqual((response.code, response.body), (200, b"a 1\nb 2\nc 3\n"))
        self.assertEqual(response.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")

    def test_counting(self) -> None:
        """It is counted from the start to the stop of the status endpoint, and not where it cannot listen."""
        metrics = FixedMetrics()
        service = self.serve(metrics=metrics)
        self.assertTrue(metrics.isCounting)
        service.stopService()
        self.assertFalse(metrics.isCounting)
        self.door = MemoryEndpoint(self.clock, 9090, OSError())
        self.assertRaises(CannotListen, self.serve, metrics=metrics)
        self.assertFalse(metrics.isCounting)

    def test_nobodyCounts(self) -> None:
        """Where nobody counts, that is told."""
        self.serve()
        response = self.ask("/metrics")
        self.assertEqual((response.code, response.body), (501, b"nothing is counted here\n"))

    def test_missingLibrary(self) -> None:
        """Where a library is missing, which one it is is told, and all else works."""
        self.serve(metrics=FixedMetrics(ImportError("metrics need something")))
        response = self.ask("/metrics")
        self.assertEqual((response.code, response.body), (501, b"metrics need something\n"))
        self.assertEqual(self.ask("/healthz").code, 200)

    def test_nothing(self) -> None:
        """No parts are an empty text."""
        self.serve(metrics=FixedMetrics())
        self.assertEqual((self.ask("/metrics").code, self.ask("/metrics").body), (200, b""))


class EventTests(StatusTestCase):
    """C{/api/events}."""

    def test_told(self) -> None:
        """What happens is told as it happens: here, that a backend is removed, and what became of it."""
        self.serve()
        client = self.endpoint.connect()
        self.settle()
        peer = self.listen()
        self.assertEqual(responses(peer.received)[0].headers["content-type"], "text/event-stream")
        self.provider.set(BackendSet({}))
        self.settle()
        replaced, removed, closed = self.heard(peer)
        self.assertEqual((replaced["what"], replaced["removed"]), ("backends-replaced", [["a", "a"]]))
        self.assertEqual((removed["what"], removed["pairs"]), ("target-removed", 1))
        self.assertEqual((closed["what"], closed["reason"]), ("pair-closed", "target-removed"))
        self.assertEqual(client.ending, "reset")

    def test_clients(self) -> None:
        """What becomes of single clients is told."""
        self.serve()
        peer = self.listen()
        client = self.endpoint.connect()
        self.settle()
        client.reset()
        self.settle()
        self.assertEqual(
            [(event["what"], event["backend"]) for event in self.heard(peer)],
            [("backend-picked", "a"), ("pair-opened", "a"), ("pair-closed", "a")],
        )

    def test_gone(self) -> None:
        """When the listener goes, in whatever way, nothing is observed any more."""
        self.serve()
        before = list(self.balancer.balancer.observers)
        for go in ("close", "reset", "finish"):
            peer = self.listen()
            self.assertNotEqual(list(self.balancer.balancer.observers), before)
            getattr(peer, go)()
            self.settle()
            self.assertEqual(list(self.balancer.balancer.observers), before)

    def test_many(self) -> None:
        """One too many is told so, and when to come back; who leaves makes room."""
        self.serve()
        peers = [self.listen() for _ in range(LISTENERS)]
        response = self.ask("/api/events")
        self.assertEqual((response.code, response.headers["retry-after"]), (503, "5"))
        peers[0].close()
        self.settle()
        self.assertEqual(self.ask("/api/events").code, 200)

    def test_head(self) -> None:
        """HEAD tells that there are events, and listens to none."""
        self.serve()
        before = list(self.balancer.balancer.observers)
        response = self.ask("/api/events", "HEAD")
        self.assertEqual((response.code, response.headers["content-type"]), (200, "text/event-stream"))
        self.assertEqual(list(self.balancer.balancer.observers), before)


class PageTests(StatusTestCase):
    """C{/}."""

    def test_page(self) -> None:
        """The page, and what belongs to it, are served as what they are."""
        self.serve()
        for path, kind in (
            ("/", "text/html; charset=utf-8"),
            ("/page.css", "text/css; charset=utf-8"),
            ("/page.js", "text/javascript; charset=utf-8"),
        ):
            response = self.ask(path)
            self.assertEqual((response.code, response.headers["content-type"]), (200, kind))
            self.assertEqual(str(len(response.body)), response.headers["content-length"])
            self.assertNotEqual(response.body, b"")

    def test_nothingElse(self) -> None:
        """Nothing else is served, whatever the path tries."""
        self.serve()
        for path in (
            "/index.html", "/page/page.js", "/../service.py", "/%2e%2e/service.py", "//etc/passwd", "/api", "*",
            "/api/state/", "http:/healthz", "ftp://localhost/healthz", "/page.js%00", "/healthz;x",
        ):  # fmt: skip
            response = self.ask(path)
            self.assertEqual((response.code, response.body), (404, b"there is nothing here\n"), path)

    def test_absolute(self) -> None:
        """A target may be absolute, as RFC 9112 has it (3.2.2)."""
        self.serve()
        for target in ("http://localhost/healthz", "HTTP://127.0.0.1:9090/healthz?verbose"):
            self.assertEqual(self.ask(target).body, b"ok\n")
        self.assertEqual(self.ask("http://localhost").headers["content-type"], "text/html; charset=utf-8")

    def test_query(self) -> None:
        """What follows a question mark changes nothing."""
        self.serve()
        self.assertEqual(self.ask("/healthz?verbose&a=b").code, 200)
