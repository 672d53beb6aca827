"""What a line of the access log says."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from tests.unit.accesslogcase import CLOSED, NOW, AccessLogCase
from tinylb import CloseReason, PairOpened
from tinylb.accessline import LineWriter
from tinylb.interfaces import IRefreshable, ISelectiveObserver

EVERYTHING = "".join(map(chr, range(128)))
"""What an address that a client may write itself can be made of."""


class LineTests(AccessLogCase):
    """A pair that has ended is a line of JSON."""

    def line(self, **changes: Any) -> dict[str, Any]:
        """What the line of one such pair says."""
        log = self.accessLog()
        self.close(log, **changes)
        self.write()
        return self.objects()[-1]

    def test_interfaces(self) -> None:
        """It is told of nothing but ended pairs, and looks again when it is asked to."""
        log = self.accessLog()
        self.assertTrue(ISelectiveObserver.providedBy(log))
        self.assertTrue(IRefreshable.providedBy(log))
        self.assertEqual([kind.__name__ for kind in log.kinds], ["PairClosed"])

    def test_line(self) -> None:
        """All that is promised, in that order, and not a letter more."""
        self.close(self.accessLog())
        self.write()
        self.assertEqual(
            self.path.read_text(),
            '{"start": "2023-11-14T22:13:16.737+00:00", "client": "192.0.2.7:40000", "listener": "127.0.0.1:6443", '
            '"backend": "cp-1", "target": "192.0.2.11:6443", "attempts": 2, "dialSeconds": 0.012346, '
            '"bytesIn": 1234, "bytesOut": 5678, "duration": 3.500000, "reason": "client-closed"}\n',
        )

    def test_otherEvents(self) -> None:
        """Whatever else it is told of is nothing to it."""
        log = self.accessLog()
        log.observe(PairOpened(None, "a", "a:1", 1, 0.0))
        self.write()
        self.assertCounted(log, written=0, dropped=0)

    def test_types(self) -> None:
        """Seconds and bytes are numbers, however small or large."""
        line = self.line(dialSeconds=1e-9, duration=1e9, bytesIn=2**70, bytesOut=0)
        self.assertEqual((line["dialSeconds"], line["duration"]), (0.0, 1e9))
        self.assertEqual((line["bytesIn"], line["bytesOut"], line["attempts"]), (2**70, 0, 2))

    def test_start(self) -> None:
        """A client's time begins when it came: before its dial, which was before all that it moved."""
        log = self.accessLog()
        lasted = (0.0, 0.0), (0.1, 0.5), (0.0, 86400.0), (0.25, 0.0005), (0.0, 0.2501), (9.999, 0.0)
        for dialSeconds, duration in lasted:
            self.close(log, dialSeconds=dialSeconds, duration=duration)
        self.write()
        for line, (dialSeconds, duration) in zip(self.objects(), lasted, strict=True):
            start = datetime.fromisoformat(line["start"])
            self.assertEqual(start.tzinfo, timezone.utc)
            self.assertTrue(0 <= NOW - dialSeconds - duration - start.timestamp() < 0.00101, line)

    def test_endOfItsOwn(self) -> None:
        """It is its own end that counts, not that of those it is written together with."""
        log = self.accessLog()
        self.close(log, dialSeconds=0, duration=0)
        self.clock.advance(0.0625)
        self.close(log, dialSeconds=0, duration=0)
        self.write()
        self.assertEqual([line["start"][17:23] for line in self.objects()], ["20.250", "20.312"])

    def test_noClockBattery(self) -> None:
        """A machine that thinks it is 1970 gets dates, too, also from before."""
        log = self.accessLog(now=lambda: 0.5)
        self.close(log, dialSeconds=0, duration=0)
        self.close(log, dialSeconds=0, duration=1.25)
        self.write()
        starts = [line["start"] for line in self.objects()]
        self.assertEqual(starts, ["1970-01-01T00:00:00.500+00:00", "1969-12-31T23:59:59.250+00:00"])

    def test_client(self) -> None:
        """Whoever the client is; null where that is not known."""
        known = {
            None: None,
            IPv6Address("TCP", "2001:db8::7", 40000): "[2001:db8::7]:40000",
            UNIXAddress(b"/run/client.sock"): "unix:/run/client.sock",
            UNIXAddress(None): "unix:",
            UNIXAddress(b'\xff"\n'): 'unix:\\xff"\n',
            IPv4Address("TCP", EVERYTHING, 1): f"[{EVERYTHING}]:1",
        }
        for client, spelled in known.items():
            self.assertEqual(self.line(client=client)["client"], spelled)

    def test_names(self) -> None:
        """What operators call things stays what it is, in whatever script; no listener is null."""
        for name in (EVERYTHING, "größe \u2028 漢字 😀", "\ud800"):
            line = self.line(backend=name, target=name, listener=name)
            self.assertEqual([line[key] for key in ("backend", "target", "listener")], [name] * 3)
        self.assertIsNone(self.line(listener=None)["listener"])

    def test_manyNames(self) -> None:
        """However many there are, each line has its own."""
        log = self.accessLog()
        for number in range(2500):
            self.close(log, backend=f"b{number % 1250}", listener=f"l{number % 2}")
        self.write()
        expected = [(f"b{number % 1250}", f"l{number % 2}") for number in range(2500)]
        self.assertEqual([(line["backend"], line["listener"]) for line in self.objects()], expected)

    def test_memory(self) -> None:
        """However many there have been, and however long they are, few are remembered."""
        writer = LineWriter()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for number in range(3000):
            writer.line(NOW, replace(CLOSED, backend=f"{number:01000}"))
        self.assertLess(tracemalloc.get_traced_memory()[1], 4_000_000)

    def test_reasons(self) -> None:
        """Every reason by its name."""
        log = self.accessLog()
        for reason in CloseReason:
            self.close(log, reason=reason)
        self.write()
        self.assertEqual([line["reason"] for line in self.objects()], [reason.value for reason in CloseReason])
