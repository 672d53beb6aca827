"""What C{tinylb status} says of a state: once, and again and again."""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.screens import Terminal, pipe, written
from tinylb.cli.client import StatusClient, Unreachable, Where
from tinylb.cli.rates import withRates
from tinylb.cli.screen import Screen
from tinylb.cli.status import STATES, STATES_AND_RATES, headlines
from tinylb.cli.watch import INTERVAL, watch


def backend(id: str, **more: object) -> dict[str, Any]:
    """A backend of which nothing has been heard but good."""
    known = {"id": id, "target": f"{id}.example:6443", "state": "ready", "why": "", "since": None, "tier": 0}
    counted = {"weight": 1, "connections": 2, "opened": 10, "failed": 0, "bytesIn": 1000, "bytesOut": 2000}
    return {**known, **counted, **more}


def state(*backends: dict[str, Any], **more: object) -> dict[str, Any]:
    """A state in which all is well."""
    counts = {"ready": True, "revision": 3, "connections": 4, "dialing": 1, "unserved": {}}
    provider = {"source": "file /etc/b.json", "error": None, "changed": None}
    return {**counts, "backends": list(backends), "provider": provider, **more}


class HeadlinesTests(SynchronousTestCase):
    """See L{headlines}."""

    def test_well(self) -> None:
        """Whether it is ready comes first, then the size of the set, the connections and the source."""
        self.assertEqual(
            headlines(state(backend("a"), backend("b", state="dead")), Terminal()),
            ["ready: 1 of 2 backends ready; set 3; 4 open; 1 dialing", "file /etc/b.json", ""],
        )

    def test_trouble(self) -> None:
        """What is wrong is told in lines of its own, which are never cut off."""
        provider = {"source": "file /etc/b.json", "error": "line 1 column 2: " + "wrong " * 20, "changed": None}
        lines = headlines(state(ready=False, unserved={"no-backends": 7}, provider=provider), Terminal(40))
        self.assertTrue(lines[0].startswith("NOT READY: 0 of 0 backends ready"))
        self.assertIn("no-backends 7", lines)
        self.assertIn("error: line 1 column 2: wrong wrong", lines)
        self.assertEqual(" ".join(lines).count("wrong"), 20)
        self.assertTrue(all(len(line) <= 40 for line in lines))

    def test_deaf(self) -> None:
        """A listener that takes no clients is told; then it is not ready, whatever the backends are."""
        listening = [
            {"address": "127.0.0.1:6443", "accepting": True, "why": None},
            {"address": "127.0.0.1:6445", "accepting": False, "why": "too many open files"},
        ]
        lines = headlines(state(backend("a"), listening=listening), Terminal())
        self.assertTrue(lines[0].startswith("NOT READY: 1 of 1 backend ready"))
        self.assertEqual(lines[1], "127.0.0.1:6445: too many open files")
        (line,) = headlines(state(backend("a"), listening=listening), pipe())
        self.assertIn("; 127.0.0.1:6445: too many open files; ", line)

    def test_unserved(self) -> None:
        """Clients that were not served are told, and since when; in red only while they are seen to become more."""
        counts = state(backend("a"), unserved={"no-backends": 7, "dial-timeout": 1, "stopping": 0})
        told = "8 clients not served since the start"
        line = headlines(counts, Terminal(hasColours=True))[2]
        self.assertEqual(line, f"\x1b[33m{told}: no-backends 7, dial-timeout 1\x1b[0m")
        self.assertEqual(headlines(counts, Terminal(hasColours=True), 0.0)[2], line)
        line = headlines(counts, Terminal(hasColours=True), 2.5)[2]
        self.assertEqual(line, f"\x1b[31m{told}, 2.5/s now: no-backends 7, dial-timeout 1\x1b[0m")

    def test_sameTarget(self) -> None:
        """Ids that lead to the same place are told: each shows all that the place has."""
        backends = [backend("a"), backend("b", target="a.example:6443"), backend("c")]
        lines = headlines(state(*backends), Terminal(hasColours=True))
        self.assertIn("\x1b[33ma, b lead to the same target, a.example:6443\x1b[0m", lines)
        (line,) = headlines(state(*backends), pipe())
        self.assertIn("; a, b lead to the same target, a.example:6443; ", line)

    def test_colours(self) -> None:
        """Green: some backend is ready. Yellow: none is, so all are tried. Red: none can be served."""
        for isReady, now, colour in ((True, "ready", "32"), (True, "resting", "33"), (False, "draining", "31")):
            line = headlines(state(backend("a", state=now), ready=isReady), Terminal(hasColours=True))[0]
            self.assertTrue(line.startswith(f"\x1b[{colour}m"), line)
            self.assertEqual("; all are tried; " in line, now == "resting")

    def test_pipe(self) -> None:
        """For programs it is one line with all of it, which begins as no row of the table does."""
        provider = {"source": "file b", "error": "gone", "changed": "2026-01-01T00:00:00+00:00"}
        self.assertEqual(
            headlines(state(backend("a"), unserved={"dial-failed": 1}, provider=provider), pipe()),
            [
                "# ready: 1 of 1 backend ready; set 3; 4 open; 1 dialing; 1 client not served since the "
                "start: dial-failed 1; "
                "source file b; changed 2026-01-01T00:00:00+00:00; error gone"
            ],
        )

    def test_strange(self) -> None:
        """What another version leaves out, or has made something else of, is not stumbled over."""
        strange: list[dict[str, Any]] = [
            {"provider": None, "unserved": "none", "listening": 7},
            {"provider": {"source": {}, "changed": 5}, "listening": [None, {}, "all"], "unserved": {"x": "y"}},
        ]
        for more in strange:
            for screen in (Terminal(), pipe()):
                self.assertIn("ready: 0 of 0 backends ready", headlines(state(**more), screen)[0])
        self.assertTrue(headlines({"backends": [{}]}, Terminal())[0].startswith("NOT READY: 0 of 1 backend"))


class RatesTests(SynchronousTestCase):
    """See L{withRates}."""

    def rates(self, now: dict[str, Any], before: dict[str, Any], seconds: float = 2.0) -> tuple[object, ...]:
        """Connections, bytes in and bytes out in a second."""
        (found,) = withRates([now], [before], seconds)
        return found["openedRate"], found["inRate"], found["outRate"]

    def test_rates(self) -> None:
        """They are differences, by the time between."""
        now = backend("a", opened=16, bytesIn=3000, bytesOut=2000)
        self.assertEqual(self.rates(now, backend("a")), (3.0, 1000.0, 0.0))

    def test_unknown(self) -> None:
        """There is none for a newcomer, for a backend that has moved, or when a counter has begun anew."""
        nothing = (None, None, None)
        self.assertEqual(self.rates(backend("a"), backend("b")), nothing)
        self.assertEqual(self.rates(backend("a"), backend("a", target="elsewhere.example:1")), nothing)
        self.assertEqual(self.rates(backend("a"), backend("a", opened=11, bytesIn=1001, bytesOut="x")), nothing)
        self.assertEqual(self.rates(backend("a"), backend("a"), 0.0), nothing)


DULL = ("TIER", "WEIGHT", "STANDBY", "PROXY")


class NarrowTests(SynchronousTestCase):
    """The table on small terminals."""

    def test_whatMatters(self) -> None:
        """Who, in which state, and why, stay to the last."""
        rows = [backend("cp-1"), backend("cp-2", state="dead", why="connection refused", tier=1, weight=3)]
        self.assertEqual(STATES.lines(rows, Terminal(40))[0].split(), ["ID", "STATE", "OPEN", "WHY"])
        self.assertEqual(
            STATES.lines(rows, Terminal(200))[0].split(),
            ["ID", "TARGET", "STATE", "TIER", "WEIGHT", "OPEN", "OPENED", "FAILED", "IN", "OUT", "WHY"],
        )

    def test_proxyProtocol(self) -> None:
        """Who is told of clients is seen, where somebody is."""
        rows = [backend("cp-1", proxyProtocol=None), backend("cp-2", proxyProtocol="v1")]
        head, first, second = (line.split() for line in STATES.lines(rows, Terminal(200)))
        at = head.index("PROXY")
        self.assertEqual(second[at], "v1")
        self.assertNotIn("v1", first)
        self.assertNotIn("PROXY", STATES.lines(rows[:1], Terminal(200))[0])

    def test_order(self) -> None:
        """What went through goes first, both ways together; whom new clients go to goes last but who, what and why."""
        rows = [backend("cp-1", target="192.0.2.11:6443", since="2026-01-01T00:00:00+00:00", why="check: it accepts")]
        rows = withRates(rows, [], 0)
        gone: list[str] = []
        for columns in range(160, 30, -1):
            titles = STATES_AND_RATES.lines(rows, Terminal(columns))[0].split()
            missing = [each.title for each in STATES_AND_RATES.columns if each.title not in titles]
            gone += [each for each in missing if each not in gone and each not in DULL]
        self.assertEqual(gone, ["IN", "OUT", "IN/S", "OUT/S", "SINCE", "FAILED", "OPENED", "OPENED/S", "TARGET"])

    def test_standby(self) -> None:
        """Who only stands by is seen."""
        rows = [backend("cp-1", standby=False), backend("cp-2", standby=True)]
        head, first, second = (line.split() for line in STATES.lines(rows, Terminal(200)))
        self.assertIn("STANDBY", head)
        self.assertEqual((first[-6:].count("yes"), second.count("yes")), (0, 1))

    def test_nobody(self) -> None:
        """In place of a table without rows people are told what that means; programs get its titles as always."""
        told = ["The set is empty: clients are closed at once."]
        for table in (STATES, STATES_AND_RATES):
            self.assertEqual(table.lines([], Terminal()), told)
            self.assertEqual(table.lines([], pipe())[0].split("\t")[:3], ["ID", "TARGET", "STATE"])

    def test_whyIsWhole(self) -> None:
        """On a terminal of 80 columns the reason is told to its end."""
        why = "check: TLS: the certificate is from an unknown authority; 15 connections kept, as nobody else is ready"
        lines = STATES.lines([backend("cp-1", target="192.0.2.11:6443", state="not-ready", why=why)], Terminal(80))
        start = lines[0].index("WHY")
        self.assertIn(why, " ".join(line[start:].strip() for line in lines))


class ScriptedClient(StatusClient):
    """A client that gets the answers of a list, one after another; then somebody presses Ctrl-C."""

    def __init__(self, answers: list[dict[str, Any] | None]) -> None:
        super().__init__(Where.parse(":9090"), 1)
        self.now = 0.0
        self._answers = answers

    def state(self) -> dict[str, Any]:
        """The next answer; where there is none, it cannot be reached."""
        answer = self._answers.pop(0)
        if answer is None:
            raise Unreachable("http://127.0.0.1:9090: connection refused")
        return answer

    def sleep(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        if not self._answers:
            raise KeyboardInterrupt

    def watch(self, screen: Screen, asJSON: bool = False) -> str:
        """What is written; in the end the status is 0."""
        assert watch(self, screen, asJSON=asJSON, sleep=self.sleep, seconds=lambda: self.now) == 0
        return written(screen)


class WatchTests(SynchronousTestCase):
    """See L{watch}."""

    def test_documents(self) -> None:
        """JSON is one document a line, each with its time; the end of a connection is one, too."""
        client = ScriptedClient([state(revision=1), None, state(revision=2)])
        first, lost, again = map(json.loads, client.watch(pipe(), asJSON=True).splitlines())
        self.assertEqual((first["revision"], again["revision"]), (1, 2))
        self.assertEqual(lost["error"], "http://127.0.0.1:9090: connection refused")
        self.assertEqual(client.now, 3 * INTERVAL)

    def test_blocks(self) -> None:
        """Into a pipe goes one block after another: a line with the time and the whole, and the table."""
        answers = [state(backend("a")), state(backend("a", bytesIn=3000)), None]
        lines = ScriptedClient([*answers]).watch(pipe()).splitlines()
        self.assertRegex(lines[0], r"^# \d{4}-\S+ ready: 1 of 1 backend ready; set 3")
        self.assertEqual([line.split("\t")[0] for line in lines[1:3]], ["ID", "a"])
        rates = [
            dict(zip(lines[1].split("\t"), line.split("\t"), strict=True))["IN/S"] for line in (lines[2], lines[5])
        ]
        self.assertEqual(rates, ["-", "2000.000"])
        self.assertRegex(lines[6], r"^# \d{4}-\S+ http://127.0.0.1:9090: connection refused$")

    def test_ratesAfterALoss(self) -> None:
        """Nobody knows what went on meanwhile, or since when: rates begin anew."""
        sizes = [1000, None, 9000, 9500]
        answers = [None if each is None else state(backend("a", bytesIn=each)) for each in sizes]
        lines = ScriptedClient(answers).watch(pipe()).splitlines()
        column = lines[1].split("\t").index("IN/S")
        self.assertEqual([line.split("\t")[column] for line in lines if line.startswith("a\t")], ["-", "-", "500.000"])

    def pictures(self, answers: list[dict[str, Any] | None], terminal: Terminal) -> list[list[str]]:
        """The pictures that are drawn, each as its lines, and the one that stays in the end."""
        drawn = ScriptedClient(answers).watch(terminal)
        self.assertTrue(drawn.startswith("\x1b[?1049h\x1b[?25l\x1b[H"), "a screen of its own, without a cursor")
        inside, _, after = drawn.partition("\x1b[?25h\x1b[?1049l")
        pictures = [each.split("\x1b[H")[1] for each in inside.split("\x1b[J")[:-1]]
        lines = [re.sub("\x1b\\[K|\r", "", picture).splitlines() for picture in pictures]
        self.assertEqual(after.splitlines(), lines[-1], "the last picture stays")
        for line in (line for picture in lines for line in picture):
            self.assertLessEqual(len(re.sub("\x1b\\[[0-9]*m", "", line)), terminal.size[0])
        return lines

    def test_unservedNow(self) -> None:
        """That clients are not served right now is told with how many a second; an old sum is not taken for that."""
        counts = [7, 7, 10, None, 12, 12]
        answers = [None if each is None else state(backend("a"), unserved={"no-backends": each}) for each in counts]
        pictures = self.pictures(answers, Terminal(200, hasColours=True))
        told = [next(line for line in each if "not served" in line) for each in pictures]
        self.assertEqual([", 3.0/s now" in each for each in told], [False, False, True, True, False, False])
        self.assertEqual([each.startswith("\x1b[31m") for each in told], [False, False, True, True, False, False])

    def test_unservedFirst(self) -> None:
        """Where no reason was there before, all of it is new."""
        then = state(backend("a"), unserved={"dial-failed": 2})
        _, second = self.pictures([state(backend("a")), then], Terminal(200))
        self.assertIn("2 clients not served since the start, 2.0/s now: dial-failed 2", second)

    def test_drawn(self) -> None:
        """A terminal is drawn on anew each second, with rates from the second time on."""
        first, second = self.pictures([state(backend("a")), state(backend("a", opened=13))], Terminal(200))
        self.assertNotIn("3.0", first[-1].split())
        self.assertIn("3.0", second[-1].split())

    def test_lost(self) -> None:
        """When the connection is lost that is told on top, with how long; the last state stays to be seen."""
        answers = [state(backend("a")), None, None, state(backend("a", bytesIn=1))]
        first, lost, longer, again = self.pictures(answers, Terminal(200))
        self.assertEqual(lost[0], "http://127.0.0.1:9090: connection refused (0s)")
        self.assertEqual(longer[0], "http://127.0.0.1:9090: connection refused (1s)")
        self.assertEqual(lost[1:], first)
        self.assertTrue(again[0].startswith("ready: "))

    def test_tooMany(self) -> None:
        """Where not all backends can be seen, those in trouble can, and how many more there are is told."""
        backends = [backend(f"b{number:02}") for number in range(40)]
        backends[33]["state"] = "dead"
        (picture,) = self.pictures([state(*backends)], Terminal(100, 12))
        self.assertEqual(len(picture), 11)
        self.assertEqual(picture[4].split()[0], "b33")
        self.assertEqual(picture[-1], "and 34 more")

    def test_columnsLeftOut(self) -> None:
        """That columns are missing is told below the rows, before how many more rows there are."""
        backends = [backend(f"b{number:02}") for number in range(40)]
        (picture,) = self.pictures([state(*backends)], Terminal(60, 14))
        self.assertEqual(len(picture), 13)
        note = next(number for number, line in enumerate(picture) if line.startswith("no room for "))
        shown = [line.split()[0] for line in picture[:note] if line.startswith("b")]
        self.assertEqual(shown, [f"b{number:02}" for number in range(len(shown))])
        self.assertGreater(len(shown), 3)
        self.assertEqual(picture[-1], f"and {40 - len(shown)} more")

    def test_dumb(self) -> None:
        """A terminal that cannot be drawn on gets aligned blocks, and no sequences."""
        said = ScriptedClient([state(backend("a"))]).watch(Terminal(canRedraw=False))
        self.assertNotIn("\x1b", said)
        self.assertRegex(said, r"\na +a\.example:6443 +ready")

    def test_neverReached(self) -> None:
        """Who cannot be reached at the beginning is not waited for, and nothing is drawn."""
        screen = Terminal()
        self.assertRaises(Unreachable, ScriptedClient([None]).watch, screen)
        self.assertEqual(written(screen), "")
