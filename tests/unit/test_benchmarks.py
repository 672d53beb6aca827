"""The benchmarks' own arithmetic: what the tools' output means, medians, ratios and targets."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import plot, tables
from benchmarks.children.epoll_server import http
from benchmarks.options import choose, parse
from benchmarks.peers import ALL as PEERS
from benchmarks.process import Failed
from benchmarks.results import Measurement, Results
from benchmarks.targets import TARGETS, Target
from benchmarks.usage import CPU
from benchmarks.works import ALL as WORKS
from benchmarks.works import Sample, bulk, requests

WRK = """Running 1s test @ http://127.0.0.1:10001/64
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   601.54us  111.61us   3.40ms   85.66%
    Req/Sec    53.11k     2.32k   56.71k    63.64%
  58099 requests in 1.10s, 12.63MB read
Requests/sec:  52851.29
Transfer/sec:     11.49MB
"""


def temporaryPath(case: SynchronousTestCase) -> Path:
    """Where a test may write a file."""
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    return Path(folder.name) / "file"


def results(**figures: list[float]) -> Results:
    """Of rounds with one figure, by peer."""
    measurements = [
        Measurement(round, "small", peer.replace("_", "-"), Sample({"small": value}, {}))
        for peer, values in figures.items()
        for round, value in enumerate(values)
    ]
    about = {"cpu": "one", "cores": 2}
    return Results(about=about, versions=["tinylb 1"], notes=[], measurements=measurements)


class ToolsTests(SynchronousTestCase):
    """What tools print."""

    def test_wrk(self) -> None:
        """The number of requests is exact; the rates are rounded."""
        self.assertEqual(requests.parse(WRK), 58099)

    def test_wrkErrors(self) -> None:
        """A run with errors is none: what it used would be divided by too little."""
        for error in ("Socket errors: connect 0, read 3, write 0, timeout 0", "Non-2xx or 3xx responses: 7"):
            failure = self.assertRaises(Failed, requests.parse, f"{WRK}  {error}\n")
            self.assertIn(error, str(failure))

    def test_wrkNothing(self) -> None:
        """Nor is one without requests, or without a result."""
        for said in (WRK.replace("58099", "0"), "unable to connect"):
            self.assertRaises(Failed, requests.parse, said)

    def test_iperf3(self) -> None:
        """What arrived counts, not what was sent."""
        said = {"end": {"sum_sent": {"bytes": 1200}, "sum_received": {"bytes": 1000}}}
        self.assertEqual(bulk.parse(json.dumps(said)), 1000)

    def test_iperf3Errors(self) -> None:
        """Its errors are JSON, too."""
        wrong: list[Any] = [{"error": "unable to connect"}, {"end": {}}, {"end": {"sum_received": {"bytes": 0}}}, []]
        for said in wrong:
            self.assertRaises(Failed, bulk.parse, json.dumps(said))
        self.assertRaises(Failed, bulk.parse, "iperf3: error")


class UsageTests(SynchronousTestCase):
    """See L{CPU}."""

    def test_since(self) -> None:
        """Both accounts are differences."""
        self.assertEqual(CPU(2.5, 2.25).since(CPU(1.0, 1.25)), CPU(1.5, 1.0))

    def test_doubtful(self) -> None:
        """Ticks are coarse, but not as coarse as that."""
        self.assertFalse(CPU(1.0, 1.04).isDoubtful)
        self.assertFalse(CPU(0.004, 0.03).isDoubtful)
        self.assertTrue(CPU(1.0, 1.2).isDoubtful)
        self.assertTrue(CPU(0.0, 1.0).isDoubtful)


class ResultsTests(SynchronousTestCase):
    """See L{Results}."""

    def test_middle(self) -> None:
        """One round that was disturbed does not count."""
        self.assertEqual(results(tinylb=[2.0, 99.0, 3.0]).middle("small", "tinylb"), 3.0)

    def test_ratio(self) -> None:
        """It is taken inside each round first: what slows a whole round down does not count."""
        there = results(tinylb=[1.0, 20.0, 3.0], haproxy=[2.0, 40.0, 2.0])
        self.assertEqual(there.ratio("small", "tinylb", "haproxy"), 0.5)

    def test_ratioOfCommonRounds(self) -> None:
        """A round that failed for one of the two is left out."""
        self.assertEqual(results(tinylb=[1.0, 20.0], haproxy=[2.0]).ratio("small", "tinylb", "haproxy"), 0.5)

    def test_nothing(self) -> None:
        """Without figures there is none in the middle, and no ratio."""
        self.assertIsNone(results().middle("small", "tinylb"))
        self.assertIsNone(results(tinylb=[1.0]).ratio("small", "tinylb", "haproxy"))

    def test_notesAndVersions(self) -> None:
        """Each is there once."""
        there = results()
        there.addVersions(["wrk 4", "tinylb 1", "wrk 4"])
        there.note("gone")
        there.note("gone")
        self.assertEqual((there.versions, there.notes), (["tinylb 1", "wrk 4"], ["gone"]))

    def test_kept(self) -> None:
        """What was written is read again."""
        there = results(tinylb=[1.0, 2.0], haproxy=[3.0])
        path = temporaryPath(self)
        there.write(path)
        self.assertEqual(Results.read(path), there)


class TargetTests(SynchronousTestCase):
    """See L{Target}."""

    def test_best(self) -> None:
        """Beside several, the best of them is to be reached: of which the ratio is the largest."""
        there = results(tinylb=[6.0], haproxy=[5.0], envoy=[10.0])
        outcome = Target("small", 1.05, ("haproxy", "envoy")).look(there)
        self.assertEqual((outcome.reached, outcome.isMet), (1.2, False))

    def test_oneIsMissing(self) -> None:
        """Who is not there may be the best."""
        outcome = Target("small", 1.05, ("haproxy", "envoy")).look(results(tinylb=[6.0], haproxy=[6.0]))
        self.assertEqual((outcome.reached, outcome.isMet), (None, None))

    def test_absolute(self) -> None:
        """Beside nobody, the figure itself counts; what it may be at most is met."""
        self.assertIs(Target("small", 2.5).look(results(tinylb=[2.5])).isMet, True)
        self.assertIs(Target("small", 2.5).look(results(tinylb=[2.6])).isMet, False)

    def test_otherSubject(self) -> None:
        """A target may be that of tinylb as it runs otherwise, beside tinylb itself; its title says so."""
        target = Target("small", 1.1, ("tinylb",), subject="tinylb-attached")
        for theirs, isMet in ((10.5, True), (11.5, False)):
            self.assertIs(target.look(results(tinylb=[10.0], tinylb_attached=[theirs])).isMet, isMet)
        self.assertIsNone(target.look(results(tinylb=[10.0])).isMet)
        there = results(tinylb=[10.0], tinylb_attached=[10.5])
        self.patch(tables, "TARGETS", [target])
        self.assertIn("tinylb with status and access log, beside tinylb", tables.targets(there)[1][0])

    def test_known(self) -> None:
        """All speak of figures and peers that there are."""
        figures = {figure.name for work in WORKS for figure in work.figures}
        for target in TARGETS:
            self.assertIn(target.figure, figures)
            self.assertLessEqual(set(target.beside), {peer.name for peer in PEERS})


class TableTests(SynchronousTestCase):
    """See L{tables}."""

    def test_targets(self) -> None:
        """How it stands, and by how much."""
        for ours, judgement in ((8.4, "met, by 20%"), (12.6, "missed, by 20%")):
            there = results(tinylb=[ours], haproxy=[10.0], nginx=[11.0], envoy=[12.0])
            self.assertEqual([row[3] for row in tables.targets(there)[1:]], [judgement])

    def test_gaps(self) -> None:
        """What was not measured is a dash, in a table of all that was."""
        there = results(tinylb=[20.0], haproxy=[10.0], envoy=[])
        there.measurements.append(Measurement(0, "short", "tinylb", Sample({"short": 123.4}, {})))
        self.assertEqual(
            tables.absolute(there),
            [
                ["", "tinylb", "HAProxy"],
                ["64-byte reply (CPU µs)", "20.0", "10.0"],
                ["short connection (CPU µs)", "123", "-"],
            ],
        )
        self.assertEqual(tables.ratios(there), [["", "HAProxy"], ["64-byte reply", "2.00"]])

    def test_text(self) -> None:
        """Names are on the left, numbers on the right."""
        self.assertEqual(tables.text([["", "one"], ["longer", "1"]]), "        one\nlonger    1")

    def test_markdown(self) -> None:
        """The first row is the head."""
        self.assertEqual(tables.markdown([["", "one"], ["a", "1"]]), "|  | one |\n| --- | ---: |\n| a | 1 |")


class PlotTests(SynchronousTestCase):
    """See L{plot.draw}."""

    def test_bars(self) -> None:
        """One for each peer, as long as the ratio, up to a length."""
        path = temporaryPath(self)
        plot.draw(results(tinylb=[5.0], haproxy=[10.0], nginx=[90.0]), path)
        bars = [
            float(bar.attrib["width"])
            for bar in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}rect")
            if bar.attrib["width"] != "100%"
        ]
        self.assertEqual([bar / plot.SCALE_WIDTH * plot.LONGEST for bar in bars], [0.5, 1.0, plot.LONGEST])

    def test_nothing(self) -> None:
        """Without what it is relative to there is nothing to draw."""
        self.assertRaises(Failed, plot.draw, results(tinylb=[1.0]), temporaryPath(self))


class OptionsTests(SynchronousTestCase):
    """See L{parse}."""

    def test_full(self) -> None:
        """Everything, unless some is chosen."""
        options = parse([])
        self.assertEqual((options.works, options.peers), (WORKS, PEERS))

    def test_quick(self) -> None:
        """Less of everything; what is given goes before."""
        options = parse(["--quick", "--works", "large"])
        self.assertEqual([work.name for work in options.works], ["large"])
        self.assertEqual(
            [peer.name for peer in options.peers], ["tinylb", "tinylb-attached", "haproxy", "nginx", "envoy"]
        )
        self.assertLess(options.rounds * options.seconds, parse([]).rounds * parse([]).seconds)

    def test_order(self) -> None:
        """They are taken in the order in which they are known."""
        self.assertEqual([peer.name for peer in choose(PEERS, "haproxy,tinylb")], ["tinylb", "haproxy"])

    def test_unknown(self) -> None:
        """What there is instead is said."""
        error = self.assertRaises(LookupError, choose, PEERS, "tinylb,apache")
        self.assertIn("'apache'", str(error))
        self.assertIn("nginx", str(error))


class ServerTests(SynchronousTestCase):
    """The server for where no nginx is there."""

    def test_sizes(self) -> None:
        """The path is the size of the body; it closes when it is asked to, and says so."""
        reply, isOver = http(b"GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual((reply, isOver), (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxxx", False))
        reply, isOver = http(b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b"\r\nConnection: close\r\n\r\nxxx", reply)
        self.assertTrue(isOver)

    def test_unknown(self) -> None:
        """Anything else is not there."""
        reply, isOver = http(b"GET /x HTTP/1.1\r\n\r\n")
        self.assertTrue(reply.startswith(b"HTTP/1.1 404 "))
        self.assertTrue(isOver)
