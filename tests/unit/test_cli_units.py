"""Numbers and moments, as people read them; whatever an answer holds instead of them harms nobody."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.units import age, brief, clock, exact, lasting, rate, size

STRANGE: list[object] = [None, "", "text", True, [], {}, float("nan"), float("inf"), 10**400, "\x1b[31m"]


class NumberTests(SynchronousTestCase):
    """See L{size} and L{rate}."""

    def test_sizes(self) -> None:
        """Three digits and a decimal unit, rounded and never "1000 kB"."""
        expected = {
            0: "0 B",
            999: "999 B",
            1000: "1.00 kB",
            9994: "9.99 kB",
            9996: "10.0 kB",
            99949: "99.9 kB",
            99951: "100 kB",
            999499: "999 kB",
            999501: "1.00 MB",
            12345678: "12.3 MB",
            5 * 10**18: "5.00 EB",
            4 * 10**21: "4000 EB",
        }
        self.assertEqual({number: size(number) for number in expected}, expected)

    def test_rates(self) -> None:
        """Small numbers have a decimal place, and nothing is nothing."""
        self.assertEqual(
            [rate(each) for each in (0, 0.04, 1, 9.94, 9.96, 1234.5)], ["0", "0.0", "1.0", "9.9", "10", "1234"]
        )

    def test_strange(self) -> None:
        """What is no number is shown as what it is, on one printable line."""
        for value in STRANGE:
            for spell in (size, rate, age, clock, exact, brief):
                self.assertTrue(spell(value).isprintable(), value)
        self.assertEqual((size("many"), size(None), rate(None), exact(None), exact(False)), ("many", "", "", "-", "no"))
        self.assertEqual((size(True), rate(False)), ("yes", "no"))


class TimeTests(SynchronousTestCase):
    """See L{age} and L{clock}."""

    def test_lasting(self) -> None:
        """The largest unit, and the next one where that is small; what has not begun yet is no time."""
        expected = {
            -5: "0s",
            59.9: "59s",
            60: "1m",
            61: "1m 1s",
            601: "10m",
            3600: "1h",
            3660: "1h 1m",
            36000: "10h",
            90000: "1d 1h",
            10**7: "115d",
        }
        self.assertEqual({seconds: lasting(seconds) for seconds in expected}, expected)

    def test_age(self) -> None:
        """It is counted from now, whatever the offset, and however UTC is spelled."""
        moment = datetime.now(timezone.utc) - timedelta(seconds=600)
        self.assertEqual(age(moment.isoformat()), "10m")
        self.assertEqual(age(moment.isoformat().replace("+00:00", "Z")), "10m")
        self.assertEqual(age(moment.astimezone(timezone(timedelta(hours=5))).isoformat()), "10m")

    def test_notAMoment(self) -> None:
        """Anything else is shown as it is; nothing, as nothing. A moment of nobody knows which zone is none."""
        self.assertEqual([age("soon"), age(None), age("2026-01-01T00:00:00")], ["soon", "", "2026-01-01T00:00:00"])

    def test_clock(self) -> None:
        """Today only the time of day is told, in the local zone; otherwise the day, too."""
        now = datetime.now().astimezone().replace(microsecond=0)
        self.assertEqual(clock(now.astimezone(timezone.utc).isoformat()), f"{now:%H:%M:%S}")
        past = now - timedelta(days=40)
        self.assertEqual(clock(past.isoformat()), f"{past.astimezone():%Y-%m-%d %H:%M:%S}")
